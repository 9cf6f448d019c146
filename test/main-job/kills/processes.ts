import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { processesWithEnv } from '../../../federator/home/process-identity.js';

export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
  /** Its network namespace; empty where a jail keeps it from being read. */
  readonly net: string;
}

/** A federation's processes: those that carry its mark, and whatever they started. */
export function processesOf(federation: string): Process[] {
  const marked = new Set(processesWithEnv('DHARMA_FEDERATION', federation).map(({ pid }) => pid));
  const all = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => look(Number(entry)) ?? []);
  for (let before = -1; before !== marked.size;) {
    before = marked.size;
    for (const { pid, parent } of all) if (marked.has(parent)) marked.add(pid);
  }
  return all.filter(({ pid }) => marked.has(pid));
}

/** Everything below a process. */
export function below(pid: number, among: readonly Process[]): Process[] {
  const children = among.filter(({ parent }) => parent === pid);
  return children.flatMap((child) => [child, ...below(child.pid, among)]);
}

/** The program that dharma-run holds, where `pid` is a dharma-run. */
export function programOf(pid: number, among: readonly Process[]): number {
  const own = among.find((process) => process.pid === pid);
  const child = among.find(({ parent }) => parent === pid);
  return own?.command.includes('dharma-run') && child !== undefined ? programOf(child.pid, among) : pid;
}

/** Kills it and waits until it is gone. */
export async function killNow(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  while (look(pid) !== undefined) await new Promise((resolve) => setTimeout(resolve, 2));
}

function look(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return { pid, parent: Number(parent), command, net: namespaceOf(pid) };
  } catch {
    return undefined; // It ended while it was looked at, or is another user's.
  }
}

/** The network namespace that everything but an arm shares with this process. */
export function ownNetwork(): string {
  return namespaceOf(process.pid);
}

function namespaceOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return ''; // A process in a jail may not be looked into.
  }
}
