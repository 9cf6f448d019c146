import { Queue, Worker, type Job } from 'bullmq';
import { messageOf, systemClock, type Logger } from '../../common/index.js';
import type { Journal } from './journal.js';
import type { OperationRunner } from './runner.js';
import { Interrupted } from './runner.js';

const QUEUE = 'operations';

/** Operations that may run at a time; what must not overlap is kept apart by the states of clusters and upgrades. */
const CONCURRENCY = 16;

/** How long an enqueue waits for Redis. It is delivered later all the same: the client keeps it until it reconnects. */
const ENQUEUE_MS = 3000;

interface JobData {
  readonly operation: string;
  readonly epoch: number;
}

/**
 * Brings journaled operations to the active instance's runner, through BullMQ. The journal in Mongo is the truth: a
 * job that was lost with Redis is made again from it, and one of an earlier epoch finds nothing to do.
 */
export class OperationQueue {
  readonly #queue: Queue;
  readonly #worker: Worker<JobData>;
  readonly #journal: Journal;
  readonly #epoch: number;
  readonly #abort = new AbortController();
  readonly #log: Logger;

  /** `federation` keeps the queues of federations apart that share a Redis. */
  constructor(
    redisUri: string,
    federation: string,
    epoch: number,
    journal: Journal,
    runner: OperationRunner,
    log: Logger,
  ) {
    const prefix = `dharma:${federation}`;
    this.#epoch = epoch;
    this.#journal = journal;
    this.#log = log;
    const connection = { url: redisUri, maxRetriesPerRequest: null };
    this.#queue = new Queue(QUEUE, { connection, prefix });
    this.#worker = new Worker<JobData>(
      QUEUE,
      async (job) => {
        if (job.data.epoch !== epoch) return;
        await runner.run(job.data.operation, this.#abort.signal).catch((error: unknown) => {
          if (!(error instanceof Interrupted)) throw error;
        });
      },
      {
        connection,
        prefix,
        concurrency: CONCURRENCY,
        removeOnComplete: { count: 0 },
        removeOnFail: { count: 100 },
      },
    );
    this.#queue.on('error', (error) => this.#say(error));
    this.#worker.on('error', (error) => this.#say(error));
    this.#worker.on('failed', (job: Job<JobData> | undefined, error) =>
      log.error({ operation: job?.data.operation, error: messageOf(error) }, 'operation cut short'),
    );
  }

  /** Every operation that has not ended, from the journal: what a crash left, or a Redis that lost its data. */
  async recover(): Promise<void> {
    for (const operation of await this.#journal.open()) {
      this.#log.info({ operation: operation._id, kind: operation.kind }, 'resuming operation');
      await this.enqueue(operation._id);
    }
  }

  /** Idempotent: an operation is one job an epoch. */
  async enqueue(operation: string): Promise<void> {
    const added = this.#queue.add(
      'operation',
      { operation, epoch: this.#epoch },
      { jobId: `${operation}-${this.#epoch}` },
    );
    const late = systemClock.sleep(ENQUEUE_MS).then(() => 'late' as const);
    added.catch((error: unknown) => this.#say(error as Error));
    if ((await Promise.race([added, late])) === 'late')
      this.#log.warn({ operation }, 'Redis does not answer; the operation begins when it does');
  }

  /** Interrupts what runs: it is resumed by whoever is active next. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#worker.close();
    await this.#queue.close();
  }

  #say(error: Error): void {
    if (!this.#abort.signal.aborted) this.#log.warn({ error: messageOf(error) }, 'queue');
  }
}
