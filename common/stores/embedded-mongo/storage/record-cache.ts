import type { Doc } from '../bson/types.js';

/** A decoded document takes about this many times its BSON bytes in memory (measured on documents of 5–30 fields). */
const HEAP_PER_BSON_BYTE = 5;

interface Entry {
  readonly doc: Doc;
  readonly heapBytes: number;
}

/**
 * Decoded documents, up to a budget of memory: two generations, where what is used moves to the young one and the old
 * one is dropped whole when the young one is full. Nearly as good as LRU, without a list to keep.
 */
export class RecordCache {
  readonly #generationBytes: number;
  #young = new Map<string, Entry>();
  #old = new Map<string, Entry>();
  #youngBytes = 0;

  /** `budget`: bytes of heap the cache may take. */
  constructor(budget: number) {
    this.#generationBytes = budget / 2;
  }

  get(key: string): Doc | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young.doc;
    const old = this.#old.get(key);
    if (old !== undefined) {
      this.#old.delete(key);
      this.#add(key, old);
    }
    return old?.doc;
  }

  set(key: string, doc: Doc, bsonBytes: number): void {
    this.delete(key);
    this.#add(key, { doc, heapBytes: bsonBytes * HEAP_PER_BSON_BYTE });
  }

  delete(key: string): void {
    const young = this.#young.get(key);
    if (young !== undefined) {
      this.#youngBytes -= young.heapBytes;
      this.#young.delete(key);
    }
    this.#old.delete(key);
  }

  #add(key: string, entry: Entry): void {
    if (this.#youngBytes + entry.heapBytes > this.#generationBytes) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    this.#young.set(key, entry);
    this.#youngBytes += entry.heapBytes;
  }
}
