import type { DifferenceKind } from '../../common/index.js';

/**
 * One value from each arm, in the order old-a, old-b, new-a, new-b. With one arm a release (1x1), live's value stands
 * for the second old one, and new-a's is repeated.
 */
export type Four<T> = readonly [T, T, T, T];

/** What of a value was looked at: the value itself, or one trait of its shape. */
export type Feature =
  'value' | 'type' | 'order' | 'length' | 'format' | 'prefix' | 'suffix' | 'form' | DistributionFeature;

/** What shows over many values only: how varied and how large they are, and whether characters of a class stand in them. */
export type DistributionFeature =
  'variety' | 'range' | 'digits' | 'lower case' | 'upper case' | `character ${string}`;

/** Where something stands. */
export interface Place {
  /** For reports: `body:$.items[0].id`. */
  readonly where: string;
  /** The same for every exchange of an endpoint: indexes and ids are `*`. */
  readonly general: string;
  /** Inside a value: a cookie's attribute, a JWT's claim, JSON in a string. Empty: the value itself. */
  readonly inner: string;
  /** Inside an HTML or XML tree. */
  readonly markup?: boolean;
}

/** One thing that was not the same in all arms. What is the same everywhere is not observed. */
export interface Observation {
  readonly place: Place;
  readonly feature: Feature;
  /** Equal labels: equal in this feature. */
  readonly labels: Four<string>;
  /** Whether live shows what the old arms show; undefined where live has nothing to say. */
  readonly liveAgrees: boolean | undefined;
  /** The difference is known to be none: an issued value under its own name, the time of day, what an app measures of itself. */
  readonly explained?: 'id' | 'time' | 'measurement';
  /** A trait that chance alone often changes: it takes more than one exchange to believe it. */
  readonly frail?: boolean;
  readonly kind: DifferenceKind;
  /** For people: JSON text of each side, ids as symbols; undefined: absent. */
  readonly old: string | undefined;
  readonly new: string | undefined;
  /** Raw values of all arms, to learn a noisy place's shape from. */
  readonly raw: readonly string[];
}

export function childPlace(place: Place, key: string): Place {
  // Markup: an element's children stand right below it, its attributes as in XPath.
  if (key === 'children' && place.markup === true) return place;
  if (key.startsWith('@') && place.markup === true) return step(place, `/${key}`, `/${key}`);
  return step(place, suffixOf(key), suffixOf(/⟨id|\d.{6}|.{6}\d/.test(key) ? '*' : key));
}

/** `exact`: items are told apart by where they stand (lines, elements), not alike (a list). */
export function indexPlace(place: Place, index: number, exact: boolean): Place {
  return step(place, `[${index}]`, exact ? `[${index}]` : '[*]');
}

/** The element or text at `index` of an element's children. */
export function elementPlace(place: Place, index: number, tag: string): Place {
  return step({ ...place, markup: true }, `/${tag}[${index}]`, `/${tag}[${index}]`);
}

/** From here on, places are inside a value. */
export function innerPlace(place: Place, inner: string): Place {
  return { ...place, inner: place.inner + inner };
}

function step(place: Place, exact: string, general: string): Place {
  if (place.inner !== '') return { ...place, inner: place.inner + general };
  // `body` is the whole of it, and what is within has a path: `body:$.id`, `body:/html[1]`, `body:[3]`.
  const join = place.where === 'body' ? ':' : '';
  return { ...place, where: place.where + join + exact, general: place.general + join + general };
}

function suffixOf(key: string): string {
  return /^[A-Za-z_@#$*][\w@#$*-]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
