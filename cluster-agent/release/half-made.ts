import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from '../../common/index.js';

/** A folder that is being made (or removed): its name tells by which process, so that a dead one's is told from a live one's. */
const HALF_MADE = /^half-(\d+)-(\d+)-[0-9a-f]+$/;

/** A name for a folder that this process is making. */
export function halfMadeName(): string {
  return `half-${process.pid}-${startTime(process.pid) ?? 0}-${randomBytes(6).toString('hex')}`;
}

/** Removes what processes that no longer run left half-made in `dir`. */
export async function cleanHalfMade(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const match = HALF_MADE.exec(name);
    if (match && startTime(Number(match[1])) !== Number(match[2])) await removeTree(join(dir, name));
  }
}

/** When a process was started, in the kernel's ticks: with it, a pid is not mistaken for an earlier one. */
function startTime(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Field 22; the name in field 2 may hold spaces and parentheses, so count from the last ")".
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return undefined; // No such process.
  }
}
