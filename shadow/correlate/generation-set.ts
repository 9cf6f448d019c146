import { Fingerprints } from './fingerprints.js';

/**
 * A set of words that forgets: it keeps at least the last `size` words added and at most twice as many. It keeps their
 * fingerprints, not the words. A word can have up to eight bits, each added by itself.
 */
export class GenerationSet {
  readonly #size: number;
  #young = new Fingerprints();
  #old = new Fingerprints();

  constructor(size: number) {
    this.#size = size;
  }

  add(word: string, bits = 1): void {
    this.#young.add(word, bits);
    if (this.#young.size >= this.#size) this.rotate();
  }

  has(word: string): boolean {
    return this.bits(word) !== 0;
  }

  bits(word: string): number {
    return this.#young.get(word) | this.#old.get(word);
  }

  delete(word: string): void {
    this.#young.delete(word);
    this.#old.delete(word);
  }

  /** Forgets what was not added since the last time. */
  rotate(): void {
    const forgotten = this.#old;
    this.#old = this.#young;
    this.#young = forgotten;
    forgotten.clear();
  }
}
