import { typeClass } from '../bson/compare.js';
import { keyString, invertKey } from '../bson/keystring.js';
import { typeName, type Doc } from '../bson/types.js';
import type { Collection } from '../storage/collection.js';
import { KEY_END, type Index } from '../storage/index.js';
import { fieldKey, type IndexField } from '../storage/index-keys.js';
import type { Collation } from './collation.js';
import { conjuncts } from './filter.js';
import { isOperatorDoc } from './operators.js';
import { isRegex } from './regex.js';
import type { SortField } from './sort.js';

/** Ranges of keys, both ends included, that hold every match (and may hold more: the filter is always applied). */
export interface IndexScan {
  readonly index: Index;
  readonly ranges: readonly (readonly [string, string])[];
  /** The scan gives documents in the order of the sort, read this way. */
  readonly order: 'forward' | 'reverse' | undefined;
}

/** More ranges than this (from `$in`s multiplied) cost more than they save. */
const MAX_RANGES = 10_000;

/** What a filter demands of one field. */
interface Bounds {
  equal?: readonly unknown[];
  lower?: unknown;
  upper?: unknown;
}

export interface PlanRequest {
  readonly filter: Doc;
  readonly sort: readonly SortField[];
  readonly collation: Collation | undefined;
  /** Name or key pattern of the index to use. */
  readonly hint?: Index | undefined;
}

/** Chooses how to find candidates: an index scan, or undefined for the whole collection in natural order. */
export function plan(collection: Collection, request: PlanRequest): IndexScan | undefined {
  const bounds = boundsOf(request.filter);
  const indexes = request.hint === undefined ? collection.indexes : [request.hint];
  let best: { readonly scan: IndexScan; readonly score: number } | undefined;
  for (const index of indexes) {
    const candidate = scanOf(index, bounds, request);
    if (candidate !== undefined && (best === undefined || candidate.score > best.score)) best = candidate;
  }
  return best?.scan;
}

function boundsOf(filter: Doc): ReadonlyMap<string, Bounds> {
  const found = new Map<string, Bounds>();
  for (const [path, condition] of conjuncts(filter)) {
    const bounds = found.get(path) ?? {};
    found.set(path, bounds);
    if (!isOperatorDoc(condition)) {
      if (isKeyable(condition)) bounds.equal ??= [condition];
      continue;
    }
    for (const [operator, operand] of Object.entries(condition)) tighten(bounds, operator, operand);
  }
  return found;
}

function tighten(bounds: Bounds, operator: string, operand: unknown): void {
  if (operator === '$in' && Array.isArray(operand)) {
    if (operand.every(isKeyable)) bounds.equal ??= operand;
  } else if (isKeyable(operand)) {
    if (operator === '$eq') bounds.equal ??= [operand];
    else if (operator === '$gt' || operator === '$gte') bounds.lower ??= operand;
    else if (operator === '$lt' || operator === '$lte') bounds.upper ??= operand;
  }
}

/** Whether a document that matches the value surely stands under the value's key. */
function isKeyable(value: unknown): boolean {
  if (value === null || value === undefined || Array.isArray(value) || isRegex(value)) return false;
  const type = typeName(value);
  return type !== 'minKey' && type !== 'maxKey' && !(typeof value === 'number' && Number.isNaN(value));
}

function scanOf(
  index: Index,
  bounds: ReadonlyMap<string, Bounds>,
  request: PlanRequest,
): { readonly scan: IndexScan; readonly score: number } | undefined {
  if (!index.comparable || index.spec.hidden === true || !isUsable(index, bounds, request)) return undefined;
  let prefixes = [''];
  let used = 0;
  for (const field of index.fields) {
    const equal = bounds.get(field.name)?.equal;
    if (meetsElsewhere(index, used)) break;
    if (equal === undefined || prefixes.length * equal.length > MAX_RANGES) break;
    const keys = [...new Set(equal.map((value) => fieldKey(value, field.descending, index.collation?.fold)))];
    prefixes = prefixes.flatMap((prefix) => keys.map((key) => prefix + key));
    used += 1;
  }
  const next = meetsElsewhere(index, used) ? undefined : index.fields[used];
  const range = next === undefined ? undefined : rangeOf(next, bounds.get(next.name), index);
  const order = prefixes.length === 1 ? orderOf(index, used, request.sort) : undefined;
  if (used === 0 && range === undefined && order === undefined && request.hint === undefined)
    return undefined;
  const ranges = prefixes.map(
    (prefix) => [prefix + (range?.[0] ?? ''), prefix + (range?.[1] ?? '') + KEY_END] as const,
  );
  // Equal fields narrow most; a unique index fully given cannot be beaten; then ranges, then a sort for nothing.
  const full = index.unique && used === index.fields.length;
  const score = used * 4 + (full ? 2 : 0) + (range === undefined ? 0 : 2) + (order === undefined ? 0 : 1);
  return { scan: { index, ranges: prefixes.length > 1 ? ranges.toSorted(byStart) : ranges, order }, score };
}

/**
 * Whether the index's field at `at` may lie in the same array as a field before it. Then different elements can meet the
 * conditions on the two, and no single key has both: the scan must not be narrowed by the second.
 */
function meetsElsewhere(index: Index, at: number): boolean {
  const root = index.fields[at]?.path[0];
  return index.multikey && index.fields.slice(0, at).some(({ path }) => path[0] === root);
}

function byStart(a: readonly [string, string], b: readonly [string, string]): number {
  return a[0] < b[0] ? -1 : 1;
}

function isUsable(
  index: Index,
  bounds: ReadonlyMap<string, Bounds>,
  { collation, hint }: PlanRequest,
): boolean {
  // A partial index may lack matches; a sparse one has every document with a value in the first field.
  if (!index.complete && hint === undefined) {
    if (index.spec.partialFilterExpression !== undefined) return false;
    const first = bounds.get((index.fields[0] as IndexField).name);
    if (first === undefined || index.fields.length > 1) return false;
    if (first.equal === undefined && first.lower === undefined && first.upper === undefined) return false;
  }
  if (typeof index.spec.key === 'object' && Object.values(index.spec.key as Doc).includes('hashed'))
    return false;
  // Folded keys serve equality under the same collation only; their order is not the collation's.
  if (index.collation === undefined && collation === undefined) return true;
  return (
    index.collation?.id === collation?.id &&
    [...bounds.values()].every(({ lower, upper }) => lower === undefined && upper === undefined)
  );
}

function rangeOf(
  { descending }: IndexField,
  bounds: Bounds | undefined,
  index: Index,
): readonly [string, string] | undefined {
  if (bounds === undefined || (bounds.lower === undefined && bounds.upper === undefined)) return undefined;
  // Different elements of an array can meet the two ends, so that only one of them may narrow the scan.
  const upper = index.multikey && bounds.lower !== undefined ? undefined : bounds.upper;
  const value = bounds.lower ?? upper;
  // Comparisons stay within one class of types; so does the scan.
  const open = keyString(value).slice(0, 1);
  const low =
    bounds.lower === undefined || typeClass(bounds.lower) !== typeClass(value)
      ? open
      : keyString(bounds.lower);
  const high = upper === undefined || typeClass(upper) !== typeClass(value) ? open : keyString(upper);
  return descending ? [invertKey(high), invertKey(low)] : [low, high];
}

/** Whether reading the index after `used` equal fields gives the order of the sort, and which way. */
function orderOf(index: Index, used: number, sort: readonly SortField[]): 'forward' | 'reverse' | undefined {
  if (sort.length === 0 || index.multikey || !index.complete || index.collation !== undefined)
    return undefined;
  let forward: boolean | undefined;
  // Fields that are equal in all candidates may stand anywhere in the sort.
  const fixed = new Set(index.fields.slice(0, used).map(({ name }) => name));
  let at = used;
  for (const { name, direction } of sort) {
    if (fixed.has(name)) continue;
    const field = index.fields[at++];
    if (field === undefined || field.name !== name) return undefined;
    const sameWay = (direction === -1) === field.descending;
    forward ??= sameWay;
    if (forward !== sameWay) return undefined;
  }
  return forward === false ? 'reverse' : 'forward';
}
