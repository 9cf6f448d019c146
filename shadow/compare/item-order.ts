import { canonical, isObject, type Tree, type TreeObject } from '../body/tree.js';
import { TIME_FORMS } from '../correlate/time-text.js';
import { masked } from './match-keys.js';
import type { Four } from './observation.js';
import type { Symbols } from './symbols.js';

/**
 * What the items of a list go by where their order is a trait of its own: it differs within a release, or it is what the
 * update changed. Undefined: they are to be compared where they stand.
 */
export function orderNames(
  items: Four<readonly string[]>,
  arrays: Four<readonly Tree[]>,
  symbols: Symbols,
): Four<readonly string[]> | undefined {
  if (sameMultiset(items[0], items[1]) || sameMultiset(items[2], items[3]))
    return isMixed(items) ? items : undefined;
  // Each item has something of its own in every arm, an id or a time: they go by what is around it.
  const names = items.map((list) => list.map(withoutIds)) as unknown as Four<readonly string[]>;
  if (!isKept(names)) return orderByFields(arrays, symbols);
  return isMixed(names) ? names : undefined;
}

/**
 * Items in which something varies go by the fields that do not: those whose values both arms of a release have, in
 * whatever order. What old and new share comes first, so that an item stands beside itself though the update changed it.
 */
function orderByFields(arrays: Four<readonly Tree[]>, symbols: Symbols): Four<readonly string[]> | undefined {
  if (!arrays.every((list) => list.length > 1 && list.every(isObject))) return undefined;
  const columns = Object.keys(arrays[0][0] as TreeObject)
    .map((field) => arrays.map((list, side) => columnOf(list as readonly TreeObject[], field, side, symbols)))
    .map((column) => column as unknown as Four<readonly string[]>)
    .filter(isKept)
    .sort((a, b) => Number(sameMultiset(b[0], b[2])) - Number(sameMultiset(a[0], a[2])));
  let names = arrays.map((list) => list.map(() => '')) as unknown as Four<readonly string[]>;
  for (const column of columns) {
    const longer = names.map((list, side) => list.map((name, i) => `${name}\n${column[side]![i]!}`));
    if (isKept(longer as unknown as Four<readonly string[]>)) names = longer as unknown as typeof names;
  }
  return isMixed(names) ? names : undefined;
}

function columnOf(
  items: readonly TreeObject[],
  field: string,
  side: number,
  symbols: Symbols,
): readonly string[] {
  return items.map((item) => withoutIds(symbols.apply(side, canonical(item[field]))));
}

/** Whether both arms of each release have them, in whatever order. */
function isKept(lists: Four<readonly string[]>): boolean {
  return sameMultiset(lists[0], lists[1]) && sameMultiset(lists[2], lists[3]);
}

/** Whether two arms have them in two orders: of one release, or the old and the new one. */
function isMixed(lists: Four<readonly string[]>): boolean {
  return (
    isReordered(lists[0], lists[1]) || isReordered(lists[2], lists[3]) || isReordered(lists[0], lists[2])
  );
}

function isReordered(a: readonly string[], b: readonly string[]): boolean {
  return sameMultiset(a, b) && a.join() !== b.join();
}

const TIMES = new RegExp(TIME_FORMS, 'g');

function withoutIds(item: string): string {
  return masked(item.replace(TIMES, '⟨time⟩').replace(/⟨id \d+⟩/g, '*'));
}

export function sameMultiset(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  const sortedB = [...b].sort();
  return [...a].sort().every((item, i) => item === sortedB[i]);
}

/** The items in the order of their labels. */
export function sortedBy(array: readonly Tree[], labels: readonly string[]): readonly Tree[] {
  const order = [...labels.keys()].sort((a, b) => (labels[a]! < labels[b]! ? -1 : 1));
  return order.map((i) => array[i]!);
}
