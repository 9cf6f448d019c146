/**
 * A test of "nothing makes a difference" against "wins come more often than by chance", that may be looked at after every
 * observation (a betting martingale; by Ville's inequality it reaches 1/alpha by chance at most as often as alpha). If
 * nothing makes a difference, an observation is a win with at most the chance given; the bet puts on winning what was seen
 * so far, and never less than that chance, so that it grows only where wins are more frequent.
 */
export interface Lean {
  readonly chance: number;
  readonly wins: number;
  readonly seen: number;
  /** log of the stake. */
  readonly log: number;
}

/** A bet begins at one in three, or at the chance where that is more: what is plain is told within a handful of observations. */
const FIRST_BET = 1 / 3;

export function noLean(chance: number): Lean {
  return { chance, wins: 0, seen: 0, log: 0 };
}

/** The test after one more observation. Pure. */
export function weighLean({ chance, wins, seen, log }: Lean, win: boolean): Lean {
  const bet = Math.max(chance, (wins + 1) / (seen + 1 / Math.max(chance, FIRST_BET)));
  const payout = win ? bet / chance : (1 - bet) / (1 - chance);
  return { chance, wins: wins + (win ? 1 : 0), seen: seen + 1, log: log + Math.log(payout) };
}
