import { chanceOfCoincidence, exchangesUntil } from './evidence.js';
import type { Tally } from './tally.js';

/** What is concluded about one tally. */
export interface Decision {
  readonly tally: Tally;
  readonly decided: 'change' | 'noise' | 'undecided';
  /** 0..1: how sure it is that this is change and not noise. */
  readonly confidence: number;
  /** Undecided: exchanges of this endpoint until it may be told; undefined: cannot be said. */
  readonly needs: number | undefined;
}

/**
 * Decides every place at once.
 *
 * A place that no exchange has shown to be noisy is taken at its word: equal within both releases and different
 * between them is a change, seen once. A place that is noisy must earn it: its betting test must reach the declared
 * error rate `alpha`, shared among all noisy places (e-BH: Wang and Ramdas 2022), or its changes must be too many for
 * arms that deviate independently as often as they were seen to.
 *
 * `compared`: exchanges compared, by endpoint.
 */
export function decide(
  tallies: Iterable<Tally>,
  compared: ReadonlyMap<string, number>,
  alpha: number,
): readonly Decision[] {
  const all = [...tallies].filter((tally) => tally.changes + tally.suspects + tally.noise > 0);
  const noisy = all.filter((tally) => !isClean(tally));
  const believed = new Set(rejected(noisy, alpha));
  const chance = chanceImitation(noisy);
  const noisyShare = (noisy.length + 1) / (all.length + 2);
  return all.map((tally) => {
    const looks = tally.changes + tally.suspects;
    if (isClean(tally))
      return {
        tally,
        decided: 'change',
        confidence: confidenceOf(noisyShare, chance, looks),
        needs: undefined,
      };
    if (looks === 0) return { tally, decided: 'noise', confidence: 0, needs: undefined };
    const of = compared.get(tally.endpoint) ?? tally.noise + looks;
    const coincidence = tally.noise === 0 ? 1 : chanceOfCoincidence(tally.changes, tally.noise, of);
    if (believed.has(tally) || coincidence <= alpha / noisy.length) {
      const doubt = Math.min(alpha, Math.exp(-tally.evidence.log), coincidence);
      return { tally, decided: 'change', confidence: 1 - doubt, needs: undefined };
    }
    return undecided(tally, noisy.length, alpha);
  });
}

function isClean(tally: Tally): boolean {
  return tally.noise === 0 && tally.suspects === 0 && tally.changes > 0;
}

/** e-BH: the most k places whose evidence all reaches K/(alpha k). */
function rejected(noisy: readonly Tally[], alpha: number): readonly Tally[] {
  const sorted = [...noisy].sort((a, b) => b.evidence.log - a.evidence.log);
  for (let k = sorted.length; k > 0; k -= 1)
    if (sorted[k - 1]!.evidence.log >= Math.log(noisy.length / (alpha * k)))
      return sorted.slice(0, k).filter(leansToChange);
  return [];
}

/** Evidence that the arms are not alike counts only where it is old against new that they are not. */
function leansToChange(tally: Tally): boolean {
  return tally.changes + tally.suspects > tally.crosses;
}

/** How often noise imitates a change: half as often as it falls two and two across. */
function chanceImitation(noisy: readonly Tally[]): number {
  let crosses = 0;
  let noise = 0;
  for (const tally of noisy) {
    crosses += tally.crosses;
    noise += tally.noise;
  }
  return Math.min(1 / 3, (crosses / 2 + 0.5) / (noise + 1));
}

/** Bayes' rule: a noisy place that imitated a change every time it was seen, against a changed one. */
function confidenceOf(noisyShare: number, chance: number, times: number): number {
  const byChance = noisyShare * chance ** times;
  return 1 - byChance / (byChance + (1 - noisyShare));
}

/** Leaning one way, and not yet far enough: only then is it worth waiting for. */
function undecided(tally: Tally, noisyPlaces: number, alpha: number): Decision {
  const goal = Math.log(noisyPlaces / alpha);
  // Half of the error rate's evidence, and all that so many places ask: chance alone seldom gets so far in any of them.
  const promising = goal + Math.log(alpha) / 2;
  const seen = tally.changes + tally.suspects + tally.noise;
  if (!leansToChange(tally) || tally.evidence.log < promising)
    return { tally, decided: 'noise', confidence: 0, needs: undefined };
  return {
    tally,
    decided: 'undecided',
    confidence: Math.max(0, 1 - Math.exp(-tally.evidence.log)),
    needs: exchangesUntil(tally.evidence, goal, seen),
  };
}
