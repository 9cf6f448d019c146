import { open, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { systemCode } from '../../common/index.js';
import type { Home } from '../home/home.js';

export interface LogFile {
  /** What it belongs to: a cluster's name, or a part. */
  readonly part: string;
  /** For the start of its lines: `blue/node-1`. */
  readonly name: string;
  readonly path: string;
}

const FOLLOW_EVERY_MS = 200;

/** Folders below a home are never deeper than this. */
const DEEPEST = 4;

/** All logs of a home, the supervisor's children first. */
export async function logFiles(home: Home): Promise<LogFile[]> {
  const own = (await find(home.logsDir, 0)).map((path) => partLog(basename(path, '.log'), path));
  const edge = (await find(home.edgeDir, 0)).map((path) => ({ part: 'edge', name: 'edge', path }));
  const clusters = await below(home.clustersDir, (name) => name);
  const shadows = await below(home.shadowDir, () => 'shadow');
  return [...own, ...edge, ...clusters, ...shadows];
}

function partLog(name: string, path: string): LogFile {
  const agent = /^agent-(.+)$/.exec(name)?.[1];
  if (agent !== undefined) return { part: agent, name: `${agent}/agent`, path };
  return name.startsWith('shadow-') ? { part: 'shadow', name, path } : { part: name, name, path };
}

async function below(dir: string, part: (folder: string) => string): Promise<LogFile[]> {
  const folders = await entries(dir);
  const found = await Promise.all(
    folders
      .filter((folder) => folder.isDirectory())
      .map(async ({ name: folder }) =>
        (await find(join(dir, folder), 0)).map((path) => ({
          part: part(folder),
          name: `${folder}/${basename(path, '.log')}`,
          path,
        })),
      ),
  );
  return found.flat();
}

async function find(dir: string, depth: number): Promise<string[]> {
  if (depth > DEEPEST) return [];
  const found: string[] = [];
  for (const entry of await entries(dir)) {
    const path = join(dir, entry.name);
    if (entry.isDirectory() && entry.name !== 'node_modules') found.push(...(await find(path, depth + 1)));
    else if (entry.isFile() && entry.name.endsWith('.log')) found.push(path);
  }
  return found.sort();
}

async function entries(dir: string): Promise<{ name: string; isDirectory(): boolean; isFile(): boolean }[]> {
  try {
    return await readdir(dir, { withFileTypes: true });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Bytes of one read; a longer last line is shown from its middle on. */
const CHUNK = 256 * 1024;

/** The last `count` lines. */
export async function tailOf(path: string, count: number): Promise<string[]> {
  const { size } = await stat(path);
  const text = await readSlice(path, Math.max(0, size - CHUNK), size);
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return count === 0 ? [] : lines.slice(-count);
}

/** Hands on whole lines as they are appended, until the signal aborts. */
export async function followLogs(
  files: readonly LogFile[],
  onLine: (name: string, line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const seen = new Map<string, { at: number; rest: string }>();
  for (const file of files) seen.set(file.path, { at: (await stat(file.path)).size, rest: '' });
  while (!signal.aborted) {
    for (const file of files) await readNew(file, seen.get(file.path)!, onLine);
    await pause(FOLLOW_EVERY_MS, undefined, { signal }).catch(() => undefined); // Ctrl-C ends it, and well.
  }
}

async function readNew(
  file: LogFile,
  state: { at: number; rest: string },
  onLine: (name: string, line: string) => void,
): Promise<void> {
  const { size } = await stat(file.path).catch(() => ({ size: 0 })); // Removed with its cluster.
  if (size < state.at) state.at = 0;
  while (state.at < size) {
    const end = Math.min(size, state.at + CHUNK);
    const lines = (state.rest + (await readSlice(file.path, state.at, end))).split('\n');
    state.at = end;
    state.rest = lines.pop() ?? '';
    for (const line of lines) onLine(file.name, line);
  }
}

async function readSlice(path: string, from: number, to: number): Promise<string> {
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(to - from), 0, to - from, from);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
