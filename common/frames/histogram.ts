import { HISTOGRAM_MAX_INDEX, HISTOGRAM_SUB_BUCKETS } from './messages.js';
import type { Bucket } from './messages.js';

const SUB = HISTOGRAM_SUB_BUCKETS;
const SUB_LOG = Math.log2(SUB);

/** Bucket of a duration in µs (rounded down). The last bucket takes everything beyond the range as well. */
export function histogramIndex(microseconds: number): number {
  const value = Math.max(0, Math.floor(microseconds));
  if (value < SUB) return value;
  // Not Math.log2, which rounds: it can be one too high just below a power of two.
  let exponent = SUB_LOG;
  let scaled = value / SUB;
  while (scaled >= 2 && exponent < 64) {
    scaled /= 2;
    exponent += 1;
  }
  // scaled is in [1, 2), exactly: dividing by two loses nothing.
  return Math.min(SUB * (exponent - SUB_LOG + 1) + Math.floor((scaled - 1) * SUB), HISTOGRAM_MAX_INDEX);
}

/** Smallest duration of the bucket, µs. */
export function bucketLower(index: number): number {
  if (index < SUB) return index;
  return (SUB + (index % SUB)) * 2 ** (Math.floor(index / SUB) - 1);
}

/** First duration above the bucket, µs. */
export function bucketUpper(index: number): number {
  return bucketLower(index + 1);
}

/** How many durations the buckets hold. */
export function histogramCount(buckets: Iterable<Bucket>): number {
  let count = 0;
  for (const bucket of buckets) count += bucket.count;
  return count;
}

/** All durations of several histograms together, ordered by index; associative and commutative. */
export function mergeHistograms(...histograms: readonly (readonly Bucket[])[]): Bucket[] {
  const counts = new Map<number, number>();
  for (const { index, count } of histograms.flat()) counts.set(index, (counts.get(index) ?? 0) + count);
  return [...counts].sort(([a], [b]) => a - b).map(([index, count]) => ({ index, count }));
}

/**
 * The q-quantile in µs (0 <= q <= 1), undefined when the histogram is empty. Within the bucket that holds the rank the
 * durations are taken as evenly spread, so the error is at most the bucket's width (1/32 of the value above 32 µs).
 */
export function histogramQuantile(buckets: readonly Bucket[], q: number): number | undefined {
  const sorted = [...buckets].sort((a, b) => a.index - b.index);
  const total = histogramCount(sorted);
  if (total === 0) return undefined;
  const rank = Math.min(Math.max(q, 0), 1) * total;
  let below = 0;
  for (const { index, count } of sorted) {
    if (count > 0 && below + count >= rank) {
      const lower = bucketLower(index);
      return lower + (bucketUpper(index) - lower) * Math.max(0, (rank - below) / count);
    }
    below += count;
  }
  return undefined;
}

/** How many durations are above a value in µs: whole, the bucket that holds the value taken as evenly spread. */
export function histogramAbove(buckets: readonly Bucket[], microseconds: number): number {
  let above = 0;
  for (const { index, count } of buckets) {
    const lower = bucketLower(index);
    const upper = bucketUpper(index);
    above += count * Math.min(1, Math.max(0, (upper - microseconds) / (upper - lower)));
  }
  return Math.floor(above);
}
