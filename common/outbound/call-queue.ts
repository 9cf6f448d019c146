import type { OutboundCall } from '../domain/exchange.js';
import type { OutboundSource } from '../domain/shadow.js';

/** Bytes of calls that may wait for a slow reader; beyond that the oldest are given up, and counted. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** Calls on their way from whoever records them to the one reader. `close()` ends the iteration after what waits. */
export class CallQueue implements OutboundSource {
  readonly #waiting: OutboundCall[] = [];
  #bytes = 0;
  #lost = 0;
  #closed = false;
  #wake: (() => void) | undefined;

  /** Calls given up because the reader was too slow. */
  get lost(): number {
    return this.#lost;
  }

  push(call: OutboundCall): void {
    if (this.#closed) return;
    this.#waiting.push(call);
    this.#bytes += sizeOf(call);
    while (this.#bytes > MAX_WAITING_BYTES && this.#waiting.length > 1) {
      this.#bytes -= sizeOf(this.#waiting.shift()!);
      this.#lost += 1;
    }
    this.#wake?.();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<OutboundCall, undefined> {
    for (;;) {
      const call = this.#waiting.shift();
      if (call !== undefined) {
        this.#bytes -= sizeOf(call);
        yield call;
      } else if (this.#closed) return undefined;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

function sizeOf(call: OutboundCall): number {
  return call.requestBody.length + (call.response?.body.length ?? 0) + 1024; // heads, about
}
