import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { packageRoot } from '../../common/index.js';
import { tiedScript } from './tied.js';

/** Latencies in ms, as examples/traffic.mjs tells them. */
interface Latency {
  readonly p50: number | null;
  readonly p99: number | null;
}

export interface TrafficProgress {
  readonly seconds: number;
  readonly requests: number;
  readonly failures: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly window: { readonly requests: number; readonly failures: number; readonly latencyMs: Latency };
}

export interface TrafficReport {
  readonly requests: number;
  readonly failures: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly statuses: Readonly<Record<string, number>>;
  readonly latencyMs: Latency;
  readonly failed: readonly unknown[];
}

/** The shop's visitors: examples/traffic.mjs as a process of its own. The owner must `stop()` it. */
export class Traffic {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #windows: TrafficProgress[] = [];
  #report: TrafficReport | undefined;

  constructor(url: string, rate: number) {
    const script = join(packageRoot, 'examples', 'traffic.mjs');
    this.#child = spawn(
      ...tiedScript(script, ['--url', url, '--rate', String(rate), '--every', '1', '--json']),
      { stdio: ['ignore', 'pipe', 'inherit'], detached: true },
    );
    this.#ended = once(this.#child, 'close');
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#take(line));
  }

  get latest(): TrafficProgress | undefined {
    return this.#windows.at(-1);
  }

  /** Ends the sessions, tells what came of them. Idempotent. */
  async stop(): Promise<TrafficReport> {
    this.#child.kill('SIGTERM');
    await this.#ended;
    if (!this.#report) throw new Error('the traffic ended without its report');
    return this.#report;
  }

  /** Medians over the one-second windows since `from` (a number of windows): what a visitor felt. */
  felt(from: number): { readonly p50: number; readonly p99: number; readonly windows: number } {
    const windows = this.#windows.slice(from).filter((w) => w.window.latencyMs.p50 !== null);
    return {
      p50: median(windows.map((w) => w.window.latencyMs.p50!)),
      p99: median(windows.map((w) => w.window.latencyMs.p99!)),
      windows: windows.length,
    };
  }

  get windows(): number {
    return this.#windows.length;
  }

  #take(line: string): void {
    const message = JSON.parse(line) as { progress?: TrafficProgress; report?: TrafficReport };
    if (message.progress) this.#windows.push(message.progress);
    if (message.report) this.#report = message.report;
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
