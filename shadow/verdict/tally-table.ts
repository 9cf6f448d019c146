import type { Place } from '../compare/observation.js';

/** How many entries there may be, that one's key does not make its memory grow without end. */
const MOST_ENTRIES = 50_000;

/**
 * Entries by endpoint, place and feature, at most so many. Where an app makes up ever new names (a dictionary by user), the
 * last steps of the paths that come later are `*`: nothing that is seen there is lost, it is only not told apart.
 */
export class TallyTable<T> {
  readonly #byKey = new Map<string, T>();
  readonly #most: number;
  readonly #make: (endpoint: string, place: Place, feature: string) => T;
  #folded = 0;

  constructor(make: (endpoint: string, place: Place, feature: string) => T, most = MOST_ENTRIES) {
    this.#make = make;
    this.#most = most;
  }

  /** How often something was seen at a place that is not told apart from its neighbours. */
  get folded(): number {
    return this.#folded;
  }

  get size(): number {
    return this.#byKey.size;
  }

  values(): IterableIterator<T> {
    return this.#byKey.values();
  }

  /** The entry of a place, made where there is none. */
  of(endpoint: string, place: Place, feature: string): T {
    const known = this.#byKey.get(keyOf(endpoint, place, feature));
    if (known !== undefined) return known;
    if (this.#byKey.size < this.#most) return this.#add(endpoint, place, feature);
    this.#folded += 1;
    return this.#ofCoarser(endpoint, coarser(place), feature);
  }

  /** Takes out what a place's entries have seen, of those features. */
  forget(endpoint: string, place: Place, isForgotten: (feature: string) => boolean): readonly T[] {
    const start = keyOf(endpoint, place, '');
    const found = [...this.#byKey].filter(
      ([key]) => key.startsWith(start) && isForgotten(key.slice(start.length)),
    );
    for (const [key] of found) this.#byKey.delete(key);
    return found.map(([, entry]) => entry);
  }

  #ofCoarser(endpoint: string, place: Place, feature: string): T {
    const known = this.#byKey.get(keyOf(endpoint, place, feature));
    if (known !== undefined) return known;
    // Beyond the limit, roots alone come to be, and they are few.
    return isRoot(place)
      ? this.#add(endpoint, place, feature)
      : this.#ofCoarser(endpoint, coarser(place), feature);
  }

  #add(endpoint: string, place: Place, feature: string): T {
    const entry = this.#make(endpoint, place, feature);
    this.#byKey.set(keyOf(endpoint, place, feature), entry);
    return entry;
  }
}

function keyOf(endpoint: string, { general, inner }: Place, feature: string): string {
  return `${endpoint}\n${general}\n${inner}\n${feature}`;
}

/** The root of all places: `body:*`, `header:*`, `state:*`. */
function isRoot({ general, inner }: Place): boolean {
  return inner === '' && /^[a-z]*:?\*?$/.test(general);
}

/** The place with its last step not told; a place inside a value, as the whole value. */
export function coarser(place: Place): Place {
  if (place.inner !== '') return { ...place, inner: '' };
  const open = place.general.replace(/\.?\*$/, '');
  const step = /^(.+?)(?:\.[^.[\]/]*|\[[^[\]]*\]|\/[^/]*)$/.exec(open);
  const root = /^[a-z]*:?/.exec(place.general)![0];
  return { ...place, general: step === null ? `${root}*` : `${step[1]!}.*` };
}
