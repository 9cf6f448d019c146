import { canonical, isObject, type Tree, type TreeObject } from '../body/tree.js';
import { TIME_FORMS } from '../correlate/time-text.js';
import { masked } from './match-keys.js';
import type { Four } from './observation.js';
import { LIVE_SIDE, type Symbols } from './symbols.js';

/** What the items of a list go by, whatever order they stand in. */
export interface ItemNames {
  readonly arms: Four<readonly string[]>;
  /** Undefined: live has no list there, or none of the same items. */
  readonly live: readonly string[] | undefined;
  /** Their order is a trait of its own: it differs within a release, or it is what the update changed. */
  readonly mixed: boolean;
}

/** The items of all arms as texts with symbols for ids, and live's. */
export interface ListTexts {
  readonly arms: Four<readonly string[]>;
  readonly live: readonly string[] | undefined;
}

/** Undefined: nothing tells which items of a release's arms are the same, so they are to be compared where they stand. */
export function itemNames(
  texts: ListTexts,
  arrays: Four<readonly Tree[]>,
  live: readonly Tree[] | undefined,
  symbols: Symbols,
): ItemNames | undefined {
  const { arms } = texts;
  if (sameMultiset(arms[0], arms[1]) || sameMultiset(arms[2], arms[3])) return namesOf(arms, texts.live);
  // Each item has something of its own in every arm, an id or a time: they go by what is around it.
  const around = arms.map((list) => list.map(withoutIds)) as unknown as Four<readonly string[]>;
  if (isKept(around)) return namesOf(around, texts.live?.map(withoutIds));
  return namesByFields(arrays, live, symbols);
}

function namesOf(arms: Four<readonly string[]>, live: readonly string[] | undefined): ItemNames {
  const mixed =
    isReordered(arms[0], arms[1]) || isReordered(arms[2], arms[3]) || isReordered(arms[0], arms[2]);
  return { arms, live: live && sameMultiset(live, arms[0]) ? live : undefined, mixed };
}

/**
 * Items in which something varies go by the fields that do not: those whose values both arms of a release have, in
 * whatever order. What old and new share comes first, so that an item stands beside itself though the update changed it.
 */
function namesByFields(
  arrays: Four<readonly Tree[]>,
  live: readonly Tree[] | undefined,
  symbols: Symbols,
): ItemNames | undefined {
  const lists = [...arrays, live ?? []];
  if (!lists.every((list) => list.every(isObject)) || arrays[0].length < 2) return undefined;
  const columns = Object.keys(lists[0]![0]!)
    .map((field) => lists.map((list, side) => columnOf(list, field, side, symbols)))
    .filter((column) => isKept(armsOf(column)))
    .sort(([a, , c], [b, , d]) => Number(sameMultiset(b!, d!)) - Number(sameMultiset(a!, c!)));
  let names: readonly (readonly string[])[] = lists.map((list) => list.map(() => ''));
  for (const column of columns) {
    const longer = names.map((list, side) => list.map((name, i) => `${name}\n${column[side]![i]!}`));
    if (isKept(armsOf(longer))) names = longer;
  }
  return namesOf(armsOf(names), live && names[LIVE_SIDE]);
}

function armsOf(lists: readonly (readonly string[])[]): Four<readonly string[]> {
  return lists.slice(0, LIVE_SIDE) as unknown as Four<readonly string[]>;
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

/**
 * The items in the order of their labels. Those of one label are in the order of their texts, times apart: the ids in
 * them are the same symbols in all arms, so that each still stands beside itself.
 */
export function sortedBy(
  array: readonly Tree[],
  labels: readonly string[],
  texts: readonly string[],
): readonly Tree[] {
  const timeless = texts.map((text) => text.replace(TIMES, '⟨time⟩'));
  const order = [...labels.keys()].sort(
    (a, b) =>
      compareText(labels[a]!, labels[b]!) ||
      compareText(timeless[a]!, timeless[b]!) ||
      compareText(texts[a]!, texts[b]!),
  );
  return order.map((i) => array[i]!);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** The items of live in the order in which an arm has those of the same names. */
export function inOrderOf(
  live: readonly Tree[],
  liveNames: readonly string[],
  names: readonly string[],
): readonly Tree[] {
  const left = new Map<string, number[]>();
  for (const [i, name] of liveNames.entries()) left.set(name, [...(left.get(name) ?? []), i]);
  return names.map((name) => live[left.get(name)!.shift()!]!);
}

/** Lists are aligned by what their items share as long as that is no more work than so many comparisons. */
const MOST_PAIRS = 10_000;

/**
 * Live's items each beside the arm's that it has most in common with: first those of the same text, then those that share
 * the most words, the largest share first. Undefined: too many, or not as many as the arm's.
 */
export function alignedWith(
  live: readonly Tree[],
  liveTexts: readonly string[],
  texts: readonly string[],
): readonly Tree[] | undefined {
  if (live.length !== texts.length) return undefined;
  const [ours, theirs] = [texts.map(wordsOf), liveTexts.map(wordsOf)];
  if (isInPlace(ours, theirs)) return live;
  const left = new Map<string, number[]>();
  for (const [i, text] of liveTexts.entries()) left.set(text, [...(left.get(text) ?? []), i]);
  const beside: (number | undefined)[] = texts.map((text) => left.get(text)?.shift());
  const free = [...left.values()].flat();
  const open = [...beside.keys()].filter((i) => beside[i] === undefined);
  if (open.length * free.length > MOST_PAIRS) return undefined;
  const pairs = open
    .flatMap((i) => free.map((j) => ({ i, j, share: shareOf(ours[i]!, theirs[j]!) })))
    .sort((a, b) => b.share - a.share || Math.abs(a.i - a.j) - Math.abs(b.i - b.j) || a.i - b.i);
  const taken = new Set<number>();
  for (const { i, j } of pairs) {
    if (beside[i] !== undefined || taken.has(j)) continue;
    beside[i] = j;
    taken.add(j);
  }
  return beside.map((j) => live[j!]!);
}

type Words = ReadonlySet<string>;

function wordsOf(text: string): Words {
  return new Set(text.split(/[^\p{L}\p{N}]+/u));
}

/** Whether each item has no more in common with its neighbours in the other list than with the one in its place: nearly always. */
function isInPlace(ours: readonly Words[], theirs: readonly Words[]): boolean {
  return ours.every((words, i) => {
    const here = shareOf(words, theirs[i]!);
    const beside = [theirs.at(i - 1)!, theirs[(i + 1) % theirs.length]!];
    return beside.every((other) => shareOf(words, other) <= here);
  });
}

/** Jaccard's index. */
function shareOf(a: Words, b: Words): number {
  let both = 0;
  for (const word of a) if (b.has(word)) both += 1;
  return both / (a.size + b.size - both);
}
