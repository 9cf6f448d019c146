import type { Engine } from './engine.js';
import { keyString } from './bson/keystring.js';
import { pathValues } from './query/paths.js';
import { KEY_END, type Index } from './storage/index.js';
import type { Collection } from './storage/collection.js';

/**
 * How often expired documents are looked for, in ms. mongod does once a minute; here a look costs one search per TTL
 * index, so that a second is cheap.
 */
const SWEEP_MS = 1000;

/** Deletes expired documents of TTL indexes until `stop` is called. */
export function startTtlSweeper(engine: Engine): { readonly stop: () => void } {
  const timer = setInterval(() => sweep(engine, Date.now()), SWEEP_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** One look over all TTL indexes, at the time `now` (ms since 1970). */
export function sweep(engine: Engine, now: number): void {
  for (const collection of engine.catalog.all())
    for (const index of collection.indexes) {
      const seconds = index.expireAfterSeconds;
      if (seconds !== undefined && index.fields.length === 1) expire(collection, index, now - seconds * 1000);
    }
}

function expire(collection: Collection, index: Index, before: number): void {
  const oldest = keyString(new Date(before));
  const [field] = index.fields;
  const dates = oldest.slice(0, 1);
  // A descending index holds the same dates the other way round: its keys are walked whole.
  const range = field?.descending === true ? (['', KEY_END] as const) : ([dates, oldest + KEY_END] as const);
  const expired = [...index.keys.entries(...range)].map(([, id]) => id);
  for (const id of new Set(expired)) {
    const values = pathValues(collection.get(id), field?.path ?? []);
    // Of an array the earliest date counts.
    const times = values.flat().flatMap((value) => (value instanceof Date ? [value.getTime()] : []));
    if (times.length > 0 && Math.min(...times) <= before) collection.remove(id);
  }
}
