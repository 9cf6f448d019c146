import type { OutboundCall, OutboundSource } from '../../common/index.js';

/** Calls that may wait for the reader; beyond them the agents hold theirs back, and count what they then drop. */
const MOST_WAITING = 10_000;

/** Outbound calls of several agents as one stream, each agent's in its own order. Agents may join while it is read. */
export class MergedOutbound implements OutboundSource {
  readonly #sources = new Map<string, { source: OutboundSource; pumped: Promise<void> }>();
  readonly #queue: OutboundCall[] = [];
  #wake: (() => void) | undefined;
  #held: (() => void)[] = [];
  #closed = false;

  has(name: string): boolean {
    return this.#sources.has(name);
  }

  /** Takes over the source: it is closed with this one. */
  add(name: string, source: OutboundSource): void {
    this.#sources.set(name, { source, pumped: this.#pump(source) });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<OutboundCall, void, undefined> {
    for (;;) {
      const call = this.#queue.shift();
      if (call !== undefined) {
        if (this.#queue.length < MOST_WAITING) for (const go of this.#held.splice(0)) go();
        yield call;
        continue;
      }
      if (this.#closed) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    for (const go of this.#held.splice(0)) go();
    for (const { source } of this.#sources.values()) await source.close();
    await Promise.all([...this.#sources.values()].map(({ pumped }) => pumped));
  }

  async #pump(source: OutboundSource): Promise<void> {
    for await (const call of source) {
      this.#queue.push(call);
      this.#wake?.();
      if (this.#queue.length >= MOST_WAITING && !this.#closed)
        await new Promise<void>((resolve) => this.#held.push(resolve));
    }
  }
}
