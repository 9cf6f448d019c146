import { readFileSync, readdirSync } from 'node:fs';

/** Kernel ticks per second in /proc, on every Linux that Node runs on (USER_HZ). */
const TICKS_PER_SECOND = 100;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly cpuTicks: number;
}

function statOf(pid: string): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // It has ended meanwhile.
  }
  // The name may hold anything; fields are counted from its closing parenthesis: state is the third of them all.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { pid: Number(pid), parent: Number(fields[1]), cpuTicks: Number(fields[11]) + Number(fields[12]) };
}

/** The processes `roots` and all below them, as they are now. */
export class ProcessTree {
  readonly #stats: readonly Stat[];

  constructor(roots: readonly number[]) {
    this.#stats = below(roots, allStats());
  }

  get pids(): readonly number[] {
    return this.#stats.map(({ pid }) => pid);
  }

  /** User and system time that they have used since they started, seconds. */
  get cpuSeconds(): number {
    return this.#stats.reduce((sum, { cpuTicks }) => sum + cpuTicks, 0) / TICKS_PER_SECOND;
  }

  /** Those of them whose command line holds `text`, and all below these. */
  having(text: string): ProcessTree {
    return new ProcessTree(this.pids.filter((pid) => commandOf(pid).includes(text)));
  }
}

function allStats(): Stat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statOf(name) ?? []);
}

function below(roots: readonly number[], all: readonly Stat[]): Stat[] {
  const wanted = new Set(roots);
  for (let before = -1; before < wanted.size;) {
    before = wanted.size;
    for (const { pid, parent } of all) if (wanted.has(parent)) wanted.add(pid);
  }
  return all.filter(({ pid }) => wanted.has(pid));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // It has ended meanwhile.
  }
}

/** User and system time that the processes `roots` and all below them have used since they started, seconds. */
export function cpuSeconds(roots: readonly number[]): number {
  return new ProcessTree(roots).cpuSeconds;
}
