import { compareValues, equalValues } from '../bson/compare.js';
import { keyString } from '../bson/keystring.js';
import { isDoc, setField, truthy, typeName, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import type { Collation } from '../query/collation.js';
import { ARITHMETIC } from './arithmetic-operators.js';

/** An operator whose arguments are all values. */
export interface ValueOperator {
  /** Least and most arguments. */
  readonly arity: readonly [number, number];
  readonly apply: (args: readonly unknown[], collation: Collation | undefined) => unknown;
}

export function operator(
  least: number,
  most: number,
  apply: (args: readonly unknown[], collation: Collation | undefined) => unknown,
): ValueOperator {
  return { arity: [least, most], apply };
}

export function isNullish(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

function comparison(accept: (order: number) => boolean): ValueOperator {
  return operator(2, 2, ([a, b], collation) => accept(orderOf(a, b, collation)));
}

/** In expressions a missing value sorts before null, unlike in filters. */
function orderOf(a: unknown, b: unknown, collation: Collation | undefined): number {
  if (a === undefined || b === undefined) return Number(b === undefined) - Number(a === undefined);
  return compareValues(a, b, collation?.compare);
}

function array(name: string, value: unknown): readonly unknown[] {
  return Array.isArray(value)
    ? (value as readonly unknown[])
    : fault(28690, `${name} needs an array, but got ${typeName(value)}`);
}

/** The elements in order, each once. */
function distinct(items: readonly unknown[], collation: Collation | undefined): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const item of items) {
    const key = keyString(item, collation?.fold);
    if (!found.has(key)) found.set(key, item);
  }
  return found;
}

const COMPARISON: Readonly<Record<string, ValueOperator>> = {
  $cmp: operator(2, 2, ([a, b], collation) => Math.sign(orderOf(a, b, collation))),
  $eq: comparison((order) => order === 0),
  $ne: comparison((order) => order !== 0),
  $gt: comparison((order) => order > 0),
  $gte: comparison((order) => order >= 0),
  $lt: comparison((order) => order < 0),
  $lte: comparison((order) => order <= 0),
  $not: operator(1, 1, ([value]) => !truthy(value)),
  $type: operator(1, 1, ([value]) => typeName(value)),
};

function elementAt(items: unknown, index: unknown): unknown {
  if (isNullish(items) || isNullish(index)) return null;
  const at = Number(index);
  const list = array('$arrayElemAt', items);
  return list[at < 0 ? list.length + at : at];
}

const ARRAYS: Readonly<Record<string, ValueOperator>> = {
  $arrayElemAt: operator(2, 2, ([items, index]) => elementAt(items, index)),
  $first: operator(1, 1, ([items]) => elementAt(items, 0)),
  $last: operator(1, 1, ([items]) => elementAt(items, -1)),
  $isArray: operator(1, 1, ([value]) => Array.isArray(value)),
  $size: operator(1, 1, ([value]) =>
    Array.isArray(value)
      ? value.length
      : fault(17124, `The argument to $size must be an array, but was of type: ${typeName(value)}`),
  ),
  $concatArrays: operator(0, Infinity, (args) =>
    args.some(isNullish) ? null : args.flatMap((item) => array('$concatArrays', item)),
  ),
  $in: operator(2, 2, ([value, items], collation) =>
    Array.isArray(items)
      ? items.some((item) => equalValues(item, value, collation?.compare))
      : fault(40081, `$in requires an array as a second argument, found: ${typeName(items)}`),
  ),
  $indexOfArray: operator(2, 4, ([items, wanted, start = 0, end = Infinity], collation) => {
    if (isNullish(items)) return null;
    return array('$indexOfArray', items).findIndex(
      (item, at) => at >= Number(start) && at < Number(end) && equalValues(item, wanted, collation?.compare),
    );
  }),
  $reverseArray: operator(1, 1, ([items]) =>
    isNullish(items) ? null : array('$reverseArray', items).toReversed(),
  ),
  $slice: operator(2, 3, ([items, first, count]) => {
    if (isNullish(items) || isNullish(first)) return null;
    const list = array('$slice', items);
    if (count === undefined)
      return Number(first) < 0 ? list.slice(Number(first)) : list.slice(0, Number(first));
    const from = Number(first) < 0 ? Math.max(0, list.length + Number(first)) : Number(first);
    return list.slice(from, from + Number(count));
  }),
  $range: operator(2, 3, ([start, end, step = 1]) => {
    const by = Number(step);
    if (by === 0) return fault(34449, '$range requires a non-zero step value');
    const length = Math.max(0, Math.ceil((Number(end) - Number(start)) / by));
    return Array.from({ length }, (_, at) => Number(start) + at * by);
  }),
};

const SETS: Readonly<Record<string, ValueOperator>> = {
  $setUnion: operator(0, Infinity, (args, collation) =>
    args.some(isNullish)
      ? null
      : [
          ...distinct(
            args.flatMap((item) => array('$setUnion', item)),
            collation,
          ).values(),
        ],
  ),
  $setIntersection: operator(0, Infinity, (args, collation) => {
    if (args.some(isNullish)) return null;
    const [first, ...rest] = args.map((item) => distinct(array('$setIntersection', item), collation));
    return [...(first ?? [])].filter(([key]) => rest.every((set) => set.has(key))).map(([, item]) => item);
  }),
  $setDifference: operator(2, 2, ([a, b], collation) => {
    if (isNullish(a) || isNullish(b)) return null;
    const without = distinct(array('$setDifference', b), collation);
    return [...distinct(array('$setDifference', a), collation)]
      .filter(([key]) => !without.has(key))
      .map(([, item]) => item);
  }),
  $setEquals: operator(2, Infinity, (args, collation) => {
    const [first, ...rest] = args.map((item) => distinct(array('$setEquals', item), collation));
    return rest.every((set) => set.size === first?.size && [...set.keys()].every((key) => first.has(key)));
  }),
  $setIsSubset: operator(2, 2, ([a, b], collation) => {
    const outer = distinct(array('$setIsSubset', b), collation);
    return [...distinct(array('$setIsSubset', a), collation).keys()].every((key) => outer.has(key));
  }),
  $anyElementTrue: operator(1, 1, ([items]) => array('$anyElementTrue', items).some(truthy)),
  $allElementsTrue: operator(1, 1, ([items]) => array('$allElementsTrue', items).every(truthy)),
};

function pair(item: unknown): readonly [string, unknown] {
  if (Array.isArray(item) && item.length === 2) return [String(item[0]), item[1]];
  if (isDoc(item) && 'k' in item && 'v' in item) return [String(item.k), item.v];
  return fault(40392, '$arrayToObject requires pairs: [key, value], or {k, v}');
}

const OBJECTS: Readonly<Record<string, ValueOperator>> = {
  $mergeObjects: operator(0, Infinity, (args) => {
    const docs = args.length === 1 && Array.isArray(args[0]) ? (args[0] as unknown[]) : args;
    const merged: Doc = {};
    for (const doc of docs) {
      if (isNullish(doc)) continue;
      if (!isDoc(doc)) fault(40400, `$mergeObjects requires object inputs, but got ${typeName(doc)}`);
      for (const name of Object.keys(doc)) setField(merged, name, doc[name]);
    }
    return merged;
  }),
  $objectToArray: operator(1, 1, ([doc]) => {
    if (isNullish(doc)) return null;
    if (!isDoc(doc)) return fault(40390, `$objectToArray requires a document input, found: ${typeName(doc)}`);
    return Object.entries(doc).map(([k, v]) => ({ k, v }));
  }),
  $arrayToObject: operator(1, 1, ([items]) => {
    if (isNullish(items)) return null;
    const doc: Doc = {};
    for (const item of array('$arrayToObject', items)) setField(doc, ...pair(item));
    return doc;
  }),
};

export const VALUE_OPERATORS: Readonly<Record<string, ValueOperator>> = {
  ...ARITHMETIC,
  ...COMPARISON,
  ...ARRAYS,
  ...SETS,
  ...OBJECTS,
};
