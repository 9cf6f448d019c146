import { canonical, type TreeObject } from '../body/tree.js';
import { strengthOf, words, wordsOf } from '../correlate/tokens.js';
import type { Symbols } from './symbols.js';

/** Name for all arms → each arm's own key, or undefined where it has none. */
export type KeyMatches = Map<string, (string | undefined)[]>;

type Match = readonly [name: string, row: readonly (string | undefined)[]];

/**
 * Which keys of the arms' objects are the same. By name, ids as symbols; and keys that hold an id nobody has named (a
 * session that only the store knows) by what is around the id, in the order of their content. What an id is, a word tells
 * by itself, or by being another one in every arm.
 */
export function matchKeys(objects: readonly TreeObject[], symbols: Symbols): KeyMatches {
  const matches: KeyMatches = new Map();
  const put = (name: string, side: number, key: string): void => {
    const row = matches.get(name) ?? objects.map(() => undefined);
    row[side] = key;
    matches.set(name, row);
  };
  for (const [side, object] of objects.entries())
    for (const key of Object.keys(object)) put(symbols.apply(side, key), side, key);
  const masks = masksOf(
    [...matches].filter(([, row]) => row.includes(undefined)),
    symbols.single,
  );
  const alone = [...matches].filter(([name]) => masks.has(name));
  for (const [name] of alone) matches.delete(name);
  for (const [side, object] of objects.entries()) {
    const keys = alone.flatMap(([name, row]) =>
      row[side] === undefined
        ? []
        : [{ mask: masks.get(name)!, key: row[side], content: masked(canonical(object[row[side]])) }],
    );
    keys.sort((a, b) => (a.content < b.content ? -1 : a.content > b.content ? 1 : 0));
    const ordinals = new Map<string, number>();
    for (const { mask, key } of keys) {
      const ordinal = (ordinals.get(mask) ?? 0) + 1;
      ordinals.set(mask, ordinal);
      put(ordinal === 1 ? mask : `${mask} (${ordinal})`, side, key);
    }
  }
  return matches;
}

/**
 * What is around the ids, for the names that have any and are not in all arms. What both arms of a release have was drawn by
 * neither, however random it looks (the hash of a question). With one arm a release (`single`), nothing can tell that.
 */
function masksOf(alone: readonly Match[], single: boolean): ReadonlyMap<string, string> {
  const masks = new Map<string, string>();
  for (const [name, loose] of loosely(alone, single)) masks.set(name, loose);
  for (const [name, row] of alone) {
    if (masks.has(name) || (!single && isRepeated(row))) continue;
    if (masked(name) !== name) masks.set(name, masked(name));
  }
  return masks;
}

function isRepeated(row: Match[1]): boolean {
  return areBoth(row[0], row[1]) || areBoth(row[2], row[3]);
}

function areBoth(a: unknown, b: unknown): boolean {
  return a !== undefined && b !== undefined;
}

/**
 * Names in which a word is another one in every arm, with `*` for it. Only where all arms have as many names around such a
 * word, and no two arms of a release have one in common: a word that a release repeats is none that it drew.
 */
function loosely(alone: readonly Match[], single: boolean): ReadonlyMap<string, string> {
  const arms = alone[0]?.[1].map(() => new Set<string>()) ?? [];
  for (const [name, row] of alone)
    for (const word of wordsOf(name)) for (const [side, key] of row.entries()) if (key) arms[side]!.add(word);
  const has = (word: string, ...sides: number[]): boolean => sides.every((side) => arms[side]!.has(word));
  const isShared = (word: string): boolean =>
    single ? has(word, 0, 1, 2, 3) : has(word, 0, 1) || has(word, 2, 3);
  const groups = new Map<string, Match[]>();
  for (const match of alone) {
    const loose = replaceWords(match[0], (word) => !isShared(word));
    if (loose === match[0]) continue;
    groups.set(loose, [...(groups.get(loose) ?? []), match]);
  }
  const masks = new Map<string, string>();
  for (const [loose, group] of groups)
    if (isDrawnApart(group)) for (const [name] of group) masks.set(name, loose);
  return masks;
}

/** As many names in every arm, and none that both arms of a release have. */
function isDrawnApart(group: readonly Match[]): boolean {
  const counts = group[0]![1].map((_, side) => group.filter(([, row]) => row[side] !== undefined).length);
  if (counts.some((count) => count !== counts[0])) return false;
  return !group.some(([, row]) => isRepeated(row));
}

/** The text with every identifying word as `*`. */
export function masked(text: string): string {
  return replaceWords(text, (word) => strengthOf(word) === 'strong');
}

function replaceWords(text: string, isReplaced: (word: string) => boolean): string {
  let out = '';
  let end = 0;
  for (const { word, index } of words(text)) {
    if (!isReplaced(word)) continue;
    out += `${text.slice(end, index)}*`;
    end = index + word.length;
  }
  return out + text.slice(end);
}
