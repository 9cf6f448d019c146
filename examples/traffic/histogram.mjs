/** Durations in buckets a 32nd part wide: counts stay exact, quantiles are right to 3 %, memory does not grow. */
const SUB_BUCKETS = 32;

const indexOf = (micros) => {
  if (micros < SUB_BUCKETS) return micros;
  const exponent = Math.floor(Math.log2(micros));
  return SUB_BUCKETS * (exponent - 4) + Math.floor(micros / 2 ** (exponent - 5)) - SUB_BUCKETS;
};

const lowerBound = (index) => {
  if (index < SUB_BUCKETS) return index;
  const exponent = Math.floor(index / SUB_BUCKETS) + 4;
  return ((index % SUB_BUCKETS) + SUB_BUCKETS) * 2 ** (exponent - 5);
};

export class Histogram {
  #counts = new Map();
  #total = 0;
  #maxMs = 0;

  record(ms) {
    const index = indexOf(Math.max(0, Math.round(ms * 1000)));
    this.#counts.set(index, (this.#counts.get(index) ?? 0) + 1);
    this.#total++;
    this.#maxMs = Math.max(this.#maxMs, ms);
  }

  get total() {
    return this.#total;
  }

  /** Milliseconds at quantile `q` (0 to 1); null with no durations. */
  quantile(q) {
    let left = Math.ceil(q * this.#total);
    for (const index of [...this.#counts.keys()].sort((a, b) => a - b)) {
      left -= this.#counts.get(index);
      if (left <= 0) return Math.min((lowerBound(index) + lowerBound(index + 1)) / 2000, this.#maxMs);
    }
    return null;
  }

  /** Quantiles for a report, ms. */
  summary() {
    const rounded = (ms) => (ms === null ? null : Math.round(ms * 100) / 100);
    const [p50, p90, p99] = [0.5, 0.9, 0.99].map((q) => rounded(this.quantile(q)));
    return { p50, p90, p99, max: this.#total === 0 ? null : rounded(this.#maxMs) };
  }
}
