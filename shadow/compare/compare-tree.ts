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
import {
  alignedWith,
  inOrderOf,
  itemNames,
  sameMultiset,
  sortedBy,
  type ItemNames,
  type ListTexts,
} from './item-order.js';
import { compareShared } from './shared-items.js';
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
  if (!allSame(trees)) compareApart(place, trees, live, comparison);
}

function allSame([first, ...rest]: Trees): boolean {
  return rest.every((tree) => sameTree(tree, first));
}

/** Trees that are known not to be all the same. */
function compareApart(place: Place, trees: Trees, live: Tree | undefined, comparison: Comparison): void {
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
  const keys = commonKeys(objects, comparison.symbols);
  if (keys !== undefined) compareFields(place, objects, keys, isObject(live) ? live : {}, comparison);
  else compareMatched(place, trees, objects, live, comparison);
}

/** The keys, where all have the same ones and none can be the name of a thing; else undefined. */
function commonKeys(objects: readonly TreeObject[], symbols: Symbols): readonly string[] | undefined {
  const [first, ...rest] = objects;
  const keys = Object.keys(first!);
  for (const object of rest) {
    let i = 0;
    for (const key in object) {
      if (key !== keys[i]) return undefined;
      i += 1;
    }
    if (i !== keys.length) return undefined;
  }
  return keys.some((key) => symbols.mayName(key)) ? undefined : keys;
}

/** Objects of the same keys: each is a place, and nearly all of them hold the same value in all arms. */
function compareFields(
  place: Place,
  objects: readonly TreeObject[],
  keys: readonly string[],
  live: TreeObject,
  comparison: Comparison,
): void {
  const [a, b, c, d] = objects as unknown as Four<TreeObject>;
  for (const key of keys) {
    const first = a[key];
    if (first === b[key] && first === c[key] && first === d[key]) continue;
    const children: Trees = [first, b[key], c[key], d[key]];
    if (allSame(children)) continue;
    const liveChild = Object.hasOwn(live, key) ? live[key] : undefined;
    compareApart(childPlace(place, key), children, liveChild, comparison);
  }
}

function compareMatched(
  place: Place,
  trees: Trees,
  objects: readonly TreeObject[],
  live: Tree | undefined,
  comparison: Comparison,
): void {
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
    if (!comparison.markup && !comparison.exactIndexes)
      compareShared(place, arrays, live, comparison, compareTree);
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
  if (names?.mixed === true)
    compareMixed(place, arrays, live, names, { arms: four, live: liveItems }, comparison);
  else {
    const ordered = names?.live && inOrderOf(live!, names.live, names.arms[0]);
    compareItems(
      place,
      arrays,
      ordered ?? (live && alignedWith(live, liveItems!, items[0]!)) ?? live,
      comparison,
    );
  }
}

/** The order is one thing, and the items another, each beside itself. */
function compareMixed(
  place: Place,
  arrays: Four<readonly Tree[]>,
  live: readonly Tree[] | undefined,
  names: ItemNames,
  texts: ListTexts,
  comparison: Comparison,
): void {
  observeOrder(place, names.arms, names.live, arrays, comparison);
  const sorted = arrays.map((array, side) => sortedBy(array, names.arms[side]!, texts.arms[side]!));
  compareItems(
    place,
    sorted as unknown as Four<readonly Tree[]>,
    names.live && sortedBy(live!, names.live, texts.live!),
    { ...comparison, hasLive: comparison.hasLive && names.live !== undefined },
  );
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

export function observeOrder(
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
