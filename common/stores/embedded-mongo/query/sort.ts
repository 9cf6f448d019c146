import { compareUtf8, compareValues, type StringCompare } from '../bson/compare.js';
import { isDoc, toNumber, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import type { Collation } from './collation.js';
import { parsePath, pathValues, type Path } from './paths.js';

/** One field of a sort. */
export interface SortField {
  readonly name: string;
  readonly path: Path;
  /** 1 ascending, -1 descending. */
  readonly direction: 1 | -1;
}

export function compileSort(spec: unknown): readonly SortField[] {
  if (spec === undefined || spec === null) return [];
  if (!isDoc(spec)) return fault(14, 'Expected sort to be an object');
  return Object.entries(spec).map(([name, direction]) => {
    if (isDoc(direction)) return fault(2, '$meta sort is not supported by the embedded server');
    const number = toNumber(direction);
    if (number !== 1 && number !== -1)
      return fault(15975, '$sort key ordering must be 1 (for ascending) or -1 (for descending)');
    if (name.startsWith('$')) return fault(16410, "FieldPath field names may not start with '$'");
    return { name, path: parsePath(name), direction: number };
  });
}

/** Below null: what an empty array sorts as. */
const EMPTY = Symbol('empty array');

type SortKey = readonly unknown[];

/** The values a document sorts by: of an array the least element when ascending, the greatest when descending. */
function sortKey(doc: Doc, fields: readonly SortField[], strings: StringCompare): SortKey {
  return fields.map(({ path, direction }) => {
    const values = pathValues(doc, path).flatMap((value) =>
      Array.isArray(value) ? (value.length === 0 ? [EMPTY] : (value as unknown[])) : [value],
    );
    if (values.length === 0) return null;
    return values.reduce((best, value) => (compareKeys(value, best, strings) * direction < 0 ? value : best));
  });
}

function compareKeys(a: unknown, b: unknown, strings: StringCompare): number {
  if (a === EMPTY || b === EMPTY) return Number(a !== EMPTY) - Number(b !== EMPTY);
  return compareValues(a, b, strings);
}

/** Sorts (stably) by documents that `docOf` gives. Returns a new array. */
export function sortBy<T>(
  items: Iterable<T>,
  docOf: (item: T) => Doc,
  fields: readonly SortField[],
  collation: Collation | undefined,
): T[] {
  const strings = collation?.compare ?? compareUtf8;
  const keyed = Array.from(items, (item) => ({ item, key: sortKey(docOf(item), fields, strings) }));
  keyed.sort((a, b) => {
    for (let at = 0; at < fields.length; at++) {
      const order = compareKeys(a.key[at], b.key[at], strings);
      if (order !== 0) return order * (fields[at] as SortField).direction;
    }
    return 0;
  });
  return keyed.map(({ item }) => item);
}
