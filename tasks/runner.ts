import type { Server } from 'node:http';
import { Job, Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import type { DharmaError } from '../common/errors.js';
import { Claims } from './claims.js';
import { beginsCron, cronDue, dropCrons, ensureCron, KEEP } from './cron.js';
import { NAMES_KEY } from './cron-key.js';
import { taskError } from './errors.js';
import { checkName } from './names.js';
import { encode } from './payload.js';
import { showPresence } from './presence.js';
import { checkSchedule } from './schedule.js';
import { COPY, PREFIX, type TaskSettings } from './settings.js';
import { Timings } from './timings.js';

export interface TaskContext {
  readonly id: string;
  /** 1 the first time. */
  readonly attempt: number;
  /** Aborted when the process is to stop: end soon, the work is waited for. */
  readonly signal: AbortSignal;
}

export type TaskHandler<Payload = unknown, Result = unknown> = (
  payload: Payload,
  context: TaskContext,
) => Result | Promise<Result>;

export interface TaskOptions {
  /** Tasks of this name that this process works on at once. Default 1: work that blocks its thread gains nothing by more. */
  readonly concurrency?: number;
}

export interface RunOptions {
  /** How often it is tried until it does not throw; pauses double from a second. Default 1. */
  readonly attempts?: number;
}

export interface CronOptions {
  /** IANA name. Default: UTC. */
  readonly timezone?: string;
}

/** A task that was sent. */
export interface SentTask {
  readonly id: string;
  /** What the handler returned. Errors: TASK_FAILED, TASK_NOT_FINISHED after `withinMs` (default: a minute). */
  result(withinMs?: number): Promise<unknown>;
}

/** How long sending may take before it is said that Redis does not answer, ms. */
const SEND_MS = 5000;
const RESULT_MS = 60_000;
/** A task whose workers died so often is not tried again: it is what kills them. */
const MOST_TAKEOVERS = 3;
/** A cron that nobody said to define for as long as so many claims last is nobody's: its definers are said four times a claim. */
const STALE_CLAIMS = 5;
const FLUSH_MS = 1000;
/** Between looks for a result. */
const [FIRST_PAUSE_MS, LAST_PAUSE_MS] = [20, 320];

/** Sends tasks, and takes those that are defined in this process, unless its role is `router`. The owner must `close()` it. */
export class Tasks {
  readonly #settings: TaskSettings;
  readonly #onError: (error: Error) => void;
  readonly #abort = new AbortController();
  readonly #defined = new Set<string>();
  readonly #crons = new Set<string>();
  #dropping: NodeJS.Timeout | undefined;
  readonly #queues = new Map<string, Queue<string, string>>();
  readonly #workers = new Map<string, Worker<string, string>>();
  readonly #redis: Redis;
  readonly #timings: Timings;
  readonly #flushing: NodeJS.Timeout;
  #claims: Claims | undefined;
  #presence: Promise<Server> | undefined;
  #closing: Promise<void> | undefined;

  /** `onError` hears of what goes wrong in the background: Redis that is away, say, which the clients wait for. */
  constructor(settings: TaskSettings, onError: (error: Error) => void) {
    this.#settings = settings;
    this.#onError = onError;
    this.#redis = new Redis(settings.redis, { maxRetriesPerRequest: null, lazyConnect: true });
    this.#redis.on('error', onError);
    this.#timings = new Timings(this.#redis, settings.cluster);
    this.#flushing = setInterval(() => this.#inBackground(this.#timings.flush()), FLUSH_MS);
    this.#flushing.unref();
  }

  /** Errors: TASK_NAME_INVALID, TASK_DEFINED_TWICE, TASKS_CLOSED. */
  task<Payload, Result>(
    name: string,
    handler: TaskHandler<Payload, Result>,
    { concurrency = 1 }: TaskOptions = {},
  ): void {
    this.#define(name);
    if (this.#settings.role !== 'router') this.#take(name, handler as TaskHandler, concurrency);
  }

  /** The handler is called with null. Errors: those of `task`, CRON_INVALID. */
  defineCron(
    name: string,
    schedule: string,
    handler: TaskHandler<null>,
    { timezone = 'UTC' }: CronOptions = {},
  ): void {
    checkSchedule({ schedule, timezone });
    this.task(name, handler);
    if (this.#settings.role === 'router' || this.#settings.isCopy === true) return;
    const cron = { schedule, timezone, app: this.#app };
    this.#crons.add(name);
    this.#claims!.define(name);
    this.#inBackground(ensureCron(this.#redis, this.#queue(name), name, cron, this.#abort.signal));
  }

  /**
   * Sends a task to whoever takes it first. Errors: TASK_NAME_INVALID, TASK_PAYLOAD_INVALID, TASK_PAYLOAD_TOO_LARGE,
   * TASKS_UNREACHABLE (it may still be delivered), TASKS_CLOSED.
   */
  async run(name: string, payload?: unknown, { attempts = 1 }: RunOptions = {}): Promise<SentTask> {
    this.#mustBeOpen();
    const data = encode(payload, 'payload', checkName(name));
    const adding = this.#queue(name).add(this.#settings.isCopy === true ? COPY : name, data, {
      attempts,
      backoff: { type: 'exponential', delay: 1000 },
      ...KEEP,
    });
    const job = await within(adding, SEND_MS);
    return { id: job.id!, result: (withinMs = RESULT_MS) => this.#result(name, job.id!, withinMs) };
  }

  /** Takes no more tasks, waits for those under way, and leaves Redis. Idempotent. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#abort.abort(new Error('the process is to stop'));
    clearInterval(this.#flushing);
    clearInterval(this.#dropping);
    await Promise.all([...this.#workers.values()].map((worker) => worker.close()));
    await this.#claims?.close();
    const server = await this.#presence?.catch(() => undefined);
    server?.close();
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
    await within(this.#timings.flush(), SEND_MS).catch(this.#onError);
    this.#redis.disconnect();
  }

  #mustBeOpen(): void {
    if (this.#closing !== undefined)
      throw taskError(
        'TASKS_CLOSED',
        'tasks were closed',
        undefined,
        'Send and define tasks before closeTasks().',
      );
  }

  #define(name: string): void {
    this.#mustBeOpen();
    if (this.#defined.has(checkName(name)))
      throw taskError('TASK_DEFINED_TWICE', 'a task has one handler', name, 'Give one of them another name.');
    this.#defined.add(name);
  }

  get #app(): string {
    return this.#settings.app ?? '-';
  }

  /** Once this process has been up for long enough, and again and again: see `dropCrons`. */
  #dropCrons(staleMs: number): NodeJS.Timeout {
    const drop = (): Promise<unknown> =>
      dropCrons(this.#redis, (name) => this.#queue(name), { app: this.#app, own: this.#crons, staleMs });
    return setInterval(() => this.#inBackground(drop()), staleMs).unref();
  }

  #take(name: string, handler: TaskHandler, concurrency: number): void {
    const { redis, claimMs, isCopy } = this.#settings;
    if (isCopy !== true) this.#dropping ??= this.#dropCrons(STALE_CLAIMS * claimMs);
    this.#inBackground(this.#redis.sadd(NAMES_KEY, name));
    this.#claims ??= new Claims({ redis, claimMs }, this.#onError);
    const worker = new Worker<string, string>(
      name,
      (job, token) =>
        this.#claims!.while(`${PREFIX}:${name}:${job.id}:lock`, token!, () => this.#work(name, job, handler)),
      {
        connection: this.#connection(),
        autorun: false,
        prefix: PREFIX,
        concurrency,
        lockDuration: claimMs,
        stalledInterval: claimMs / 2,
        maxStalledCount: MOST_TAKEOVERS,
      },
    );
    worker.on('error', this.#onError);
    this.#workers.set(name, worker);
    this.#inBackground(
      this.#claims.ready.then(() => (this.#closing === undefined ? worker.run() : undefined)),
    );
    // After whatever else the app defines in this turn.
    if (this.#settings.listen !== undefined && this.#presence === undefined)
      this.#inBackground((this.#presence = this.#show(this.#settings.listen)));
  }

  async #work(name: string, job: Job<string, string>, handler: TaskHandler): Promise<string> {
    // A copy of the Redis holds what waited in live's: that is live's to do.
    if (this.#settings.isCopy === true && job.name !== COPY) return 'null';
    if (!(await beginsCron(this.#redis, name, job))) return 'null';
    const waitMs = job.attemptsStarted > 1 ? 0 : (job.processedOn ?? 0) - (cronDue(job) ?? job.timestamp);
    const start = performance.now();
    let ok = false;
    try {
      const context = { id: job.id!, attempt: job.attemptsStarted, signal: this.#abort.signal };
      const result = encode(await handler(JSON.parse(job.data), context), 'result', name);
      ok = true;
      return result;
    } finally {
      this.#timings.add(name, { waitMs, workMs: performance.now() - start, ok });
    }
  }

  async #show(listen: { readonly host: string; readonly port: number }): Promise<Server> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    await Promise.all([...this.#workers.values()].map((worker) => worker.waitUntilReady()));
    await this.#claims?.ready;
    return showPresence(listen, () => [...this.#workers.keys()]);
  }

  /** Looks until it is there: one connection for all results, however many are waited for. */
  async #result(name: string, id: string, withinMs: number): Promise<unknown> {
    const until = performance.now() + withinMs;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LAST_PAUSE_MS)) {
      this.#mustBeOpen();
      const job = await within(Job.fromId<string, string>(this.#queue(name), id), SEND_MS);
      if (job?.finishedOn !== undefined && typeof job.returnvalue === 'string')
        return JSON.parse(job.returnvalue) as unknown;
      if (job?.finishedOn !== undefined && job.failedReason !== undefined)
        throw failed(name, job.failedReason);
      const left = until - performance.now();
      if (left <= 0) throw notFinished(name, id, withinMs);
      await new Promise((resolve) => setTimeout(resolve, Math.min(pause, left)));
    }
  }

  #queue(name: string): Queue<string, string> {
    const found = this.#queues.get(name);
    if (found !== undefined) return found;
    const queue = new Queue<string, string>(name, { connection: this.#connection(), prefix: PREFIX });
    queue.on('error', this.#onError);
    queue.setMaxListeners(0); // Each task that is sent before Redis is reached waits for it.
    this.#queues.set(name, queue);
    return queue;
  }

  #connection(): { readonly url: string; readonly maxRetriesPerRequest: null } {
    return { url: this.#settings.redis, maxRetriesPerRequest: null };
  }

  #inBackground(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#onError(error instanceof Error ? error : new Error(String(error))));
  }
}

function failed(name: string, reason: string): DharmaError {
  return taskError('TASK_FAILED', `the task ${name} failed`, reason, 'Mend what it says, and send it again.');
}

function notFinished(name: string, id: string, withinMs: number): DharmaError {
  return taskError(
    'TASK_NOT_FINISHED',
    `the task ${name} has not finished within ${withinMs} ms`,
    `id ${id}`,
    'Wait longer, or see that a worker that defines it runs: federate status',
  );
}

/** Error: TASKS_UNREACHABLE. */
async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          taskError(
            'TASKS_UNREACHABLE',
            'the Redis of tasks does not answer',
            `no answer within ${ms} ms`,
            'See that it runs and that REDIS_URL names it. The task is delivered when it answers again.',
          ),
        ),
      ms,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined); // Late: it was said already.
  }
}
