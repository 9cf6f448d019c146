import type { Partition, Pattern } from '../compare/partition.js';

/**
 * A test of "the update changes nothing here" that may be looked at after every exchange, for as long as one likes: a
 * betting martingale (Shafer 2021; Ville's inequality bounds the chance that it ever reaches 1/alpha by alpha).
 *
 * If nothing changed, the four arms are exchangeable: given how the values fall together (two and two, three and one,
 * one pair), each way of dealing them to the arms is equally likely. The bet puts its stake on the ways seen before
 * and, at first, on those a change would show; its payout is the ratio to the equal chance.
 */
export interface Evidence {
  /** log of the stake: how much the bet has grown. */
  readonly log: number;
}

/** Evidence from how values fall together. */
export interface PartitionEvidence extends Evidence {
  /** Stakes on the ways of each kind, which grow with what is seen. */
  readonly stakes: Readonly<Record<Betted, readonly number[]>>;
}

type Betted = 'two-two' | 'single' | 'pair';

/** Ways of two and two: [change, across, across]; of single: which arm; of pair: [old pair, new pair, four across]. */
export const NO_EVIDENCE: PartitionEvidence = {
  log: 0,
  stakes: { 'two-two': [2, 0.5, 0.5], single: [1, 1, 1, 1], pair: [1.5, 1.5, 0.75, 0.75, 0.75, 0.75] },
};

const BETTED: Readonly<Partial<Record<Pattern, Betted>>> = {
  change: 'two-two',
  cross: 'two-two',
  single: 'single',
  pair: 'pair',
};

/** The evidence after one more exchange. Values that all agree or all differ say nothing. */
export function weigh(evidence: PartitionEvidence, partition: Partition): PartitionEvidence {
  const kind = BETTED[partition.pattern];
  if (kind === undefined) return evidence;
  const stakes = evidence.stakes[kind];
  const total = stakes.reduce((sum, stake) => sum + stake, 0);
  const payout = (stakes[partition.way]! / total) * stakes.length;
  return {
    log: evidence.log + Math.log(payout),
    stakes: {
      ...evidence.stakes,
      [kind]: stakes.map((stake, way) => (way === partition.way ? stake + 1 : stake)),
    },
  };
}

/** How many more exchanges like those so far it takes until `log` reaches `goal`; undefined: it does not grow. */
export function exchangesUntil(log: number, goal: number, seen: number): number | undefined {
  if (log >= goal) return 0;
  const pace = log / Math.max(1, seen);
  return pace > 0 ? Math.ceil((goal - log) / pace) : undefined;
}

/**
 * The chance that `changes` or more exchanges of `of` look like a change although the arms deviate independently,
 * with `deviations` seen in all. Two arms of one release must deviate alike for it. (Poisson tail.)
 */
export function chanceOfCoincidence(changes: number, deviations: number, of: number): number {
  const rate = Math.min(1, (deviations + 1) / (4 * Math.max(1, of)));
  const expected = 2 * rate * rate * of;
  // The tail is summed itself: 1 minus the rest would be rounding alone where it is small.
  let term = Math.exp(-expected);
  for (let k = 1; k <= changes; k += 1) term *= expected / k;
  let tail = 0;
  for (let k = changes; term > tail * Number.EPSILON; k += 1) {
    tail += term;
    term *= expected / (k + 1);
  }
  return Math.min(1, tail);
}

/**
 * The chance that draws coincide `times` times, after so many `pairs` of draws of which none were alike. How often they
 * coincide is not known: its posterior is Beta(1/2, 1/2 + pairs) (Jeffreys' prior).
 */
export function chanceOfCollision(times: number, pairs: number): number {
  let chance = 1;
  for (let k = 0; k < times; k += 1) chance *= (0.5 + k) / (1 + pairs + k);
  return chance;
}
