import { canonical, isObject, sameTree, typeOf, type Tree, type TreeObject } from '../body/tree.js';
import type { Descend } from './compare-leaf.js';
import { show, type Comparison } from './comparison.js';
import { indexPlace, type Four, type Place } from './observation.js';
import { LIVE_SIDE, type Symbols } from './symbols.js';

/** Lists of unlike lengths (a random choice of things) have no places in common, but they may have items. */

/** Compares those, and what is alike in all items of each list, whichever they are. */
export function compareShared(
  place: Place,
  arrays: Four<readonly Tree[]>,
  live: readonly Tree[] | undefined,
  comparison: Comparison,
  compare: Descend,
): void {
  for (const { index, trees, live: lived } of sharedItems(arrays, live, comparison.symbols))
    compare(indexPlace(place, index, false), trees, lived, {
      ...comparison,
      hasLive: comparison.hasLive && lived !== undefined,
    });
  const shapes = arrays.map(commonShape);
  if (shapes.includes(undefined) || shapes.every((shape) => shape === shapes[0])) return;
  const lived = commonShape(live);
  comparison.observe({
    place: { ...place, where: `${place.where}[*]`, general: `${place.general}[*]` },
    feature: 'type',
    labels: shapes as unknown as Four<string>,
    liveAgrees: lived === undefined ? undefined : lived === shapes[0] && shapes[0] === shapes[1],
    kind: 'changed',
    old: show(arrays[0][0], 0, comparison.symbols),
    new: show(arrays[2][0], 2, comparison.symbols),
    raw: [],
  });
}

/** An item that all arms list, and live's, where live lists it. */
interface SharedItem {
  /** Where it stands in the first arm's list. */
  readonly index: number;
  readonly trees: Four<Tree>;
  readonly live: Tree | undefined;
}

type Index = ReadonlyMap<string, Tree>;

/**
 * The items that all arms list, by the field that names them: one whose value is another in each item of a list, and whose
 * items are otherwise the same in both arms of a release, for most of them. Empty: no field names them.
 */
function sharedItems(
  arrays: Four<readonly Tree[]>,
  live: readonly Tree[] | undefined,
  symbols: Symbols,
): readonly SharedItem[] {
  const lists = [...arrays, live ?? []];
  const first = arrays[0][0];
  if (!isObject(first) || !lists.every((list) => list.every(isObject))) return [];
  let best: readonly SharedItem[] = [];
  let most = 0;
  for (const field of Object.keys(first)) {
    const indexes = lists.map((list, side) => indexBy(list, field, side, symbols));
    if (indexes.slice(0, LIVE_SIDE).includes(undefined)) continue;
    const items = itemsIn(indexes);
    const kept = items.filter(({ trees: [a, b, c, d] }) => sameTree(a, b) && sameTree(c, d)).length;
    if (kept * 2 <= items.length || kept <= most) continue;
    best = items;
    most = kept;
  }
  return best;
}

/** Items by the text of a field; undefined: it names none, as two have the same. */
function indexBy(
  items: readonly TreeObject[],
  field: string,
  side: number,
  symbols: Symbols,
): Index | undefined {
  const index = new Map<string, Tree>();
  for (const item of items) {
    const value = item[field];
    if (typeof value !== 'string' && typeof value !== 'number') return undefined;
    index.set(symbols.apply(side, canonical(value)), item);
  }
  return index.size === items.length ? index : undefined;
}

function itemsIn([first, ...rest]: readonly (Index | undefined)[]): readonly SharedItem[] {
  return [...first!.keys()].flatMap((name, index) => {
    const [b, c, d, live] = rest.map((other) => other?.get(name));
    if (b === undefined || c === undefined || d === undefined) return [];
    return [{ index, trees: [first!.get(name)!, b, c, d] as const, live }];
  });
}

/** The keys and types that every item of a list has alike; undefined: it has none, or items of several makes. */
function commonShape(items: readonly Tree[] | undefined): string | undefined {
  const shapes = new Set(items?.map(shapeOf));
  const [shape] = shapes;
  return shapes.size === 1 ? shape : undefined;
}

function shapeOf(item: Tree): string {
  if (!isObject(item)) return typeOf(item);
  return Object.keys(item)
    .sort()
    .map((key) => `${key}: ${typeOf(item[key])}`)
    .join(', ');
}
