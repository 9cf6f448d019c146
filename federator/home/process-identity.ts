import { readFileSync, readdirSync } from 'node:fs';
import { systemClock, systemCode } from '../../common/index.js';

/**
 * A process told apart from a later one that got the same pid: the kernel's start time (clock ticks since boot) and
 * the boot itself.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
  readonly boot: string;
}

/** The identity of a process that runs now; undefined when there is none (or only a zombie). */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readProc(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The command's name stands in parentheses and may hold anything: fields are counted from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return { pid, startTime: fields[19] ?? '', boot: bootId() };
}

/** Whether the very process that was identified still runs. */
export function stillRuns(identity: ProcessIdentity): boolean {
  const now = identify(identity.pid);
  return now !== undefined && now.startTime === identity.startTime && now.boot === identity.boot;
}

/** Processes of this user whose environment carries `name=value`, besides this process. */
export function processesWithEnv(name: string, value: string): ProcessIdentity[] {
  const wanted = `${name}=${value}`;
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter((entry) => readProc(`/proc/${entry}/environ`)?.split('\0').includes(wanted) ?? false)
    .flatMap((entry) => identify(Number(entry)) ?? []);
}

/** SIGTERM, then SIGKILL after `deadlineMs`; resolves when all have ended. Only ever the very processes identified. */
export async function endProcesses(
  identities: readonly ProcessIdentity[],
  deadlineMs: number,
): Promise<void> {
  for (const identity of identities) signalIf(identity, 'SIGTERM');
  const giveUpAt = systemClock.monotonic() + deadlineMs;
  for (let killed = false; identities.some(stillRuns);) {
    if (!killed && systemClock.monotonic() > giveUpAt) {
      for (const identity of identities) signalIf(identity, 'SIGKILL');
      killed = true;
    }
    await systemClock.sleep(20);
  }
}

function signalIf(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!stillRuns(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error;
  }
}

let boot: string | undefined;
function bootId(): string {
  boot ??= (readProc('/proc/sys/kernel/random/boot_id') ?? '').trim();
  return boot;
}

/** A file of /proc; undefined when the process has gone or is another user's. */
function readProc(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}
