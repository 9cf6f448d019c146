import { readFile } from 'node:fs/promises';

/** Processes below one that are looked at: an app of more workers is judged by these. */
const MOST_PROCESSES = 64;

/**
 * A text that stays the same for as long as nothing runs in a process or below it: how often the kernel gave each of them
 * the CPU. Undefined while one of them wants to run, which on a busy machine can take long. Linux's /proc.
 */
export async function activityOf(pid: number): Promise<string | undefined> {
  const seen: string[] = [];
  for (const pids = [pid]; pids.length > 0 && seen.length < MOST_PROCESSES;) {
    const next = pids.shift()!;
    const [stat, schedule, children] = await Promise.all([
      readProc(`/proc/${next}/stat`),
      readProc(`/proc/${next}/schedstat`),
      readProc(`/proc/${next}/task/${next}/children`),
    ]);
    // The state stands behind the name, which is in parentheses and may hold anything.
    if (stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) === 'R') return undefined;
    seen.push(`${next}:${schedule.trim()}`);
    pids.push(
      ...children
        .split(' ')
        .filter((text) => text !== '')
        .map(Number),
    );
  }
  return seen.join(',');
}

/** Empty for a process that has just ended. */
async function readProc(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
