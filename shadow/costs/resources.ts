import { readdirSync, readFileSync } from 'node:fs';

/** What a process and all below it have taken. */
export interface Resources {
  /** CPU time since they started, those that have ended included, ms. */
  readonly cpuMs: number;
  /** Memory they take now, bytes. */
  readonly rssBytes: number;
}

/** Linux tells CPU time in ticks of USER_HZ, which is 100 on every architecture Node runs on. */
const TICK_MS = 10;

/** Fields of /proc/PID/stat, counted from behind the name. */
const [UTIME, CSTIME] = [11, 14];

/** Zero for what has ended. Linux's /proc. */
export function resourcesOf(pid: number): Resources {
  let cpuMs = 0;
  let rssBytes = 0;
  for (const next of treeOf(pid)) {
    const stat = read(`/proc/${next}/stat`);
    // The name stands in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Its own, user and system, and that of its children that have ended.
    for (const ticks of fields.slice(UTIME, CSTIME + 1)) cpuMs += Number(ticks) * TICK_MS;
    rssBytes += Number(/^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${next}/status`))?.[1] ?? 0) * 1024;
  }
  return { cpuMs, rssBytes };
}

/** The process and those below it, started by whichever of their threads. */
function treeOf(pid: number): readonly number[] {
  const pids = [pid];
  for (const next of pids)
    for (const thread of threadsOf(next))
      for (const child of read(`/proc/${next}/task/${thread}/children`).split(' '))
        if (child.trim() !== '') pids.push(Number(child));
  return pids;
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // It has ended.
  }
}

/** Empty for a process that has ended. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
