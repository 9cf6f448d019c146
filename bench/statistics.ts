/** Smallest, middle and largest of some figures. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** @throws RangeError when there are no values. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) throw new RangeError('no values to take the spread of');
  const [low, high] = [
    sorted[Math.floor((sorted.length - 1) / 2)]!,
    sorted[Math.ceil((sorted.length - 1) / 2)]!,
  ];
  return { min, median: (low + high) / 2, max };
}

/** As a person reads it: the middle, and how far the others are. */
export const spreadText = ({ median, min, max }: Spread, digits: number): string =>
  `${median.toFixed(digits)}  (${min.toFixed(digits)} – ${max.toFixed(digits)})`;

/** The value that the share `q` of all values is not above. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN;
}

/** value / reference, round by round: what disturbed a round disturbed both. */
export function ratios(values: readonly number[], references: readonly number[]): Spread {
  return spreadOf(values.map((value, round) => value / references[round]!));
}

/** The order of `count` subjects in a round: each comes first, second, ... equally often. */
export function orderOf(round: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (i + round) % count);
}
