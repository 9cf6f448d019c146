/**
 * How far demand rose above a forecast, second by second, in units of the forecast's own scale: a histogram that forgets.
 * Its tail is the chance that a second is short, which is what a newsvendor weighs against the price of one more node
 * (Arrow, Harris and Marschak 1951). No distribution is assumed: as in conformal prediction (Vovk 2005), what was seen of
 * this cluster's own residuals is taken for what comes.
 */
export interface Residuals {
  /** Seconds learned from, the older ones counting less. */
  readonly weight: number;
  /** Seconds by bucket; the last bucket has no upper bound. */
  readonly counts: readonly number[];
}

/** Buckets grow by this factor: a margin is told to 8 %, finer than whole nodes are. */
const GROWTH = 1.08;
/** Upper bound of the second bucket (the first holds what did not exceed the forecast). */
const FINEST = 0.01;
/** Up to 10,000 scales. */
const BUCKETS = 2 + Math.ceil(Math.log(1e4 / FINEST) / Math.log(GROWTH));

/** What is believed before anything was seen weighs as much as one tick of a minute: an hour of own data outvotes it. */
const PRIOR_SECONDS = 60;
/** It falls as the cube: a Student-t of three degrees, whose variance barely exists; a heavy tail, but not a senseless one. */
const PRIOR_POWER = 3;

export const NO_RESIDUALS: Residuals = { weight: 0, counts: new Array<number>(BUCKETS).fill(0) };

function bucketOf(residual: number): number {
  if (!(residual > 0)) return 0;
  if (residual <= FINEST) return 1;
  return Math.min(BUCKETS - 1, 2 + Math.floor(Math.log(residual / FINEST) / Math.log(GROWTH)));
}

/** What is known after some more seconds. `keep` (0..1) is what remains of the weight of what was known. */
export function learn(known: Residuals, residuals: readonly number[], keep: number): Residuals {
  const counts = known.counts.map((count) => count * keep);
  for (const residual of residuals) counts[bucketOf(residual)]! += 1;
  return { weight: known.weight * keep + residuals.length, counts };
}

/**
 * The share of seconds expected to exceed the forecast by more than each of `margins` (ascending, in scales).
 * `priorUnit` is the margin, in scales, at which the prior has fallen to an eighth.
 */
export function tails(known: Residuals, margins: readonly number[], priorUnit: number): number[] {
  const above = new Array<number>(BUCKETS + 1).fill(0);
  for (let bucket = BUCKETS - 1; bucket >= 0; bucket -= 1)
    above[bucket] = above[bucket + 1]! + known.counts[bucket]!;
  return margins.map((margin) => {
    const prior = margin <= 0 ? 1 : (1 + margin / priorUnit) ** -PRIOR_POWER;
    // A bucket that the margin falls into counts as above it: on the safe side.
    const seen = margin < 0 ? known.weight : above[margin === 0 ? 1 : bucketOf(margin)]!;
    return (seen + PRIOR_SECONDS * prior) / (known.weight + PRIOR_SECONDS);
  });
}
