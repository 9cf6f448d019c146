import { deserialize, serialize } from 'node:v8';
import type { DiskBudget } from './disk-budget.js';
import { SpoolFile } from './spool-file.js';

/** Bytes kept in memory before the file is used: one short burst. */
const MEMORY_BYTES = 8 * 1024 * 1024;

interface Held<T> {
  readonly item: T;
  readonly bytes: number;
}

/**
 * A first-in first-out queue whose memory is bounded: what does not fit goes to disk, encrypted, up to a budget, and what
 * does not fit there is refused, for the caller to count. One consumer. `close()` wipes what is on disk.
 */
export class SpillQueue<T> {
  readonly #file: SpoolFile;
  readonly #budget: DiskBudget;
  #memory: Held<T>[] = [];
  #memoryBytes = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  /** `path`: where the file is made; `budget`: bytes it may have. */
  constructor(path: string, budget: DiskBudget) {
    this.#file = new SpoolFile(path, budget);
    this.#budget = budget;
  }

  get length(): number {
    return this.#memory.length + this.#file.length;
  }

  /** Bytes of the disk it holds. */
  get heldBytes(): number {
    return this.#file.bytes;
  }

  /** Bytes of the disk that it may still take: nobody else should count on them. */
  get reservedBytes(): number {
    return Math.max(0, this.#budget(this.#file.bytes) - this.#file.bytes);
  }

  /** False: neither memory nor the file has room. `bytes` is about the item's size. */
  push(item: T, bytes: number): boolean {
    // Once something is in the file, what comes later goes there too: the order is kept.
    const fits =
      this.#file.length === 0 && (this.#memoryBytes + bytes <= MEMORY_BYTES || this.#memory.length === 0);
    if (fits) {
      this.#memory.push({ item, bytes });
      this.#memoryBytes += bytes;
    } else if (!this.#file.push(serialize(item))) return false;
    this.#wake?.();
    return true;
  }

  /** Nothing more comes: `next()` yields what is left and then undefined. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The next item; waits for one; undefined after the end. Error: SPOOL_DAMAGED. */
  async next(): Promise<T | undefined> {
    for (;;) {
      const item = this.#take();
      if (item !== undefined) return item;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  close(): void {
    this.end();
    this.#memory = [];
    this.#memoryBytes = 0;
    this.#file.close();
  }

  #take(): T | undefined {
    const held = this.#memory.shift();
    if (held !== undefined) {
      this.#memoryBytes -= held.bytes;
      return held.item;
    }
    const record = this.#file.shift();
    return record === undefined ? undefined : (deserialize(record) as T);
  }
}
