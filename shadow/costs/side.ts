/** Two and two values, compared on one input: which release's both values are above the other's both. */
export type Side = 'more' | 'less' | 'mixed';

/** Each of the two comes up once in six, if the four are alike (ties make it rarer). */
export const SIDE_CHANCE = 1 / 6;

export function sideOf(old: readonly number[], fresh: readonly number[]): Side {
  if (Math.min(...fresh) > Math.max(...old)) return 'more';
  return Math.max(...fresh) < Math.min(...old) ? 'less' : 'mixed';
}
