import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import {
  cleanUp,
  fixture,
  folderFor,
  launcher,
  noJail,
  processesWith,
  run,
  until,
  users,
} from './launcher.js';
import type { User } from './launcher.js';

const self = users[0]!;
const tree = fixture('tree.mjs');
const mark = (): string => `mark-${randomUUID()}`;
const node = process.execPath;

/** Direct children of a process, by the host's ids. */
const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

afterEach(cleanUp);

describe('dharma-run command line', () => {
  it.each([
    [['--jail'], 'no command'],
    [['--nonsense', '--', 'true'], '--nonsense: unknown option'],
    [['--bridge', '/x:1', '--', 'true'], 'go with --jail'],
    [['--jail', '--bridge', '/x', '--', 'true'], 'PATH:PORT'],
    [['--jail', '--bridge', '/x:0', '--', 'true'], 'port from 1 to 65535'],
    [['--jail', '--bridge', '/x:65536', '--', 'true'], 'port from 1 to 65535'],
    [['--jail', '--bridge', 'x:80', '--', 'true'], 'must be absolute'],
    [['--jail', '--inward', '80', '--', 'true'], 'PORT:PATH'],
    [['--jail', '--inward', `80:/${'x'.repeat(120)}`, '--', 'true'], 'over 107 bytes'],
    [['--jail', '--writable', '/does/not/exist', '--', 'true'], '/does/not/exist: No such file'],
    [['--jail', '--writable', '/', '--', 'true'], 'would show /run again'],
    [['--jail', '--writable', '/proc/self', '--', 'true'], 'nothing under /proc'],
    [['--die-with-parent=x', '--', 'true'], 'a process id is wanted'],
    [['--nice', '20', '--', 'true'], 'a number from 1 to 19 is wanted'],
    [['--die-with-parent=999999999', '--', 'true'], 'the parent is gone'],
  ])('%j fails closed with one line', async (args, message) => {
    const ended = await run(args).ended;
    expect(ended).toMatchObject({ code: 125, stdout: '' });
    expect(ended.stderr).toContain(message);
    expect(ended.stderr.trim().split('\n')).toHaveLength(1);
  });

  it('prints its usage', async () => {
    const ended = await run(['--help']).ended;
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout).toContain('--probe-jail');
  });
});

const modes: readonly (readonly [string, User, readonly string[], string | undefined])[] = [
  ['bare', self, [], undefined],
  ['--die-with-parent', self, [`--die-with-parent=${process.pid}`], undefined],
  ...users.map(
    (user) => [`--jail as ${user.name}`, user, ['--die-with-parent', '--jail'], noJail(user)] as const,
  ),
];

// A machine that allows no jail (its reason stands in the name) runs the rest of these.
describe.each(modes)('dharma-run %s', (_, user, flags, impossible) => {
  const start = (...command: string[]): ReturnType<typeof run> => run([...flags, '--', ...command], { user });

  it.skipIf(impossible)('passes on arguments, output and the exit code', async () => {
    const ended = await start(
      'sh',
      '-c',
      'printf "%s|" "$0" "$@"; echo problem >&2; exit 7',
      'a b',
      '--jail',
      '',
    ).ended;
    expect(ended).toEqual({ code: 7, signal: null, stdout: 'a b|--jail||', stderr: 'problem\n' });
  });

  it.skipIf(impossible)('ends by the signal that ended the command', async () => {
    expect(await start('sh', '-c', 'kill -KILL $$').ended).toMatchObject({ code: null, signal: 'SIGKILL' });
    expect(await start('sh', '-c', 'kill -TERM $$').ended).toMatchObject({ code: null, signal: 'SIGTERM' });
  });

  it.skipIf(impossible)('says that a command does not exist or cannot be run', async () => {
    const missing = await start('/no/such/command').ended;
    expect(missing).toMatchObject({
      code: 127,
      stderr: 'dharma-run: /no/such/command: No such file or directory\n',
    });
    expect(await start('/etc/passwd').ended).toMatchObject({ code: 126 });
  });

  it.skipIf(impossible)('passes SIGTERM to the command, once', async () => {
    const program =
      'let n = 0; process.on("SIGTERM", () => { n++; setTimeout(() => process.exit(n), 50) });' +
      'setInterval(() => {}, 1000); console.log("ready")';
    const running = start(node, '-e', program);
    await running.printed('ready');
    running.child.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 1, signal: null });
  });

  it.skipIf(impossible)(
    'lowers the priority of the command and of its session, and never raises it',
    async () => {
      const show = ['sh', '-c', 'nice; cat /proc/self/autogroup 2>/dev/null'];
      const own = os.getPriority();
      const lower = Math.min(own + 10, 19);
      const { code, stdout } = await run(['--nice', String(lower), ...flags, '--', ...show], {
        user,
        detached: true,
      }).ended;
      const [nice, session] = stdout.trim().split('\n');
      expect({ code, nice }).toEqual({ code: 0, nice: String(lower) });
      // Not every kernel groups sessions.
      if (session !== undefined) expect(session).toMatch(new RegExp(` nice ${lower}$`));
      const nested = await run(
        ['--nice', String(lower), '--', launcher, '--nice', '1', ...flags, '--', 'nice'],
        { user },
      ).ended;
      expect(nested.stdout).toBe(`${lower}\n`);
    },
  );

  it.skipIf(impossible)('has the command give way at once to those of the usual priority', async () => {
    const show = ['sed', '-n', 's/^se.slice *: *//p', '/proc/self/sched'];
    const { stdout } = await run(['--nice', '19', ...flags, '--', ...show], { user }).ended;
    const usual = await run([...flags, '--', ...show], { user }).ended;
    // Not every kernel tells it, or can.
    const canBeTold = usual.stdout !== '' && versionOf(os.release()) >= versionOf('6.12');
    if (canBeTold) expect(Number(stdout)).toBeGreaterThan(Number(usual.stdout));
    else expect(stdout).toBe(usual.stdout);
  });

  it.skipIf(impossible)('gives the command the signal mask it would have had', async () => {
    const ended = await start('grep', 'SigBlk', '/proc/self/status').ended;
    expect(ended.stdout).toMatch(/SigBlk:\s0+\n/);
  });
});

const supervised = modes.filter(([, , flags]) => flags.length > 0);

describe.each(supervised)('a tree of processes under dharma-run %s', (_, user, flags, impossible) => {
  const begin = async (): Promise<{ id: string; running: ReturnType<typeof run> }> => {
    const id = mark();
    const running = run([...flags, '--', node, tree, id], { user });
    await running.printed('ready');
    expect(processesWith(id).length).toBe(5);
    return { id, running };
  };
  const goneAfter = async (id: string, action: () => void): Promise<void> => {
    action();
    await until(() => processesWith(id).length === 0);
  };

  it.skipIf(impossible)('is gone after kill -9 of the launcher', async () => {
    const { id, running } = await begin();
    await goneAfter(id, () => running.child.kill('SIGKILL'));
  });

  it.skipIf(impossible)('is gone after kill -9 of the inner supervisor, and that is said', async () => {
    const { id, running } = await begin();
    await goneAfter(id, () => process.kill(childrenOf(running.child.pid!)[0]!, 'SIGKILL'));
    expect(await running.ended).toMatchObject({ code: 125 });
  });

  it.skipIf(impossible)('is gone after kill -9 of the command', async () => {
    const { id, running } = await begin();
    const inner = childrenOf(running.child.pid!)[0]!;
    await goneAfter(id, () => process.kill(childrenOf(inner)[0]!, 'SIGKILL'));
    expect(await running.ended).toMatchObject({ signal: 'SIGKILL' });
  });

  it.skipIf(impossible)('is gone once the command has ended by itself', async () => {
    const { id, running } = await begin();
    await goneAfter(id, () => running.child.kill('SIGTERM'));
    expect(await running.ended).toMatchObject({ signal: 'SIGTERM' });
  });

  it.skipIf(impossible)('is gone after kill -9 of the process group it was started in', async () => {
    const id = mark();
    const running = run([...flags, '--', node, tree, id], { user, detached: true });
    await running.printed('ready');
    await goneAfter(id, () => process.kill(-running.child.pid!, 'SIGKILL'));
  });

  it.skipIf(impossible)('is gone after kill -9 of the caller', async () => {
    const id = mark();
    const follow = flags.map((flag) => (flag.startsWith('--die') ? '--die-with-parent' : flag));
    const caller = run([fixture('parent.mjs'), launcher, ...follow, '--', node, tree, id], {
      file: node,
      user,
    });
    await caller.printed('ready');
    await goneAfter(id, () => caller.child.kill('SIGKILL'));
  });
});

describe('a Node child with an IPC channel under dharma-run --die-with-parent', () => {
  it('talks with its parent, which learns when it lets go of the channel', async () => {
    const program =
      "process.on('message', (m) => { process.send(m * 2, () => process.disconnect()); }); setInterval(() => {}, 1000)";
    const child = spawn(launcher, [`--die-with-parent=${process.pid}`, '--', node, '-e', program], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    try {
      const answer = once(child, 'message');
      const disconnected = once(child, 'disconnect');
      child.send(21);
      expect((await answer)[0]).toBe(42);
      await disconnected;
      expect(child.exitCode).toBeNull();
    } finally {
      child.kill('SIGKILL');
    }
  });
});

describe('dharma-run --jail without --die-with-parent', () => {
  it.skipIf(noJail(self))('outlives its caller', async () => {
    const id = mark();
    const folder = await folderFor(self);
    const args = ['--jail', '--readable', folder, '--', node, tree, id];
    const caller = run([fixture('parent.mjs'), launcher, ...args], { file: node });
    await caller.printed('ready');
    const before = processesWith(id);
    caller.child.kill('SIGKILL');
    await until(() => processesWith(id).length === before.length - 1);
    for (const pid of processesWith(id)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It went down with the launcher.
      }
    }
    await until(() => processesWith(id).length === 0);
  });
});

/** `6.12.3-amd64` → 6012 */
function versionOf(release: string): number {
  const [major = 0, minor = 0] = release.split('.').map(Number);
  return major * 1000 + minor;
}
