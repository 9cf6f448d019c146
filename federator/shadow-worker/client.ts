import { unixJson } from '../daemon/unix-json.js';

/** An accept is a change in the worker's memory. */
const DEADLINE_MS = 10_000;

/** The worker of a running shadow, over its unix socket. Errors: NOT_ANSWERING while it restarts. */
export class ShadowWorkerClient {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Error: DIFFERENCE_UNKNOWN. */
  async accept(difference: string): Promise<void> {
    await unixJson(this.#socket, {
      method: 'POST',
      path: '/accept',
      body: { difference },
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
  }
}
