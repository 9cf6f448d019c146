import type { EdgeCounts } from '../daemon/edge-counts.js';
import type { Sample } from './loss.js';

/** What clusters do from a moment on: what clients saw by the edge's counts, and what their nodes cost. No I/O. */
export class TuningMeter {
  readonly since: number;
  readonly #first: EdgeCounts;
  readonly #ignored: ReadonlySet<string>;
  #last: EdgeCounts;
  #at: number;
  /** Cost an hour times ms, by cluster. */
  readonly #cost = new Map<string, number>();

  /** `since`: the moment by the clock of decisions, ms; `ignored`: endpoints whose times are no measure (long-lived connections). */
  constructor(since: number, counts: EdgeCounts, ignored: ReadonlySet<string>) {
    this.since = since;
    this.#first = counts;
    this.#last = counts;
    this.#ignored = ignored;
    this.#at = since;
  }

  /** False: the counts began anew, and what was measured is of no use. */
  watch(now: number, counts: EdgeCounts, hourly: ReadonlyMap<string, number>): boolean {
    if (counts.since !== this.#first.since) return false;
    const ms = Math.max(0, now - this.#at);
    for (const [name, cost] of hourly) this.#cost.set(name, (this.#cost.get(name) ?? 0) + cost * ms);
    this.#last = counts;
    this.#at = now;
    return true;
  }

  samples(): ReadonlyMap<string, Sample> {
    const ms = this.#at - this.since;
    if (ms <= 0) return new Map();
    return new Map([...this.#cost].map(([name, cost]) => [name, this.#sample(name, cost / ms)]));
  }

  #sample(name: string, hourly: number): Sample {
    const now = this.#last.clusters[name] ?? { errors: 0, endpoints: {} };
    const before = this.#first.clusters[name] ?? { errors: 0, endpoints: {} };
    const endpoints = Object.entries(now.endpoints).flatMap(([endpoint, { count, sumMs }]) => {
      if (this.#ignored.has(endpoint)) return [];
      const first = before.endpoints[endpoint] ?? { count: 0, sumMs: 0 };
      return [[endpoint, { count: count - first.count, sumMs: sumMs - first.sumMs }] as const];
    });
    return { hourly, errors: now.errors - before.errors, endpoints: Object.fromEntries(endpoints) };
  }
}
