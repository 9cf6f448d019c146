/** A set that forgets: it keeps at least the last `size` values added and at most twice as many. */
export class GenerationSet {
  readonly #size: number;
  #young = new Set<string>();
  #old = new Set<string>();

  constructor(size: number) {
    this.#size = size;
  }

  add(value: string): void {
    this.#young.add(value);
    if (this.#young.size < this.#size) return;
    this.#old = this.#young;
    this.#young = new Set();
  }

  has(value: string): boolean {
    return this.#young.has(value) || this.#old.has(value);
  }

  delete(value: string): void {
    this.#young.delete(value);
    this.#old.delete(value);
  }
}
