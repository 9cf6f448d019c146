import type { Redis } from 'ioredis';
import { histogramIndex } from '../common/frames/histogram.js';
import type { HistogramBucket } from '../common/frames/index.js';
import { CLUSTERS_KEY } from './cron-key.js';
import { PREFIX } from './settings.js';

/** What was done of one task, ever since; durations are of successes. */
export interface TaskTiming {
  readonly count: number;
  readonly errors: number;
  /** How long they waited for a worker, and worked, all together; µs. */
  readonly waitUs: number;
  readonly workUs: number;
  readonly histogram: readonly HistogramBucket[];
}

/** The hash of a cluster's timings: field `<task> <figure>`, figures that only rise. */
export const timingsKey = (cluster: string): string => `${PREFIX}:timed:${cluster}`;

/** A figure of TaskTiming, or `d<index>`: the count of a bucket of durations. */
const FIGURES = ['count', 'errors', 'waitUs', 'workUs'] as const;

/** Adds up what was done, and brings it to Redis from time to time: figures that add, so no worker needs another. */
export class Timings {
  readonly #redis: Redis;
  readonly #key: string;
  readonly #cluster: string;
  #pending = new Map<string, number>();
  #bringing: Promise<void> = Promise.resolve();

  constructor(redis: Redis, cluster: string) {
    this.#redis = redis;
    this.#key = timingsKey(cluster);
    this.#cluster = cluster;
  }

  /** `waitMs` is by clocks of two machines: what cannot be counts as none. */
  add(task: string, done: { readonly waitMs: number; readonly workMs: number; readonly ok: boolean }): void {
    const us = (ms: number): number => Math.max(0, Math.round(ms * 1000));
    this.#raise(`${task} count`, 1);
    this.#raise(`${task} waitUs`, us(done.waitMs));
    this.#raise(`${task} workUs`, us(done.workMs));
    if (done.ok) this.#raise(`${task} d${histogramIndex(done.workMs * 1000)}`, 1);
    else this.#raise(`${task} errors`, 1);
  }

  /** One at a time; what could not be brought is brought the next time. */
  flush(): Promise<void> {
    return (this.#bringing = this.#bringing.catch(() => undefined).then(() => this.#bring()));
  }

  async #bring(): Promise<void> {
    const pending = this.#pending;
    if (pending.size === 0) return;
    this.#pending = new Map();
    const batch = this.#redis.multi();
    batch.sadd(CLUSTERS_KEY, this.#cluster);
    for (const [field, by] of pending) batch.hincrby(this.#key, field, by);
    try {
      await batch.exec();
    } catch (error) {
      for (const [field, by] of pending) this.#raise(field, by);
      throw error;
    }
  }

  #raise(field: string, by: number): void {
    if (by > 0) this.#pending.set(field, (this.#pending.get(field) ?? 0) + by);
  }
}

/** The hash as `HGETALL` gives it, by task; fields that cannot be are passed over. Pure. */
export function readTimings(hash: Readonly<Record<string, string>>): Map<string, TaskTiming> {
  const tasks = new Map<string, { figures: Map<string, number>; histogram: HistogramBucket[] }>();
  for (const [field, text] of Object.entries(hash)) {
    const [task, figure, ...rest] = field.split(' ');
    const value = Number(text);
    if (task === undefined || figure === undefined || rest.length > 0 || !Number.isSafeInteger(value))
      continue;
    const timing = tasks.get(task) ?? { figures: new Map<string, number>(), histogram: [] };
    tasks.set(task, timing);
    const bucket = /^d(\d{1,4})$/.exec(figure)?.[1];
    if (bucket === undefined) timing.figures.set(figure, value);
    else timing.histogram.push({ index: Number(bucket), count: value });
  }
  return new Map(
    [...tasks].map(([task, { figures, histogram }]) => {
      const [count, errors, waitUs, workUs] = FIGURES.map((figure) => figures.get(figure) ?? 0);
      return [task, { count: count!, errors: errors!, waitUs: waitUs!, workUs: workUs!, histogram }];
    }),
  );
}

/** What came between two readings of ever-rising figures. A hash that was emptied meanwhile starts anew. Pure. */
export function timingSince(now: TaskTiming, before: TaskTiming | undefined): TaskTiming {
  if (before === undefined || now.count < before.count) return now;
  const seen = new Map(before.histogram.map(({ index, count }) => [index, count]));
  return {
    count: now.count - before.count,
    errors: now.errors - before.errors,
    waitUs: now.waitUs - before.waitUs,
    workUs: now.workUs - before.workUs,
    histogram: now.histogram
      .map(({ index, count }) => ({ index, count: count - (seen.get(index) ?? 0) }))
      .filter(({ count }) => count > 0),
  };
}
