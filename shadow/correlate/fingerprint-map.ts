import { Fingerprints } from './fingerprints.js';

/** A map from words that keeps their fingerprints, not the words. */
export class FingerprintMap<T> {
  /** Word → where its value stands. */
  readonly #indexes = new Fingerprints(Uint32Array);
  /** None is at 0, which says that there is none. */
  readonly #values: (T | undefined)[] = [undefined];

  get size(): number {
    return this.#indexes.size;
  }

  get(word: string): T | undefined {
    return this.#values[this.#indexes.get(word)];
  }

  set(word: string, value: T): void {
    const known = this.#indexes.get(word);
    if (known !== 0) this.#values[known] = value;
    else this.#indexes.add(word, this.#values.push(value) - 1);
  }
}
