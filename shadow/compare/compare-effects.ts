import type { EffectDelta, EffectEntry } from '../arms-contract.js';
import { sameTree, type Tree } from '../body/tree.js';
import { compareCalls } from './compare-calls.js';
import { compareTree } from './compare-tree.js';
import type { Comparison } from './comparison.js';
import { marksOf } from '../effect-cause.js';
import { deltaOf, formOf } from './effect-delta.js';
import { generalName, traceOf, type Attribute } from './effect-trace.js';
import { matchKeys } from './match-keys.js';
import { innerPlace, type Four, type Place } from './observation.js';
import type { Symbols } from './symbols.js';
import { watched } from './values-seen.js';

/** Times to live closer than this are one: arms write at slightly different moments, and stores count in seconds. */
const TTL_TOLERANCE_MS = 3000;

/** Stands for the value of a key that was given another time to live and nothing else. */
const UNCHANGED = '(unchanged)';

/** Compares what one exchange (or a few that overlapped) did in each arm: stores, files, outbound calls. */
export function compareEffects(deltas: Four<EffectDelta>, symbols: Symbols, attribute: Attribute): void {
  compareEntries(deltas, symbols, attribute);
  compareCalls(deltas, symbols, attribute);
}

function compareEntries(deltas: Four<EffectDelta>, symbols: Symbols, attribute: Attribute): void {
  const byArm = deltas.map((delta) => new Map(delta.entries.map((entry) => [nameOf(entry), entry])));
  const trees = byArm.map((entries) => {
    const tree: Record<string, Tree> = {};
    for (const [name, entry] of entries) {
      const change = deltaOf(entry);
      if (change !== undefined || setsTtl(entry)) tree[name] = change ?? UNCHANGED;
    }
    return tree;
  });
  // What says by its key whose it is comes first: it tells who else changed something (see causeOf).
  const matched = [...matchKeys(trees, symbols)]
    .map(([name, keys]) => ({ name, keys, key: namedKey(keys, symbols) }))
    .sort((a, b) => Number(marksOf(b.key).length > 0) - Number(marksOf(a.key).length > 0));
  for (const { name, keys, key } of matched) {
    const place = entryPlace(name);
    const four = keys.map((named, side) => (named === undefined ? undefined : trees[side]![named]));
    const changes = four as unknown as Four<Tree | undefined>;
    const entries = keys.map((named, side) => (named === undefined ? undefined : byArm[side]!.get(named)));
    const writers = entries.flatMap((entry) => entry?.writers ?? []);
    const comparison = attribute(traceOf(key, place, changes, symbols, writers));
    if (comparison === undefined) continue;
    if (isTouchedAtTheEdge(changes, entries, comparison)) continue;
    compareChange(place, changes, entries, comparison);
    compareTtl(place, entries, comparison);
  }
}

/** What was changed, and where it is one thing in all arms, how it is written. */
function compareChange(
  place: Place,
  changes: Four<Tree | undefined>,
  entries: readonly (EffectEntry | undefined)[],
  comparison: Comparison,
): void {
  const { seen, watching } = watched(comparison);
  compareTree(place, changes, undefined, watching);
  const [first, ...rest] = entries.map((entry) => entry?.after);
  if (seen.structural || rest.every((after) => sameTree(after, first))) return;
  const forms = entries.map((entry) => entry && formOf(entry)) as unknown as Four<Tree | undefined>;
  compareTree(innerPlace(place, ' form'), forms, undefined, comparison);
}

/** The key as the first arm that has it says it, ids as symbols. */
function namedKey(keys: readonly (string | undefined)[], symbols: Symbols): string {
  const side = keys.findIndex((key) => key !== undefined);
  return symbols.apply(side, keys[side] ?? '');
}

function nameOf(entry: EffectEntry): string {
  const path = entry.store === 'redis' ? entry.key.join(':') : entry.key.join('/');
  return entry.store === 'file' ? `file:${path}` : `state:${entry.store}:${path}`;
}

function entryPlace(name: string): Place {
  return { where: name, general: generalName(name), inner: '' };
}

/** Whether the exchange gave the key another time to live, rather than time having run. */
function setsTtl(entry: EffectEntry): boolean {
  if (entry.store !== 'redis' || entry.after === undefined) return false;
  const { ttlBeforeMs: before, ttlAfterMs: after } = entry;
  // Writing a string anew sets its time to live, be it the same.
  if (typeof entry.after === 'string' && entry.after !== entry.before && after !== undefined) return true;
  if ((before === undefined) !== (after === undefined)) return true;
  const rise = (after ?? 0) - (before ?? 0);
  // A key that is told of without a change of its value is told of for its time to live.
  return (
    rise > TTL_TOLERANCE_MS || (Math.abs(rise) > TTL_TOLERANCE_MS && sameTree(entry.before, entry.after))
  );
}

/**
 * A key whose time to live alone rose, told of in some arms and not in others: where it rose by little more than is told
 * of, it rose in the others by little less, a moment earlier.
 */
function isTouchedAtTheEdge(
  changes: Four<Tree | undefined>,
  entries: readonly (EffectEntry | undefined)[],
  comparison: Comparison,
): boolean {
  if (!changes.includes(undefined) || changes.some((c) => c !== undefined && c !== UNCHANGED)) return false;
  const rises = entries.map((entry) => (entry === undefined ? 0 : riseOf(entry)));
  return Math.max(...rises) <= TTL_TOLERANCE_MS + Math.max(TTL_TOLERANCE_MS, comparison.skewMs);
}

/** By how much a key's time to live changed, ms: without end where it was given one, or lost it. */
function riseOf({ ttlBeforeMs: before, ttlAfterMs: after }: EffectEntry): number {
  return before === undefined || after === undefined ? Infinity : Math.abs(after - before);
}

function compareTtl(
  place: Place,
  entries: readonly (EffectEntry | undefined)[],
  comparison: Comparison,
): void {
  if (!entries.every((entry) => entry?.after !== undefined) || !entries.some((entry) => setsTtl(entry!)))
    return;
  const ttls = entries.map((entry) => entry!.ttlAfterMs);
  if (ttls.every((ttl) => ttl === undefined)) return;
  const known = ttls.filter((ttl) => ttl !== undefined);
  const spread = Math.max(...known) - Math.min(...known);
  if (known.length === ttls.length && spread <= TTL_TOLERANCE_MS + comparison.skewMs) return;
  const seconds = ttls.map((ttl) => (ttl === undefined ? undefined : nearest(ttl, known, comparison.skewMs)));
  const ttlPlace = { ...place, where: `${place.where}#ttl`, general: `${place.general}#ttl` };
  compareTree(ttlPlace, seconds as unknown as Four<Tree | undefined>, undefined, comparison);
}

/** In seconds, times within the tolerance told as the greatest of them. */
function nearest(ttl: number, all: readonly number[], skewMs: number): number {
  const close = all.filter((other) => Math.abs(other - ttl) <= TTL_TOLERANCE_MS + skewMs);
  return Math.round(Math.max(...close) / 1000);
}
