import { canonical, isArray, isObject, sameTree, typeOf, type Tree, type TreeObject } from '../body/tree.js';
import { compareLeaf } from './compare-leaf.js';
import {
  childPlace,
  elementPlace,
  indexPlace,
  type Four,
  type Observation,
  type Place,
} from './observation.js';
import { differenceKind, show, type Comparison } from './comparison.js';
import { inOrderOf, itemNames, sameMultiset, sortedBy, type ItemNames } from './item-order.js';
import { matchKeys } from './match-keys.js';
import { LIVE_SIDE, type Symbols } from './symbols.js';

type Trees = Four<Tree | undefined>;

/**
 * Compares one place of all arms, and what is below it. `live` is what live has there (undefined: nothing, or nothing
 * known, when `comparison.hasLive` is false).
 */
export function compareTree(
  place: Place,
  trees: Trees,
  live: Tree | undefined,
  comparison: Comparison,
): void {
  const [first] = trees;
  if (trees.every((tree) => sameTree(tree, first))) return;
  const types = trees.map(typeOf);
  if (types.some((type) => type !== types[0])) observeTypes(place, trees, live, comparison);
  else if (types[0] === 'object') compareObjects(place, trees, live, comparison);
  else if (types[0] === 'array')
    compareArrays(place, trees as Four<readonly Tree[]>, isArray(live) ? live : undefined, comparison);
  else compareLeaf(place, trees as Four<string | number | boolean>, live, comparison, compareTree);
}

function observeTypes(place: Place, trees: Trees, live: Tree | undefined, comparison: Comparison): void {
  const labels = trees.map(typeOf) as unknown as Four<string>;
  comparison.observe({
    place,
    feature: 'type',
    labels,
    liveAgrees: comparison.hasLive ? typeOf(live) === labels[0] && labels[0] === labels[1] : undefined,
    kind: differenceKind(trees[0], trees[2]),
    ...sidesOf(trees, comparison.symbols),
    raw: [],
  });
}

function compareObjects(place: Place, trees: Trees, live: Tree | undefined, comparison: Comparison): void {
  const objects = trees.map((tree) => (isObject(tree) ? tree : {}));
  if (isAnotherThing(objects, comparison)) {
    observeWhole(place, trees, objects.map(keysOf) as unknown as Four<string>, live, comparison);
    return;
  }
  const liveObject = isObject(live) ? live : {};
  const liveKeys = new Map(
    Object.keys(liveObject).map((key) => [comparison.symbols.apply(LIVE_SIDE, key), key]),
  );
  for (const [name, keys] of matchKeys(objects, comparison.symbols)) {
    const children = keys.map((key, side) => (key === undefined ? undefined : objects[side]![key]));
    const liveKey = liveKeys.get(name);
    const liveChild = liveKey === undefined ? undefined : liveObject[liveKey];
    compareTree(childPlace(place, name), children as unknown as Trees, liveChild, comparison);
  }
}

/** Old and new have not one key in common: an error instead of the thing. One difference, not one a key. */
function isAnotherThing(objects: readonly TreeObject[], comparison: Comparison): boolean {
  const [old, , fresh] = objects;
  const names = new Set(Object.keys(old!).map((key) => comparison.symbols.apply(0, key)));
  const others = Object.keys(fresh!).map((key) => comparison.symbols.apply(2, key));
  if (names.size === 0 || others.length === 0 || others.some((name) => names.has(name))) return false;
  const labels = objects.map(keysOf);
  return labels[0] === labels[1] && labels[2] === labels[3] && !/\d/.test(labels.join());
}

function keysOf(object: Tree | undefined): string {
  return isObject(object) ? Object.keys(object).sort().join() : '';
}

function observeWhole(
  place: Place,
  trees: Trees,
  labels: Four<string>,
  live: Tree | undefined,
  comparison: Comparison,
): void {
  comparison.observe({
    place,
    feature: 'type',
    labels,
    liveAgrees: comparison.hasLive ? keysOf(live) === labels[0] && labels[0] === labels[1] : undefined,
    kind: 'changed',
    ...sidesOf(trees, comparison.symbols),
    raw: [],
  });
}

function compareArrays(
  place: Place,
  arrays: Four<readonly Tree[]>,
  live: readonly Tree[] | undefined,
  comparison: Comparison,
): void {
  const [first] = arrays;
  if (arrays.some((array) => array.length !== first.length)) {
    observeLengths(place, arrays, live, comparison);
    return;
  }
  const items = arrays.map((array, side) =>
    array.map((item) => comparison.symbols.apply(side, canonical(item))),
  );
  const liveItems = live?.map((item) => comparison.symbols.apply(LIVE_SIDE, canonical(item)));
  if (areOtherItems(arrays, items as unknown as Four<readonly string[]>)) {
    observeItems(place, items as unknown as Four<readonly string[]>, liveItems, arrays, comparison);
    return;
  }
  const four = items as unknown as Four<readonly string[]>;
  if (four.every((list) => sameMultiset(list, four[0]))) {
    observeOrder(place, four, liveItems, arrays, comparison);
    return;
  }
  const names = itemNames({ arms: four, live: liveItems }, arrays, live, comparison.symbols);
  if (names?.mixed === true) compareMixed(place, arrays, live, names, comparison);
  else {
    const ordered = names?.live && inOrderOf(live!, names.live, names.arms[0]);
    compareItems(place, arrays, ordered ?? live, comparison);
  }
}

/** The order is one thing, and the items another, each beside itself. */
function compareMixed(
  place: Place,
  arrays: Four<readonly Tree[]>,
  live: readonly Tree[] | undefined,
  names: ItemNames,
  comparison: Comparison,
): void {
  observeOrder(place, names.arms, names.live, arrays, comparison);
  const sorted = arrays.map((array, side) => sortedBy(array, names.arms[side]!));
  compareItems(place, sorted as unknown as Four<readonly Tree[]>, names.live && sortedBy(live!, names.live), {
    ...comparison,
    hasLive: comparison.hasLive && names.live !== undefined,
  });
}

function compareItems(
  place: Place,
  arrays: Four<readonly Tree[]>,
  live: readonly Tree[] | undefined,
  comparison: Comparison,
): void {
  for (const i of arrays[0].keys())
    compareTree(
      itemPlace(place, i, arrays[0][i], comparison),
      arrays.map((array) => array[i]) as unknown as Trees,
      live?.[i],
      comparison,
    );
}

function itemPlace(place: Place, index: number, item: Tree | undefined, comparison: Comparison): Place {
  if (!comparison.markup) return indexPlace(place, index, comparison.exactIndexes);
  const tag = isObject(item) ? item['#'] : 'text()';
  return elementPlace(place, index, typeof tag === 'string' ? tag : 'text()');
}

/** Lists of unlike lengths have no places to compare one by one: the list is the place. */
function observeLengths(
  place: Place,
  arrays: Four<readonly Tree[]>,
  live: readonly Tree[] | undefined,
  comparison: Comparison,
): void {
  const labels = arrays.map((array) => String(array.length)) as unknown as Four<string>;
  comparison.observe({
    place,
    feature: 'length',
    labels,
    liveAgrees: comparison.hasLive
      ? String(live?.length) === labels[0] && labels[0] === labels[1]
      : undefined,
    kind: 'changed',
    ...sidesOf(arrays, comparison.symbols),
    raw: [],
  });
}

/** The update lists other things: repeated within each release, and item by item most of what is in them differs. */
function areOtherItems(arrays: Four<readonly Tree[]>, items: Four<readonly string[]>): boolean {
  const [oldA, oldB, newA, newB] = items.map((list) => list.join());
  if (oldA !== oldB || newA !== newB || arrays[0].length < 2) return false;
  if (sameMultiset(items[0], items[2]) || !arrays[0].every(isObject)) return false;
  const unlike = arrays[0].filter((item, i) => mostlyDiffers(item, arrays[2][i]));
  return unlike.length * 2 > arrays[0].length;
}

function mostlyDiffers(a: Tree, b: Tree | undefined): boolean {
  if (!isObject(a) || !isObject(b)) return !sameTree(a, b);
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return keys.filter((key) => !sameTree(a[key], b[key])).length * 2 > keys.length;
}

function observeItems(
  place: Place,
  items: Four<readonly string[]>,
  live: readonly string[] | undefined,
  arrays: Four<readonly Tree[]>,
  comparison: Comparison,
): void {
  const labels = items.map((list) => list.join()) as unknown as Four<string>;
  comparison.observe({
    place,
    feature: 'value',
    labels,
    liveAgrees: comparison.hasLive ? live?.join() === labels[0] && labels[0] === labels[1] : undefined,
    kind: 'changed',
    ...sidesOf(arrays, comparison.symbols),
    raw: [],
  });
}

function observeOrder(
  place: Place,
  items: Four<readonly string[]>,
  live: readonly string[] | undefined,
  arrays: Four<readonly Tree[]>,
  comparison: Comparison,
): void {
  const labels = items.map((list) => list.join()) as unknown as Four<string>;
  const observation: Observation = {
    place,
    feature: 'order',
    labels,
    // Ids make live's text another one: its order can only be told where it has the same items.
    liveAgrees:
      comparison.hasLive && live !== undefined && sameMultiset(live, items[0])
        ? live.join() === labels[0] && labels[0] === labels[1]
        : undefined,
    kind: 'changed',
    ...sidesOf(arrays, comparison.symbols),
    raw: [],
  };
  comparison.observe(observation);
}

function sidesOf(trees: Trees, symbols: Symbols): { old: string | undefined; new: string | undefined } {
  return { old: show(trees[0], 0, symbols), new: show(trees[2], 2, symbols) };
}
