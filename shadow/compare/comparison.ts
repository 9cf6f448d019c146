import type { DifferenceKind } from '../../common/index.js';
import { canonical, typeOf, type Tree } from '../body/tree.js';
import type { Observation } from './observation.js';
import type { Symbols } from './symbols.js';

/** Arms start one after the other: what they write then, and what tells when they began, is apart by so much, ms. */
export const START_SKEW_MS = 60_000;

/** What one exchange's comparison works with, and where its observations go. */
export interface Comparison {
  readonly symbols: Symbols;
  /** Whether live's own value is known, to bear witness that the old release repeats it. */
  readonly hasLive: boolean;
  /** Milliseconds since 1970, about when the arms answered. */
  readonly nowMs: number;
  /** How far apart in time the arms have been at most, ms: times of day closer than that are one. */
  readonly skewMs: number;
  /** One arm a release: the second old value is live's, of another time. */
  readonly single: boolean;
  /** List items are places of their own (lines of a text, elements of a page) instead of alike. */
  readonly exactIndexes: boolean;
  /** The tree is HTML or XML. */
  readonly markup: boolean;
  observe(observation: Observation): void;
}

/** Characters of a value that a report shows. */
const SHOWN_CHARACTERS = 2000;

/** A value for people: JSON text with symbols for ids. Undefined: absent. */
export function show(tree: Tree | undefined, side: number, symbols: Symbols): string | undefined {
  if (tree === undefined) return undefined;
  const text = symbols.apply(side, canonical(tree));
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

export function differenceKind(old: Tree | undefined, fresh: Tree | undefined): DifferenceKind {
  if (old === undefined) return 'added';
  if (fresh === undefined) return 'removed';
  return typeOf(old) === typeOf(fresh) ? 'changed' : 'retyped';
}
