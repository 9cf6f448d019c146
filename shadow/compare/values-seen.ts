import type { Comparison } from './comparison.js';
import type { Observation } from './observation.js';

/**
 * What the comparison of values saw of a body, so that its form can be compared where the values are the same: a list
 * that is longer has another form too, and that is no news.
 */
export class ValuesSeen {
  readonly #places = new Set<string>();
  #structural = false;

  add({ place, feature, kind, raw }: Observation): void {
    this.#places.add(place.where);
    // A text's length is a trait of its value; a list, which has no raw value, is built otherwise.
    const isLongerList = feature === 'length' && raw.length === 0;
    if (feature === 'type' || isLongerList || feature === 'order' || kind !== 'changed')
      this.#structural = true;
  }

  get nothing(): boolean {
    return this.#places.size === 0;
  }

  get structural(): boolean {
    return this.#structural;
  }

  has(where: string): boolean {
    return this.#places.has(where);
  }
}

/** The comparison, and what it will have seen. */
export function watched(comparison: Comparison): {
  readonly seen: ValuesSeen;
  readonly watching: Comparison;
} {
  const seen = new ValuesSeen();
  const observe = (observation: Observation): void => {
    seen.add(observation);
    comparison.observe(observation);
  };
  return { seen, watching: { ...comparison, observe } };
}
