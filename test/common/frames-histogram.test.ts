import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  HISTOGRAM_MAX_INDEX,
  bucketLower,
  bucketUpper,
  histogramCount,
  histogramIndex,
  histogramQuantile,
  mergeHistograms,
} from '../../common/frames/index.js';
import type { HistogramBucket } from '../../common/frames/index.js';

const vectors = JSON.parse(readFileSync('native/schema/vectors.json', 'utf8')) as {
  readonly histogram: readonly (readonly [number | string, number])[];
};
const of = (values: readonly number[]): HistogramBucket[] =>
  mergeHistograms(values.map((value) => ({ index: histogramIndex(value), count: 1 })));
const durations = fc.array(fc.oneof(fc.nat(5000), fc.nat(2 ** 31 - 1)), { minLength: 1, maxLength: 200 });

describe('histogram', () => {
  it.each(vectors.histogram)('puts %s µs into bucket %i, as the C side does', (microseconds, index) => {
    expect(histogramIndex(Number(microseconds))).toBe(index);
  });

  it('has buckets that tile the line, none wider than 1/32 of its values', () => {
    for (let index = 0; index <= HISTOGRAM_MAX_INDEX; index++) {
      const [lower, upper] = [bucketLower(index), bucketUpper(index)];
      expect(histogramIndex(lower)).toBe(index);
      expect(histogramIndex(upper - 1)).toBe(index);
      if (index >= 32) expect((upper - lower) * 32).toBeLessThanOrEqual(lower);
    }
  });

  it('takes what is beyond its range, below zero or a fraction', () => {
    expect(histogramIndex(Number.MAX_VALUE)).toBe(HISTOGRAM_MAX_INDEX);
    expect(histogramIndex(Infinity)).toBe(HISTOGRAM_MAX_INDEX);
    expect(histogramIndex(-5)).toBe(0);
    expect(histogramIndex(31.99)).toBe(31);
  });

  it('merges as if all durations had been counted in one', () => {
    fc.assert(
      fc.property(durations, durations, (a, b) => {
        expect(mergeHistograms(of(a), of(b))).toEqual(of([...a, ...b]));
        expect(histogramCount(of(a))).toBe(a.length);
      }),
    );
  });

  it('gives quantiles within a bucket of the true ones', () => {
    fc.assert(
      fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
        const sorted = [...values].sort((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!;
        const index = histogramIndex(exact);
        const got = histogramQuantile(of(values), q)!;
        expect(got).toBeGreaterThanOrEqual(bucketLower(index));
        expect(got).toBeLessThanOrEqual(bucketUpper(index));
      }),
    );
  });

  it('has no quantile when it is empty', () => {
    expect(histogramQuantile([], 0.5)).toBeUndefined();
    expect(histogramQuantile([{ index: 3, count: 0 }], 0.5)).toBeUndefined();
  });
});
