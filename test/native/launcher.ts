import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findNative } from '../../common/paths.js';

/** The launcher under test. */
export const launcher = built('dharma-run');

function built(program: string): string {
  const path = findNative(program);
  if (path === undefined) throw new Error(`${program} is not built: npm run build:native`);
  return path;
}

export const fixture = (name: string): string => resolve('test/native/fixtures', name);

/** Who runs the launcher: as root a jail needs no user namespace, so that both ways are tried where they can be. */
export interface User {
  readonly name: string;
  readonly ids: { readonly uid?: number; readonly gid?: number };
}
const NOBODY = 65534;
const nobody: User = { name: 'an unprivileged user', ids: { uid: NOBODY, gid: NOBODY } };
export const users: readonly User[] =
  process.getuid?.() === 0
    ? // Below a folder that is root's alone (a clone in /root, say) nobody else can start the launcher.
      [{ name: 'root', ids: {} }, ...(canStart(nobody) ? [nobody] : [])]
    : [{ name: 'an unprivileged user', ids: {} }];

function canStart({ ids }: User): boolean {
  return spawnSync(launcher, ['--version'], ids).error === undefined;
}

/** Why `user` cannot have a jail on this machine, from the launcher's own probe; undefined when it can. */
export function noJail(user: User): string | undefined {
  const probe = spawnSync(launcher, ['--probe-jail'], { encoding: 'utf8', ...user.ids });
  return probe.status === 0 ? undefined : probe.stdout.trim();
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves with the text so far once standard output holds `text`; rejects when it ends without. */
  printed(text: string): Promise<string>;
}

const started = new Set<ChildProcess>();
const folders = new Set<string>();

/** Ends all that this file's tests started; the launcher takes its tree along. */
export async function cleanUp(): Promise<void> {
  for (const child of started) child.kill('SIGKILL');
  started.clear();
  await Promise.all([...folders].map((folder) => rm(folder, { recursive: true, force: true })));
  folders.clear();
}

/** A temporary folder that `user` may write to. */
export async function folderFor(user: User, parent = tmpdir()): Promise<string> {
  const folder = await mkdtemp(join(parent, 'dharma-run-'));
  folders.add(folder);
  if (user.ids.uid !== undefined) await chown(folder, user.ids.uid, user.ids.gid ?? user.ids.uid);
  return folder;
}

export function run(
  args: readonly string[],
  options: {
    readonly user?: User;
    readonly cwd?: string;
    readonly detached?: boolean;
    readonly file?: string;
  } = {},
): Running {
  const child = spawn(options.file ?? launcher, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.detached ?? false,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...options.user?.ids,
  });
  started.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<Ended>((done, failed) => {
    child.on('error', failed);
    child.on('close', (code, signal) => {
      started.delete(child);
      done({ code, signal, stdout, stderr });
    });
  });
  const printed = (text: string): Promise<string> =>
    new Promise((done, failed) => {
      const look = (): void => {
        if (stdout.includes(text)) done(stdout);
      };
      child.stdout.on('data', look);
      child.on('close', () => failed(new Error(`ended without printing ${text}: ${stdout}${stderr}`)));
      look();
    });
  return { child, ended, printed };
}

/** Processes of the whole machine whose environment or arguments hold `mark`, this one excepted. */
export function processesWith(mark: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        const state = readFileSync(`/proc/${name}/stat`, 'utf8').replace(/^.*\) /s, '')[0];
        return state !== 'Z' && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(mark);
      } catch {
        return false; // it has ended meanwhile
      }
    })
    .map(Number);
}

/** Waits until `condition` holds; the test's own deadline ends it otherwise. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((next) => setTimeout(next, 20));
}
