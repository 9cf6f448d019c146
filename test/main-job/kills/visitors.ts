import { Agent, request } from 'node:http';
import { systemClock } from '../../../common/index.js';

/** Requests that are open at a time: what a process that is killed can take with it. */
export const VISITORS = 4;

export interface Seen {
  readonly served: number;
  readonly failed: readonly string[];
}

/** How long a visitor reads, ms: all that runs shares two cores, and a hundred requests a second leave no moment without one. */
const READS_MS = 40;

/** Visitors of the app's page, one request after the other each. The owner must `stop()` them. */
export class Visitors {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: VISITORS });
  readonly #abort = new AbortController();
  readonly #loops: Promise<void[]>;
  #served = 0;
  #failed: string[] = [];

  constructor(url: string) {
    this.#loops = Promise.all(Array.from({ length: VISITORS }, () => this.#visit(url)));
  }

  /** What was seen since the last call. */
  take(): Seen {
    const seen = { served: this.#served, failed: this.#failed };
    this.#served = 0;
    this.#failed = [];
    return seen;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#loops;
    this.#agent.destroy();
  }

  async #visit(url: string): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const outcome = await ask(url, this.#agent);
      if (outcome.failed === undefined) this.#served += 1;
      else this.#failed.push(outcome.failed);
      await systemClock.sleep(READS_MS);
    }
  }
}

/** Asks for `/n/0`, `/n/1` and so on, each once. The owner must `stop()` it. */
export class NumberedVisitor {
  readonly #abort = new AbortController();
  readonly #loop: Promise<void>;

  constructor(url: string) {
    this.#loop = this.#visit(url);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#loop;
  }

  async #visit(url: string): Promise<void> {
    for (let n = 0; !this.#abort.signal.aborted; n += 1) {
      await ask(`${url}n/${n}`);
      await systemClock.sleep(5);
    }
  }
}

/** The first word of the app's page, or why there was none. */
export function ask(
  url: string,
  agent?: Agent,
): Promise<{ readonly word: string; readonly failed?: string }> {
  return new Promise((resolve) => {
    const call = request(url, { ...(agent === undefined ? {} : { agent }) }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.once('error', (error) => resolve({ word: '', failed: error.message }));
      answer.once('end', () =>
        resolve(
          answer.statusCode === 200
            ? { word: text.split(' ')[0]! }
            : { word: '', failed: `${answer.statusCode} ${text.slice(0, 100)}` },
        ),
      );
    });
    call.once('error', (error) => resolve({ word: '', failed: error.message }));
    call.end();
  });
}
