import type { Feature } from '../compare/observation.js';
import { chanceOfCoincidence, chanceOfCollision, exchangesUntil } from './evidence.js';
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
 * arms that deviate independently as often as they were seen to, or for draws that were never seen to coincide.
 *
 * `compared`: exchanges compared, by endpoint.
 */
export function decide(
  tallies: Iterable<Tally>,
  compared: ReadonlyMap<string, number>,
  alpha: number,
): readonly Decision[] {
  const all = [...tallies].filter((tally) => tally.changes + tally.suspects + tally.noise > 0);
  const background = backgroundOf(all);
  const isClean = (tally: Tally): boolean =>
    tally.noise === 0 && tally.suspects === 0 && tally.changes > 0 && !background.has(effectOf(tally));
  const noisy = all.filter((tally) => !isClean(tally));
  const believed = new Set(rejected(noisy, alpha));
  const chance = chanceImitation(noisy);
  const noisyPlaces = [...placesOf(noisy)].length;
  const noisyShare = (noisyPlaces + 1) / ([...placesOf(all)].length + 2);
  const decisions = all.map((tally): Decision => {
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
    const coincidence = imitationOf(tally, of);
    if (believed.has(tally) || coincidence <= alpha / noisyPlaces) {
      const doubt = Math.min(alpha, Math.exp(-evidenceOf(tally)), coincidence);
      return { tally, decided: 'change', confidence: 1 - doubt, needs: undefined };
    }
    return undecided(tally, noisyPlaces, alpha);
  });
  return withSiblings(decisions);
}

/** Features of which a difference is one, whatever chance does: no length, no range. */
const EXACT: ReadonlySet<Feature> = new Set<Feature>(['value', 'type', 'order']);

/**
 * What else was looked at in a place that changed, and was never seen to be noise, is that change too: where live's time
 * of day or its id make it doubtful by itself, another trait of the same value has told it.
 */
function withSiblings(decisions: readonly Decision[]): readonly Decision[] {
  const confidence = new Map<string, number>();
  for (const { tally, decided, confidence: own } of decisions)
    if (decided === 'change')
      confidence.set(placeKey(tally), Math.max(own, confidence.get(placeKey(tally)) ?? 0));
  return decisions.map((decision) => {
    const { tally, decided } = decision;
    const known = confidence.get(placeKey(tally));
    if (decided === 'change' || known === undefined) return decision;
    if (!EXACT.has(tally.feature) || tally.noise > 0 || tally.suspects + tally.changes === 0) return decision;
    return { tally, decided: 'change', confidence: known, needs: undefined };
  });
}

function placeKey({ endpoint, place }: Tally): string {
  return `${endpoint}\n${place.general}\n${place.inner}`;
}

/** Pairs of arms, each of which might have drawn the same. */
const PAIRS_OF_ARMS = 6;

/** The chance that noise of the kind seen there looked so often like a change. */
function imitationOf(tally: Tally, of: number): number {
  const { changes, suspects, witnessed, noise, scattered, seeded } = tally;
  if (tally.of !== undefined) return likenessByChance(tally, tally.of);
  if (noise === 0) return 1;
  const byDeviation = chanceOfCoincidence(changes, noise, of);
  // What has a few values only coincides before long; draws that never did are of many.
  const areMany = suspects === 0 && (scattered === noise || seeded === noise);
  const pairs = scattered * PAIRS_OF_ARMS + seeded;
  return areMany ? Math.min(byDeviation, chanceOfCollision(2 * changes + witnessed, pairs)) : byDeviation;
}

/** Of the pairs of arms, those that are not alike where one release's are. */
const PAIRS_UNLIKE = PAIRS_OF_ARMS - 1;

/** Draws of six values, where two are alike often, look so twice in 2 of 100 reports, and three times in 2 of 1000. */
const LEAST_LIKENESSES = 3;

/**
 * The chance that one release's arms were alike so often, and the other's never, though both draw from the same values: of
 * values that are many, as no other arms were ever seen to coincide.
 */
function likenessByChance({ alike, suspects }: Tally, of: Tally): number {
  const [old, fresh] = alike;
  const coincided = of.changes + of.suspects + of.noise - of.scattered - suspects;
  if (coincided > 0 || (old > 0 && fresh > 0)) return 1;
  const times = old + fresh;
  if (times < LEAST_LIKENESSES) return 1;
  return chanceOfCollision(times, PAIRS_UNLIKE * times + PAIRS_OF_ARMS * of.scattered);
}

/** An effect that comes and goes: a document, a key, a file or a call as a whole. Empty: it is none. */
function effectOf({ place, feature }: Tally): string {
  const isEffect = feature === 'type' && place.inner === '' && /^(?:state|file|egress):/.test(place.general);
  return isEffect ? place.general : '';
}

/**
 * Effects that come and go by themselves (a timer's), as was seen after exchanges of whatever endpoint: they fall into
 * one exchange's time in some arms and not in others, and so may look changed after those of an endpoint seen seldom.
 */
function backgroundOf(tallies: readonly Tally[]): ReadonlySet<string> {
  const endpoints = new Map<string, Set<string>>();
  const noisy = new Set<string>();
  for (const tally of tallies) {
    const effect = effectOf(tally);
    if (effect === '') continue;
    const seen = endpoints.get(effect) ?? new Set();
    endpoints.set(effect, seen.add(tally.endpoint));
    if (tally.noise > 0) noisy.add(effect);
  }
  return new Set([...noisy].filter((effect) => endpoints.get(effect)!.size > 1));
}

/**
 * e-BH over places: the most k whose evidence all reaches K/(alpha k). What is looked at in one place, be it the value or
 * a trait, shares that place's error rate: the mean of e-values is one.
 */
function rejected(noisy: readonly Tally[], alpha: number): readonly Tally[] {
  const places = [...placesOf(noisy)].sort((a, b) => meanLog(b) - meanLog(a));
  for (let k = places.length; k > 0; k -= 1) {
    const goal = Math.log(places.length / (alpha * k));
    if (meanLog(places[k - 1]!) >= goal)
      return places
        .slice(0, k)
        .flat()
        .filter((tally) => evidenceOf(tally) >= goal && leansToChange(tally));
  }
  return [];
}

function placesOf(tallies: readonly Tally[]): Iterable<readonly Tally[]> {
  const places = new Map<string, Tally[]>();
  for (const tally of tallies) {
    const key = placeKey(tally);
    const there = places.get(key);
    if (there === undefined) places.set(key, [tally]);
    else there.push(tally);
  }
  return places.values();
}

/** log of the mean evidence of a place. */
function meanLog(place: readonly Tally[]): number {
  const logs = place.map(evidenceOf);
  const most = Math.max(...logs);
  if (most === -Infinity) return -Infinity;
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0) / logs.length);
}

/** log of a tally's evidence. Where both of its tests were begun: the mean is half of the greater one at least. */
function evidenceOf({ evidence, steady }: Tally): number {
  return steady.pair === undefined ? evidence.log : Math.max(evidence.log, steady.log) - Math.log(2);
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
  // Within a factor e of what it takes: chance alone seldom gets so far in any place, and a report must not wait for it.
  const promising = goal - 1;
  const seen = tally.changes + tally.suspects + tally.noise;
  if (!leansToChange(tally) || evidenceOf(tally) < promising)
    return { tally, decided: 'noise', confidence: 0, needs: undefined };
  return {
    tally,
    decided: 'undecided',
    confidence: Math.max(0, 1 - Math.exp(-evidenceOf(tally))),
    needs: exchangesUntil(evidenceOf(tally), goal, seen),
  };
}
