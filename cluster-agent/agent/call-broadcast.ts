import { CallQueue, type OutboundCall } from '../../common/index.js';

/** Recorded outbound calls for every reader there is: each has a bounded queue of its own, and a slow one loses its own. */
export class CallBroadcast {
  readonly #readers = new Set<CallQueue>();

  push(call: OutboundCall): void {
    for (const reader of this.#readers) reader.push(call);
  }

  /** A queue that gets every call from now on; `unsubscribe` it when its reader has gone. */
  subscribe(): CallQueue {
    const reader = new CallQueue();
    this.#readers.add(reader);
    return reader;
  }

  async unsubscribe(reader: CallQueue): Promise<void> {
    this.#readers.delete(reader);
    await reader.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#readers].map((reader) => this.unsubscribe(reader)));
  }
}
