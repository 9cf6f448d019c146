import type { Four } from './observation.js';

/**
 * How four labels (old-a, old-b, new-a, new-b) fall together:
 * - `same`: all equal;
 * - `change`: equal within both releases, not between them;
 * - `cross`: two and two, but across the releases: what a change would look like had chance dealt the arms otherwise;
 * - `single`: one arm differs from the other three;
 * - `pair`: one pair is equal, the others all differ;
 * - `scattered`: all differ.
 */
export type Pattern = 'same' | 'change' | 'cross' | 'single' | 'pair' | 'scattered';

export interface Partition {
  readonly pattern: Pattern;
  /** Which of the ways of its kind: the index within `waysOf(pattern)`. */
  readonly way: number;
}

const PAIRS = [
  [0, 1],
  [2, 3],
  [0, 2],
  [0, 3],
  [1, 2],
  [1, 3],
] as const;

const SAME: Partition = { pattern: 'same', way: 0 };

export function partitionOf(labels: Four<string>): Partition {
  const [a, b, c, d] = labels;
  if (a === b && a === c && a === d) return SAME;
  const equal = PAIRS.map(([i, j]) => labels[i] === labels[j]);
  const count = equal.filter(Boolean).length;
  if (count === 3) return { pattern: 'single', way: labels.findIndex((_, i) => isOdd(labels, i)) };
  if (count === 2) {
    if (a === b) return { pattern: 'change', way: 0 };
    return { pattern: 'cross', way: a === c && b === d ? 1 : 2 };
  }
  if (count === 1) return { pattern: 'pair', way: equal.indexOf(true) };
  return { pattern: 'scattered', way: 0 };
}

/** Alike in the arms `a` of both releases and in the arms `b`, which may draw from one seed each: no chance then. */
export function isSeeded({ pattern, way }: Partition): boolean {
  return pattern === 'cross' && way === 1;
}

/** Whether the label at `index` is the only one of its kind. */
function isOdd(labels: readonly string[], index: number): boolean {
  return labels.filter((label) => label === labels[index]).length === 1;
}
