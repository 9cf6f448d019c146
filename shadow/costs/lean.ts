/**
 * A test of "the arms cost alike" against "the new ones cost more", that may be looked at after every observation (a
 * betting martingale; by Ville's inequality it reaches 1/alpha by chance at most as often as alpha). If nothing changed,
 * an observation is a win with at most the chance given; the bet puts on winning what was seen so far, and never less than
 * that chance, so that it grows only where wins are more frequent.
 */
export interface Lean {
  readonly chance: number;
  readonly wins: number;
  readonly seen: number;
  /** log of the stake. */
  readonly log: number;
}

export function noLean(chance: number): Lean {
  return { chance, wins: 0, seen: 0, log: 0 };
}

/** The test after one more observation. Pure. */
export function observe({ chance, wins, seen, log }: Lean, win: boolean): Lean {
  // Begins at one in three: a change that is plain is told within a handful of observations.
  const bet = Math.max(chance, (wins + 1) / (seen + 3));
  const payout = win ? bet / chance : (1 - bet) / (1 - chance);
  return { chance, wins: wins + (win ? 1 : 0), seen: seen + 1, log: log + Math.log(payout) };
}

/** Two and two values, compared on one input: which release's both values are above the other's both. */
export type Side = 'more' | 'less' | 'mixed';

/** Each of the two comes up once in six, if the four are alike (ties make it rarer). */
export const SIDE_CHANCE = 1 / 6;

export function sideOf(old: readonly number[], fresh: readonly number[]): Side {
  if (Math.min(...fresh) > Math.max(...old)) return 'more';
  return Math.max(...fresh) < Math.min(...old) ? 'less' : 'mixed';
}
