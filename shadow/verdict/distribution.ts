import { varyingParts } from '../compare/alphabet.js';
import type { DistributionFeature, Four, Observation } from '../compare/observation.js';
import type { Evidence } from './evidence.js';

/**
 * Traits of noisy values that no one exchange can tell and many together can: which characters they use, and how large
 * they are. Each exchange deals four draws to the arms; that a release's draws are ever the larger ones, or ever without
 * a character the other's have, is what a betting test finds out.
 */
export interface Distribution {
  /** Whether old-a stood before old-b, and new-a before new-b, when a bet on sizes was last settled. */
  readonly order: readonly [boolean, boolean] | undefined;
  /** The last draws. */
  readonly raw: readonly string[];
}

export const NO_DISTRIBUTION: Distribution = { order: undefined, raw: [] };

/** A trait that some of four draws bear and others do not. */
export interface DrawnTrait {
  readonly feature: DistributionFeature;
  readonly borne: Four<boolean>;
}

export interface Drawn {
  readonly known: Distribution;
  readonly traits: readonly DrawnTrait[];
  /**
   * Whether the draws may be bet on: they must be new ones. What an arm's process drew once and shows for ever (its pid,
   * a random base it counts up from, when it started) is one draw, however often it is seen.
   */
  readonly isNew: boolean;
}

const CHARACTER_CLASSES: readonly (readonly [DistributionFeature, RegExp])[] = [
  ['digits', /[0-9]/],
  ['lower case', /[a-z]/],
  ['upper case', /[A-Z]/],
];

/** Characters that one alphabet of ids has and another has not: each counts by itself. */
const PUNCTUATION = /[^0-9A-Za-z]/g;

/** Whether an observation is of draws whose distribution can be looked at: four numbers, or four words that are not the same. */
export function isDrawn({ feature, explained, frail, raw }: Observation): boolean {
  if (feature !== 'value' || frail === true) return false;
  if (explained === 'time' || explained === 'measurement') return false;
  if (raw.length !== 4) return false;
  if (raw.every(isNumber)) return true;
  return new Set(raw).size === 4 && raw.every((text) => text !== '' && !/\s/.test(text));
}

/** What four more draws show. */
export function draw(known: Distribution, raw: readonly string[]): Drawn {
  if (!raw.every(isNumber))
    return { known: { ...known, raw }, traits: characterTraits(raw), isNew: areNewDraws(raw, known.raw) };
  const numbers = raw.map(Number);
  const [oldA, oldB, newA, newB] = numbers as unknown as Four<number>;
  const order = [oldA < oldB, newA < newB] as const;
  // Arms that show what they drew once, and how far they have come since, stand in one order for ever. Chance brings
  // another order about often, and that says nothing about which release has the larger ones.
  const isNew = order[0] !== known.order?.[0] || order[1] !== known.order[1];
  return { known: { order: isNew ? order : known.order, raw }, traits: rangeTraits(numbers), isNew };
}

/** Whether every arm's text is another one than the last, not one that goes on from it. */
export function areNewDraws(texts: readonly string[], last: readonly string[]): boolean {
  return texts.every((text, side) => {
    const before = last[side];
    if (before === undefined) return true;
    const [part = ''] = varyingParts([text, before]);
    return part.length > text.length / 2;
  });
}

function isNumber(text: string): boolean {
  return text.trim() !== '' && Number.isFinite(Number(text));
}

/** Which two are the larger ones; nothing where that cannot be told. */
function rangeTraits(numbers: readonly number[]): readonly DrawnTrait[] {
  const [, low, high] = [...numbers].sort((a, b) => a - b);
  if (low === high) return [];
  const borne = numbers.map((number) => number > low!);
  return [{ feature: 'range', borne: borne as unknown as Four<boolean> }];
}

/** Whether characters of a class stand in them, for the classes that do in some and in others do not. */
function characterTraits(texts: readonly string[]): readonly DrawnTrait[] {
  const parts = varyingParts(texts);
  const punctuation = new Set(parts.join('').match(PUNCTUATION));
  return [
    ...CHARACTER_CLASSES.map(([feature, pattern]) => ({
      feature,
      borne: parts.map((part) => pattern.test(part)),
    })),
    ...[...punctuation].map((character) => ({
      feature: `character ${character}` as const,
      borne: parts.map((part) => part.includes(character)),
    })),
  ].flatMap(({ feature, borne }) =>
    borne.includes(true) && borne.includes(false)
      ? [{ feature, borne: borne as unknown as Four<boolean> }]
      : [],
  );
}

/** By how many more draws the trait is borne in the old release than in the new one. */
export function surplusOf([oldA, oldB, newA, newB]: Four<boolean>): number {
  return Number(oldA) + Number(oldB) - Number(newA) - Number(newB);
}

/** Evidence that a trait is borne more by one release, with what each opinion of how much has won. */
export interface TraitEvidence extends Evidence {
  readonly logs: readonly number[];
}

/** Opinions: the odds that a draw which bears the trait is an old one's. Nearly all of them are, most are, or none. */
const ODDS: readonly number[] = [1000, 64, 8, 1 / 8, 1 / 64, 1 / 1000];

export const NO_TRAIT: TraitEvidence = { log: 0, logs: ODDS.map(() => 0) };

/**
 * The evidence after one more exchange. If nothing changed, the arms are exchangeable: given how many of the four bear
 * the trait, each choice of them is equally likely. Every opinion is paid by the ratio of its chance (Fisher's noncentral
 * hypergeometric) to that one, and their mean is a betting martingale (see evidence.ts).
 */
export function weighTrait(evidence: TraitEvidence, borne: Four<boolean>): TraitEvidence {
  const bearers = borne.filter(Boolean).length;
  const old = borne.slice(0, 2).filter(Boolean).length;
  const logs = evidence.logs.map((log, i) => log + Math.log(payout(ODDS[i]!, bearers, old)));
  const most = Math.max(...logs);
  const mean = logs.reduce((sum, log) => sum + Math.exp(log - most), 0) / logs.length;
  return { log: most + Math.log(mean), logs };
}

/** With 0..2 old ones among the bearers: the chance of so many at `odds`, against that at even odds. */
function payout(odds: number, bearers: number, old: number): number {
  const ways = [0, 1, 2].map((j) => choose2(j) * choose2(bearers - j));
  const all = ways.reduce((sum, n) => sum + n, 0);
  const weights = ways.map((n, j) => n * odds ** j);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return (weights[old]! / total) * (all / ways[old]!);
}

function choose2(k: number): number {
  return [1, 2, 1][k] ?? 0;
}
