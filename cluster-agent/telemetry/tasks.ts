import { Redis } from 'ioredis';
import {
  histogramQuantile,
  messageOf,
  type Clock,
  type Logger,
  type TaskStatus,
} from '../../common/index.js';
import {
  CLUSTERS_KEY,
  CRONS_KEY,
  NAMES_KEY,
  PREFIX,
  readCron,
  readTimings,
  timingsKey,
  timingSince,
  type TaskTiming,
} from '../../tasks/index.js';
import type { AnnouncedCron } from '../sizing/announced-crons.js';
import type { TaskFigures, TaskReading } from '../sizing/task-work.js';

/** How often the workers' figures are read, ms: workers bring them every second. */
const READ_MS = 1000;
const DEADLINE_MS = 5000;
/** Readings that wait for a decision at most: an hour's, as no interval is longer in earnest. */
const MOST_READINGS = 3600;

export interface Reading {
  /** Monotonic ms. */
  readonly at: number;
  readonly timings: ReadonlyMap<string, TaskTiming>;
}

/** What a cluster's tasks did within a sliding window, read from the Redis of the app. The owner must `close()` it. */
export class TaskTelemetry {
  readonly #redis: Redis;
  readonly #windowMs: number;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #abort = new AbortController();
  readonly #loop: Promise<void>;
  readonly #cluster: string;
  readonly #app: string;
  #readings: readonly Reading[] = [];
  /** Since the last decision on the number of workers, with the reading before. */
  #tick: readonly TaskReading[] = [];
  #clusters = 1;
  #crons: readonly AnnouncedCron[] = [];
  #trouble = '';

  constructor(
    redisUri: string,
    { cluster, app }: { readonly cluster: string; readonly app: string },
    { windowMs, clock, log }: { readonly windowMs: number; readonly clock: Clock; readonly log: Logger },
  ) {
    this.#redis = new Redis(redisUri, { commandTimeout: DEADLINE_MS, maxRetriesPerRequest: 1 });
    this.#redis.on('error', (error: Error) => this.#say(error));
    this.#cluster = cluster;
    this.#app = app;
    this.#windowMs = windowMs;
    this.#clock = clock;
    this.#log = log;
    this.#loop = this.#run();
  }

  tasks(): TaskStatus[] {
    return taskStatuses(this.#readings);
  }

  /** What was read since the last decision, the reading before it first. */
  get tick(): readonly TaskReading[] {
    return this.#tick;
  }

  nextTick(): void {
    this.#tick = this.#tick.slice(-1);
  }

  /** Clusters whose workers share the queues. */
  get clusters(): number {
    return this.#clusters;
  }

  /** Those the app has defined. */
  get crons(): readonly AnnouncedCron[] {
    return this.#crons;
  }

  async close(): Promise<void> {
    this.#abort.abort(new Error('closed'));
    this.#redis.disconnect();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      await this.#read().catch((error: unknown) => this.#say(error));
      await this.#clock.sleep(READ_MS, this.#abort.signal).catch(() => undefined); // Rejects only by our own close().
    }
  }

  async #read(): Promise<void> {
    const [names, clusters, crons] = await Promise.all([
      this.#redis.smembers(NAMES_KEY),
      this.#redis.smembers(CLUSTERS_KEY),
      this.#redis.hgetall(CRONS_KEY),
    ]);
    const [own, ...others] = await Promise.all(
      [this.#cluster, ...clusters.filter((one) => one !== this.#cluster)].map((one) => this.#timings(one)),
    );
    const queues = await Promise.all(names.sort().map((name) => this.#queue(name)));
    const at = this.#clock.monotonic();
    this.#readings = nextReadings(this.#readings, { at, timings: own! }, this.#windowMs);
    const tasks = new Map(queues.map((queue) => [queue.name, figuresOf(queue, own!, others)]));
    this.#tick = [...this.#tick, { at, wallAt: this.#clock.now(), tasks }].slice(-MOST_READINGS);
    this.#clusters = others.length + 1;
    this.#crons = Object.entries(crons).flatMap(([name, text]) => {
      const cron = readCron(text);
      // Of another app that shares the Redis; one without an app is of an earlier build.
      return cron === undefined || (cron.app !== undefined && cron.app !== this.#app)
        ? []
        : [{ name, schedule: cron.schedule, timezone: cron.timezone }];
    });
    this.#trouble = '';
  }

  async #timings(cluster: string): Promise<ReadonlyMap<string, TaskTiming>> {
    return readTimings(await this.#redis.hgetall(timingsKey(cluster)));
  }

  /** BullMQ's own lists of a queue. */
  async #queue(name: string): Promise<Queued> {
    const [waiting, active] = await Promise.all([
      this.#redis.llen(`${PREFIX}:${name}:wait`),
      this.#redis.llen(`${PREFIX}:${name}:active`),
    ]);
    return { name, waiting, active };
  }

  /** Once for each trouble: the client tells of it again and again. */
  #say(error: unknown): void {
    const trouble = messageOf(error);
    if (this.#abort.signal.aborted || trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#log.warn({ error: trouble }, 'the timings of tasks cannot be read');
  }
}

interface Queued {
  readonly name: string;
  readonly waiting: number;
  readonly active: number;
}

function figuresOf(
  { name, waiting, active }: Queued,
  own: ReadonlyMap<string, TaskTiming>,
  others: readonly ReadonlyMap<string, TaskTiming>[],
): TaskFigures {
  const sum = (of: readonly ReadonlyMap<string, TaskTiming>[], figure: 'count' | 'workUs'): number =>
    of.reduce((total, timings) => total + (timings.get(name)?.[figure] ?? 0), 0);
  return {
    done: sum([own], 'count'),
    seconds: sum([own], 'workUs') / 1e6,
    doneByAll: sum([own, ...others], 'count'),
    secondsByAll: sum([own, ...others], 'workUs') / 1e6,
    open: waiting + active,
    waiting,
  };
}

/** The readings of the window, and the one that it begins with. Pure. */
export function nextReadings(before: readonly Reading[], reading: Reading, windowMs: number): Reading[] {
  const all = [...before, reading];
  const first = all.findLastIndex(({ at }) => at <= reading.at - windowMs);
  return all.slice(Math.max(0, first));
}

/** What came between the first reading and the last, by task. Pure. */
export function taskStatuses(readings: readonly Reading[]): TaskStatus[] {
  const [first, last] = [readings[0], readings.at(-1)];
  if (first === undefined || last === undefined || last.at <= first.at) return [];
  const seconds = (last.at - first.at) / 1000;
  return [...last.timings]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([task, timing]) => {
      const { count, errors, waitUs, workUs, histogram } = timingSince(timing, first.timings.get(task));
      const quantile = (q: number): number | undefined => {
        const us = histogramQuantile(histogram, q);
        return us === undefined ? undefined : us / 1000;
      };
      return {
        task,
        count,
        errors,
        median: quantile(0.5),
        p99: quantile(0.99),
        wait: count === 0 ? undefined : waitUs / count / 1000,
        work: workUs / 1e6 / seconds,
      };
    });
}
