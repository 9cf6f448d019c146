import { closeSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';

/** Bytes kept in memory before the file is used: one short burst. */
const MEMORY_BYTES = 8 * 1024 * 1024;

interface Held<T> {
  readonly item: T;
  readonly bytes: number;
}

/**
 * A first-in first-out queue whose memory is bounded: what does not fit goes to a file (0600) up to a budget, and what
 * does not fit there is refused, for the caller to count. One consumer. `close()` removes the file.
 */
export class SpillQueue<T> {
  readonly #path: string;
  readonly #budget: number;
  readonly #fd: number;
  #memory: Held<T>[] = [];
  #memoryBytes = 0;
  /** Taken from the file's front, written at its end. */
  #readAt = 0;
  #writeAt = 0;
  #spilled = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  /** `budget`: bytes the file may have. */
  constructor(path: string, budget: number) {
    this.#path = path;
    this.#budget = budget;
    this.#fd = openSync(path, 'w+', 0o600);
  }

  get length(): number {
    return this.#memory.length + this.#spilled;
  }

  /** False: neither memory nor the file has room. `bytes` is about the item's size. */
  push(item: T, bytes: number): boolean {
    // Once something is in the file, what comes later goes there too: the order is kept.
    const fits =
      this.#spilled === 0 && (this.#memoryBytes + bytes <= MEMORY_BYTES || this.#memory.length === 0);
    if (fits) {
      this.#memory.push({ item, bytes });
      this.#memoryBytes += bytes;
    } else if (!this.#spill(item)) return false;
    this.#wake?.();
    return true;
  }

  /** Nothing more comes: `next()` yields what is left and then undefined. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The next item; waits for one; undefined after the end. */
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
    closeSync(this.#fd);
    rmSync(this.#path, { force: true });
  }

  #spill(item: T): boolean {
    const record = serialize(item);
    const framed = Buffer.allocUnsafe(4 + record.length);
    framed.writeUInt32BE(record.length, 0);
    record.copy(framed, 4);
    if (this.#writeAt + framed.length > this.#budget) return false;
    writeSync(this.#fd, framed, 0, framed.length, this.#writeAt);
    this.#writeAt += framed.length;
    this.#spilled += 1;
    return true;
  }

  #take(): T | undefined {
    const held = this.#memory.shift();
    if (held !== undefined) {
      this.#memoryBytes -= held.bytes;
      return held.item;
    }
    return this.#spilled > 0 ? this.#unspill() : undefined;
  }

  #unspill(): T {
    const head = Buffer.alloc(4);
    readSync(this.#fd, head, 0, 4, this.#readAt);
    const record = Buffer.alloc(head.readUInt32BE(0));
    readSync(this.#fd, record, 0, record.length, this.#readAt + 4);
    this.#readAt += 4 + record.length;
    this.#spilled -= 1;
    if (this.#spilled === 0) {
      ftruncateSync(this.#fd, 0);
      this.#readAt = 0;
      this.#writeAt = 0;
    }
    return deserialize(record) as T;
  }
}
