import { statfsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode } from '../../common/index.js';
import type { Room } from './sizes.js';

/**
 * What can be taken now of the disk `dir` is on and of memory. Memory: what the kernel says is available, and no more
 * than any control group this process is in leaves it. `root` stands before /proc and /sys. Linux's.
 */
export async function freeRoom(dir: string, root = '/'): Promise<Room> {
  return { disk: freeDisk(dir), memory: await freeMemory(root) };
}

/** Bytes that processes of this user may still take of the disk `dir` is on. */
export function freeDisk(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize;
}

export async function freeMemory(root = '/'): Promise<number> {
  const available = /^MemAvailable:\s+(\d+) kB/m.exec(await read(join(root, 'proc/meminfo')));
  const groups = await read(join(root, 'proc/self/cgroup'));
  const left = await Promise.all(
    groups
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => leftInGroup(line, root)),
  );
  return Math.min(available === null ? Infinity : Number(available[1]) * 1024, ...left);
}

/** Names of the files that tell a group's limit, its use, and what of that is pages it can drop at once. */
const V1 = {
  limit: 'memory.limit_in_bytes',
  used: 'memory.usage_in_bytes',
  droppable: /^total_inactive_file (\d+)/m,
};
const V2 = { limit: 'memory.max', used: 'memory.current', droppable: /^inactive_file (\d+)/m };

/** `line`: of /proc/self/cgroup: `number:controllers:path`, without controllers in version 2. */
async function leftInGroup(line: string, root: string): Promise<number> {
  const [, controllers = '', ...path] = line.split(':');
  const isV1 = controllers.split(',').includes('memory');
  if (!isV1 && controllers !== '') return Infinity;
  const files = isV1 ? V1 : V2;
  const top = join(root, 'sys/fs/cgroup', isV1 ? 'memory' : '');
  let least = Infinity;
  // A group is bound by those above it, too. In a container the path may not be there below its own root: then its root is.
  for (let dir = join(top, path.join(':')); dir.startsWith(top); dir = dirname(dir)) {
    const [limit, used, stat] = await Promise.all([
      read(join(dir, files.limit)),
      read(join(dir, files.used)),
      read(join(dir, 'memory.stat')),
    ]);
    // `max`, or not there: no limit.
    if (!/^\d+\s*$/.test(limit)) continue;
    const droppable = Number(files.droppable.exec(stat)?.[1] ?? 0);
    least = Math.min(least, Math.max(0, Number(limit) - Number(used) + droppable));
  }
  return least;
}

/** Empty where there is no such file, or it may not be read. */
async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes(systemCode(error) ?? '')) return '';
    throw error;
  }
}
