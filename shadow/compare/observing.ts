import { canonical, type Tree } from '../body/tree.js';
import { show, type Comparison } from './comparison.js';
import { mayBeDuration } from './measurement.js';
import { mayBeOfMoment } from './momentary.js';
import type { Four, Observation, Place } from './observation.js';
import { traitsOf } from './shape.js';
import { LIVE_SIDE } from './symbols.js';

/** What is observed of one value of all arms that is not the same in all. */

export type Leaf = string | number | boolean;

/** Observes the traits in which they are not alike. */
export function observeTraits(
  place: Place,
  texts: Four<string>,
  live: string | undefined,
  comparison: Comparison,
  traits = traitsOf(texts, live, comparison.single),
): void {
  for (const trait of traits)
    comparison.observe({
      ...valueOf(place, texts, live, trait.labels, comparison),
      feature: trait.feature,
      frail: trait.frail,
      liveAgrees: trait.live === undefined ? undefined : trait.live === trait.labels[0],
    });
}

/** The value itself, with `labels` to tell by what is the same. */
export function valueOf(
  place: Place,
  leaves: Four<Leaf>,
  live: Tree | undefined,
  labels: Four<string>,
  comparison: Comparison,
): Observation {
  const { symbols } = comparison;
  const raw = leaves.map(String);
  return {
    place,
    feature: 'value',
    labels,
    // Most observations are explained ones: nobody asks what live had, nor what is to be shown.
    get liveAgrees() {
      if (!comparison.hasLive || labels[0] !== labels[1]) return comparison.hasLive ? false : undefined;
      return symbols.apply(LIVE_SIDE, typeof live === 'string' ? live : canonical(live)) === labels[0];
    },
    kind: 'changed',
    get old() {
      return shown(leaves, comparison).old;
    },
    get new() {
      return shown(leaves, comparison).new;
    },
    raw,
    ...(mayBeDuration(place.general, raw) || mayBeOfMoment(place.general, leaves, comparison.skewMs)
      ? { frail: true }
      : {}),
  };
}

/** Old and new for people. Where they go by one name and something of them is told, they are shown as they are. */
function shown(leaves: Four<Leaf>, { symbols }: Comparison): Pick<Observation, 'old' | 'new'> {
  const [old, fresh] = [show(leaves[0], 0, symbols), show(leaves[2], 2, symbols)];
  return old === fresh ? { old: canonical(leaves[0]), new: canonical(leaves[2]) } : { old, new: fresh };
}

/** The texts with what has a name under it. */
export function named(texts: Four<string>, comparison: Comparison): Four<string> {
  return texts.map((text, side) => comparison.symbols.apply(side, text)) as unknown as Four<string>;
}

export function allEqual(labels: readonly string[]): boolean {
  return labels.every((label) => label === labels[0]);
}
