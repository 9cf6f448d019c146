import { canonical, type TreeObject } from '../body/tree.js';
import { strengthOf, words } from '../correlate/tokens.js';
import type { Symbols } from './symbols.js';

/** Name for all arms → each arm's own key, or undefined where it has none. */
export type KeyMatches = Map<string, (string | undefined)[]>;

/**
 * Which keys of the arms' objects are the same. By name, ids as symbols; and keys that hold an id nobody has named (a
 * session that only the store knows) by what is around the id, in the order of their content.
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
  const alone = [...matches].filter(([name, row]) => row.includes(undefined) && masked(name) !== name);
  for (const [name] of alone) matches.delete(name);
  for (const [side, object] of objects.entries()) {
    const keys = alone.flatMap(([name, row]) =>
      row[side] === undefined
        ? []
        : [{ mask: masked(name), key: row[side], content: masked(canonical(object[row[side]])) }],
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

/** The text with every identifying word as `*`. */
export function masked(text: string): string {
  let out = '';
  let end = 0;
  for (const { word, index } of words(text)) {
    if (strengthOf(word) !== 'strong') continue;
    out += `${text.slice(end, index)}*`;
    end = index + word.length;
  }
  return out + text.slice(end);
}
