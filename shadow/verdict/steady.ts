import type { Observation } from '../compare/observation.js';
import type { Evidence } from './evidence.js';
import type { Partition } from '../compare/partition.js';

/**
 * Evidence that a trait which may vary by itself (a length by one or two) does not: in every exchange each release has
 * one and the same, and not the other's.
 */
export interface SteadyEvidence extends Evidence {
  /** What old and new were seen to have; `null`: not the same in all exchanges. */
  readonly pair: string | null | undefined;
}

export const NOT_STEADY: SteadyEvidence = { log: 0, pair: undefined };

/**
 * How much rarer draws of one distribution over two values fall so in an exchange in which they are not all alike: two of
 * the one in the old arms and two of the other in the new ones, at most 1 in 14 (p = 1/2); with live as a third draw of the
 * old release, 1 in 26 (p = 0.65).
 */
const AGAINST = Math.log(14);
const AGAINST_WITH_LIVE = Math.log(26);

/**
 * The evidence after one more exchange. The first one only says what to look for (universal inference: Wasserman, Ramdas
 * and Balakrishnan 2020); each one after it counts, if the values are new draws (see `areNewDraws`).
 */
export function weighSteady(
  evidence: SteadyEvidence,
  { labels, liveAgrees }: Observation,
  { pattern }: Partition,
  isNew: boolean,
): SteadyEvidence {
  const pair = pattern === 'change' && liveAgrees !== false ? `${labels[0]}\n${labels[2]}` : null;
  if (evidence.pair === undefined) return { log: 0, pair };
  if (pair === null || pair !== evidence.pair) return { log: -Infinity, pair: null };
  const gain = liveAgrees === true ? AGAINST_WITH_LIVE : AGAINST;
  return { log: evidence.log + (isNew ? gain : 0), pair };
}
