import { canonical, type Tree } from '../body/tree.js';
import type { Comparison } from './comparison.js';
import { masked } from './match-keys.js';
import type { Four, Place } from './observation.js';
import type { Symbols } from './symbols.js';

/** What is known of who caused an effect: texts with symbols for ids, and the exchanges the app's own context told. */
export interface Trace {
  readonly key: string;
  readonly content: string;
  /** The place's general name. */
  readonly place: string;
  readonly exchangeIds: readonly string[];
}

/** The comparison of the exchange that caused an effect; undefined: of none that is compared. */
export type Attribute = (trace: Trace) => Comparison | undefined;

/** The same for every exchange: without ids. */
export function generalName(name: string): string {
  return masked(name.replace(/⟨id \d+⟩/g, '*'));
}

export function traceOf(
  name: string,
  place: Place,
  trees: Four<Tree | undefined>,
  symbols: Symbols,
  exchangeIds: readonly string[] = [],
): Trace {
  const side = trees.findIndex((tree) => tree !== undefined);
  return {
    key: name,
    content: symbols.apply(side, canonical(trees[side])),
    place: place.general,
    exchangeIds,
  };
}
