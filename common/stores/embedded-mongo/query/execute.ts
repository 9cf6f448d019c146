import type { Doc } from '../bson/types.js';
import type { Collection } from '../storage/collection.js';
import type { Index } from '../storage/index.js';
import type { QueryContext } from './context.js';
import type { NaturalOrder } from './natural.js';
import { compileFilter, type Predicate } from './filter.js';
import { plan, type IndexScan } from './planner.js';
import { sortBy, type SortField } from './sort.js';

export interface FindRequest {
  readonly filter: Doc;
  readonly sort: readonly SortField[];
  readonly skip: number;
  /** 0 for no limit. */
  readonly limit: number;
  readonly hint?: Index | undefined;
  /** Read the records in their own order, by no index. */
  readonly natural?: NaturalOrder | undefined;
  readonly context: QueryContext;
}

/**
 * The ids of the records a request asks for, in its order. Without a sort they come lazily, so that a cursor over a
 * large collection costs no more than what is read of it; a record that is gone by then is passed over by the reader.
 */
export function findIds(collection: Collection | undefined, request: FindRequest): Iterable<number> {
  const matches = compileFilter(request.filter, request.context);
  // What is wrong with a request is wrong also where there is nothing to find.
  if (collection === undefined) return [];
  const { collation } = request.context;
  const scan =
    request.natural === undefined
      ? plan(collection, { filter: request.filter, sort: request.sort, collation, hint: request.hint })
      : undefined;
  const records = (): Iterable<number> =>
    request.natural === -1 ? [...collection.ids()].reverse() : collection.ids();
  const inOrder = request.sort.length === 0 || scan?.order !== undefined;
  const needed = request.limit === 0 ? Infinity : request.skip + request.limit;
  if (inOrder) {
    const found = matching(collection, scan === undefined ? records() : scanIds(scan, needed), matches);
    // An index must not be walked while it changes: what is asked for is taken at once.
    return window(scan === undefined ? found : take(found, needed), request);
  }
  const ids = scan === undefined ? records() : scanIds(scan, Infinity);
  const sorted = sortBy(
    matching(collection, ids, matches),
    (id) => collection.get(id) as Doc,
    request.sort,
    collation,
  );
  return window(sorted, request);
}

function* matching(collection: Collection, ids: Iterable<number>, matches: Predicate): Generator<number> {
  for (const id of ids) {
    const doc = collection.get(id);
    if (doc !== undefined && matches(doc)) yield id;
  }
}

/** Candidates of an index scan, each once. */
function* scanIds({ index, ranges, order }: IndexScan, needed: number): Generator<number> {
  const seen = index.multikey || ranges.length > 1 ? new Set<number>() : undefined;
  // Without an order to give, few candidates are put back into natural order, which is what users see elsewhere.
  if (order === undefined && needed === Infinity) {
    const ids = new Set<number>();
    for (const [lower, upper] of ranges) for (const [, id] of index.keys.entries(lower, upper)) ids.add(id);
    yield* [...ids].sort((a, b) => a - b);
    return;
  }
  for (const [lower, upper] of ranges) {
    const entries =
      order === 'reverse' ? index.keys.entriesReversed(lower, upper) : index.keys.entries(lower, upper);
    for (const [, id] of entries) {
      if (seen?.has(id)) continue;
      seen?.add(id);
      yield id;
    }
  }
}

function take(ids: Iterable<number>, count: number): number[] {
  const taken: number[] = [];
  for (const id of ids) {
    taken.push(id);
    if (taken.length >= count) break;
  }
  return taken;
}

function* window(ids: Iterable<number>, { skip, limit }: FindRequest): Generator<number> {
  let at = 0;
  for (const id of ids) {
    at += 1;
    if (at <= skip) continue;
    yield id;
    if (limit !== 0 && at >= skip + limit) return;
  }
}
