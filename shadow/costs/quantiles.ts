import type { CostQuantile } from '../../common/index.js';

/** Values within 1% of each other are not told apart. */
const STEP = Math.log(1.01);

/** Standard errors either way of a 95% interval. */
const Z = 1.96;

/** How positive values are spread, in memory that does not grow with their number. */
export class Quantiles {
  readonly #counts = new Map<number, number>();
  #total = 0;

  get count(): number {
    return this.#total;
  }

  add(value: number): void {
    const bucket = Math.round(Math.log(Math.max(value, 1e-3)) / STEP);
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    this.#total += 1;
  }

  /**
   * The quantile, and an interval that holds the true one 19 times of 20: the values whose ranks are as far off as the
   * binomial distribution makes likely, which asks nothing of how the values are spread. 0 where there are none.
   */
  read(q: number): CostQuantile {
    const spread = Z * Math.sqrt(this.#total * q * (1 - q));
    const rank = this.#total * q;
    return { value: this.#at(rank), low: this.#at(rank - spread), high: this.#at(rank + spread + 1) };
  }

  #at(rank: number): number {
    const sorted = [...this.#counts].sort(([a], [b]) => a - b);
    let below = 0;
    for (const [bucket, count] of sorted) {
      below += count;
      if (below >= rank) return Math.exp(bucket * STEP);
    }
    const last = sorted.at(-1);
    return last === undefined ? 0 : Math.exp(last[0] * STEP);
  }
}
