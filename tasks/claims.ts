import { Worker } from 'node:worker_threads';
import type { ClaimMessage, ClaimThreadData } from './claim-thread.js';

/** Keeps claims alive while handlers run, whatever they do to the main thread. The owner must `close()` it. */
export class Claims {
  readonly #thread: Worker;
  /** Resolves when claims are kept: no task may be taken before. */
  readonly ready: Promise<void>;

  constructor(data: ClaimThreadData, onError: (error: Error) => void) {
    this.#thread = new Worker(new URL('./claim-thread.js', import.meta.url), { workerData: data });
    this.#thread.on('error', onError);
    this.ready = new Promise((resolve) => this.#thread.once('message', () => resolve()));
    this.#thread.unref();
  }

  async while<T>(key: string, token: string, work: () => Promise<T>): Promise<T> {
    const say = (kind: 'keep' | 'leave'): void =>
      this.#thread.postMessage({ kind, key, token } satisfies ClaimMessage);
    say('keep');
    try {
      return await work();
    } finally {
      say('leave');
    }
  }

  /** Says, as long as this process lives, that it defines the cron. */
  define(name: string): void {
    this.#thread.postMessage({ kind: 'define', name } satisfies ClaimMessage);
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
  }
}
