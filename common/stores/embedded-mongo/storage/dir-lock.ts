import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../../../errors.js';

/** Another server has the data open. */
export class DirInUse extends Error {
  override readonly name = 'DirInUse';
}

/**
 * Keeps a data folder to one server: indexes are in its memory, so that a second one would spoil the data. The lock is
 * a file with the holder's process id and start time (two processes may have the same id, one after the other); that
 * of a process that is no more is taken over. Returns how to let go.
 */
export function lockDir(dir: string): () => void {
  const file = join(dir, 'server.lock');
  const self = identityOf(process.pid);
  for (;;) {
    try {
      const descriptor = openSync(file, 'wx', 0o600);
      writeSync(descriptor, `${self}\n`);
      closeSync(descriptor);
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
      removeStale(file, self);
    }
  }
}

function removeStale(file: string, self: string): void {
  const holder = read(file).trim();
  const pid = Number(holder.split(' ')[0]);
  const alive = Number.isInteger(pid) && pid > 0 && identityOf(pid) === holder;
  if (alive || holder === self) throw new DirInUse(`the data is in use by process ${pid} (${file})`);
  rmSync(file, { force: true });
}

/** A process by its id and the time it was started; without /proc, by its id alone. */
function identityOf(pid: number): string {
  // Fields after the command's name, which may itself hold blanks and brackets; the 20th of them is the start time.
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];
  return `${pid} ${hasEnded(fields) ? 'ended' : fields[19]!}`;
}

/** Killed, it writes no more, though its parent may not have asked for its end yet (state Z), or the kernel be at it (no memory). */
function hasEnded([state, ...rest]: readonly string[]): boolean {
  return state === undefined || state === 'Z' || state === 'X' || rest[19] === '0';
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ESRCH') return '';
    throw error;
  }
}
