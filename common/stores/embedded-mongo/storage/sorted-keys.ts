/** Keys a chunk holds before it is split: small enough that an insert moves little, large enough that chunks are few. */
const CHUNK = 512;

interface Chunk {
  readonly keys: string[];
  readonly ids: number[];
}

/**
 * Pairs (key, record id) in order of key, then id: the inside of an index. A list of short sorted arrays, so that every
 * operation is a binary search and a move within one of them.
 */
export class SortedKeys {
  #chunks: Chunk[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  insert(key: string, id: number): void {
    const chunk = this.#chunks[this.#chunkFor(key, id)];
    this.#size += 1;
    if (chunk === undefined) {
      this.#chunks.push({ keys: [key], ids: [id] });
      return;
    }
    const at = firstNotBelow(chunk, key, id);
    // Ids and times mostly grow, so most inserts go to the end.
    if (at === chunk.keys.length) {
      chunk.keys.push(key);
      chunk.ids.push(id);
    } else {
      chunk.keys.splice(at, 0, key);
      chunk.ids.splice(at, 0, id);
    }
    if (chunk.keys.length > CHUNK) this.#split(chunk);
  }

  #split(chunk: Chunk): void {
    const at = this.#chunks.indexOf(chunk);
    // A split at the end leaves the first chunk full: what grows at the end never comes back to it.
    const keep = at === this.#chunks.length - 1 ? CHUNK - (CHUNK >> 3) : CHUNK >> 1;
    this.#chunks.splice(at + 1, 0, { keys: chunk.keys.splice(keep), ids: chunk.ids.splice(keep) });
  }

  delete(key: string, id: number): boolean {
    const index = this.#chunkFor(key, id);
    const chunk = this.#chunks[index];
    if (chunk === undefined) return false;
    const at = firstNotBelow(chunk, key, id);
    if (chunk.keys[at] !== key || chunk.ids[at] !== id) return false;
    chunk.keys.splice(at, 1);
    chunk.ids.splice(at, 1);
    if (chunk.keys.length === 0) this.#chunks.splice(index, 1);
    this.#size -= 1;
    return true;
  }

  /** The first id under exactly this key, other than `except`. */
  find(key: string, except?: number): number | undefined {
    for (const [found, id] of this.entries(key, key)) {
      if (found !== key) return undefined;
      if (id !== except) return id;
    }
    return undefined;
  }

  /** The pairs with `lower <= key <= upper`. The structure must not change while it is iterated. */
  *entries(lower: string, upper: string): Generator<readonly [string, number]> {
    for (let index = this.#chunkFor(lower, -1); index < this.#chunks.length; index++) {
      const { keys, ids } = this.#chunks[index] as Chunk;
      for (let at = firstNotBelow(this.#chunks[index] as Chunk, lower, -1); at < keys.length; at++) {
        const key = keys[at] as string;
        if (key > upper) return;
        yield [key, ids[at] as number];
      }
    }
  }

  /** The same pairs from the last to the first. */
  *entriesReversed(lower: string, upper: string): Generator<readonly [string, number]> {
    for (let index = this.#chunkFor(upper, Infinity); index >= 0; index--) {
      const chunk = this.#chunks[index];
      if (chunk === undefined) return;
      for (let at = firstNotBelow(chunk, upper, Infinity) - 1; at >= 0; at--) {
        const key = chunk.keys[at] as string;
        if (key < lower) return;
        yield [key, chunk.ids[at] as number];
      }
    }
  }

  /** The chunk in which (key, id) stands or would be put: the last whose first pair is not above it. */
  #chunkFor(key: string, id: number): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const { keys, ids } = this.#chunks[middle] as Chunk;
      if (isBelow(keys[0] as string, ids[0] as number, key, id)) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

function isBelow(keyA: string, idA: number, keyB: string, idB: number): boolean {
  return keyA < keyB || (keyA === keyB && idA < idB);
}

function firstNotBelow({ keys, ids }: Chunk, key: string, id: number): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBelow(keys[middle] as string, ids[middle] as number, key, id)) low = middle + 1;
    else high = middle;
  }
  return low;
}
