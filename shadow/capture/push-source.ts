import type { CaptureEvent, ExchangeSource } from '../../common/index.js';

/** A source that somebody in this process feeds. What is pushed after `close()` is ignored. */
export class PushSource implements ExchangeSource {
  #events: CaptureEvent[] = [];
  #closed = false;
  #wake: (() => void) | undefined;

  push(event: CaptureEvent): void {
    if (this.#closed) return;
    this.#events.push(event);
    this.#wake?.();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<CaptureEvent> {
    for (;;) {
      const events = this.#events;
      this.#events = [];
      yield* events;
      if (this.#events.length > 0) continue;
      if (this.#closed) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
