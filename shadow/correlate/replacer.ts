import { FINE, kindOf, wordEnd, wordStart } from './characters.js';
import { FingerprintMap } from './fingerprint-map.js';
import { strengthOf } from './tokens.js';

interface Anchored<T> {
  readonly from: string;
  readonly to: T;
  /** Where the anchor word begins in `from`. */
  readonly offset: number;
}

/** Where in a text a value stands. */
interface Hit<T> {
  readonly start: number;
  readonly end: number;
  readonly to: T;
}

/** Words of this many characters and more are all looked up: they are rare. */
const LONGEST_TOLD = 63;

/** Some of the values, all set within one time. */
class Generation<T> {
  readonly single = new FingerprintMap<T>();
  readonly anchored = new Map<string, Anchored<T>[]>();
  /** By length: whether there is such a word among the above. */
  readonly lengths = new Uint8Array(LONGEST_TOLD + 1);

  get size(): number {
    return this.single.size + this.anchored.size;
  }

  set(from: string, to: T, anchor: Anchor): void {
    this.lengths[lengthClass(anchor.word.length)] = 1;
    if (anchor.word === from) {
      this.single.set(from, to);
      return;
    }
    const entry = { from, to, offset: anchor.index };
    const entries = this.anchored.get(anchor.word);
    if (entries === undefined) this.anchored.set(anchor.word, [entry]);
    else {
      const known = entries.findIndex((other) => other.from === from);
      if (known < 0) entries.push(entry);
      else entries[known] = entry;
    }
  }

  get(from: string, anchor: Anchor): T | undefined {
    if (anchor.word === from) return this.single.get(from);
    return this.anchored.get(anchor.word)?.find((entry) => entry.from === from)?.to;
  }
}

/**
 * Replaces many values in a text in one pass: each word of the text is looked up in a hash table, so the cost grows
 * with the text and not with the number of values. A value of several words (a signed cookie, base64 with `+` and
 * `/`) is anchored at its most telling word, and compared in full where that stands.
 *
 * What a value is replaced by is a text, or something (`T`) that each reader reads a text from: one table serves all arms.
 *
 * Values are of two generations. `rotate()` forgets the old one and makes the young one old; who wants a value that is
 * still used to stay sets it again when told (`onOld`).
 */
export class Replacer<T = string> {
  #young = new Generation<T>();
  #old = new Generation<T>();
  readonly #onOld: ((from: string) => void) | undefined;

  /** `onOld` hears of each value of the old generation that was found in a text. */
  constructor(onOld?: (from: string) => void) {
    this.#onOld = onOld;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** The replacement of a whole value. */
  get(from: string): T | undefined {
    const anchor = anchorOf(from);
    return anchor && (this.#young.get(from, anchor) ?? this.#old.get(from, anchor));
  }

  /** Values without a word in them cannot be found again and are ignored. */
  set(from: string, to: T): void {
    const anchor = anchorOf(from);
    if (anchor !== undefined) this.#young.set(from, to, anchor);
  }

  rotate(): void {
    this.#old = this.#young;
    this.#young = new Generation();
  }

  /** The values of the table that stand in `text` between word boundaries; undefined: none. */
  find(text: string): Hit<T>[] | undefined {
    const young = this.#young;
    const old = this.#old;
    if (young.size === 0 && old.size === 0) return undefined;
    const found: Found<T> = { hits: [], old: [] };
    for (let start = wordStart(text, 0, FINE); start < text.length;) {
      const end = wordEnd(text, start, FINE);
      this.#lookUp(text, start, end, found);
      const behind = start + ESCAPE;
      if (end > behind && isEscape(text, start)) this.#lookUp(text, behind, end, found);
      start = wordStart(text, end, FINE);
    }
    if (found.hits.length === 0) return undefined;
    if (this.#onOld !== undefined) for (const from of found.old) this.#onOld(from);
    return found.hits;
  }

  /** False: surely none of its values stands in the text. Told by the lengths of its words alone. */
  mayFind(text: string): boolean {
    for (let start = wordStart(text, 0, FINE); start < text.length;) {
      const end = wordEnd(text, start, FINE);
      if (this.#hasLength(end - start)) return true;
      if (isEscape(text, start) && this.#hasLength(end - start - ESCAPE)) return true;
      start = wordStart(text, end, FINE);
    }
    return false;
  }

  #hasLength(length: number): boolean {
    const known = lengthClass(length);
    return this.#young.lengths[known] === 1 || this.#old.lengths[known] === 1;
  }

  #lookUp(text: string, start: number, end: number, { hits, old }: Found<T>): void {
    if (!this.#hasLength(end - start)) return;
    const word = end - start === text.length ? text : text.slice(start, end);
    const young = this.#young.single.get(word);
    const single = young ?? this.#old.single.get(word);
    if (single !== undefined) {
      hits.push({ start, end, to: single });
      if (young === undefined) old.push(word);
    }
    const entries = this.#young.anchored.get(word);
    if (entries !== undefined) for (const entry of entries) hitAt(text, start, entry, hits);
    const older = this.#old.anchored.get(word);
    if (older === undefined) return;
    for (const entry of older) {
      if (entries?.some(({ from }) => from === entry.from) === true) continue;
      if (hitAt(text, start, entry, hits)) old.push(entry.from);
    }
  }
}

interface Found<T> {
  readonly hits: Hit<T>[];
  /** Those that stand in the old generation. */
  readonly old: string[];
}

/** Every value of the table that stands in `text` between word boundaries, replaced. */
export function replace(replacer: Replacer, text: string): string {
  const hits = replacer.find(text);
  return hits === undefined ? text : splice(text, hits);
}

/** Characters of a percent-encoded byte that look like a word's: `2F` of `%2F`. */
const ESCAPE = 2;
const PERCENT = 0x25;
const HEX_PAIR = /^[0-9A-Fa-f]{2}/;

/** Whether the word that begins at `start` begins with the rest of a percent-encoded byte. */
function isEscape(text: string, start: number): boolean {
  return text.charCodeAt(start - 1) === PERCENT && HEX_PAIR.test(text.slice(start, start + ESCAPE));
}

function lengthClass(length: number): number {
  return length > LONGEST_TOLD ? LONGEST_TOLD : length;
}

function hitAt<T>(text: string, wordAt: number, entry: Anchored<T>, hits: Hit<T>[]): boolean {
  const start = wordAt - entry.offset;
  if (start < 0 || !text.startsWith(entry.from, start) || !bounded(text, start, entry.from)) return false;
  hits.push({ start, end: start + entry.from.length, to: entry.to });
  return true;
}

interface Anchor {
  readonly word: string;
  readonly index: number;
}

/**
 * The longest word that identifies, the last of equals: in a JWT or a signed value that is the part nobody shares. In
 * `/customer-subscriptions/5f3a09c1` it is not the longest of all: everything would be anchored there.
 */
function anchorOf(value: string): Anchor | undefined {
  if (value.length > 0 && wordEnd(value, 0, FINE) === value.length) return { word: value, index: 0 };
  let best: Anchor | undefined;
  let bestIsStrong = false;
  for (let start = wordStart(value, 0, FINE); start < value.length;) {
    const end = wordEnd(value, start, FINE);
    const word = value.slice(start, end);
    const strong = strengthOf(word) === 'strong';
    if (best === undefined || (strong === bestIsStrong ? word.length >= best.word.length : strong)) {
      best = { word, index: start };
      bestIsStrong = strong;
    }
    start = wordStart(value, end, FINE);
  }
  return best;
}

/** Whether the value at `start` is not a piece of a longer word. */
function bounded(text: string, start: number, value: string): boolean {
  const end = start + value.length;
  return !(inWord(text, start - 1) && inWord(text, start)) && !(inWord(text, end - 1) && inWord(text, end));
}

function inWord(text: string, index: number): boolean {
  return index >= 0 && index < text.length && (kindOf(text.charCodeAt(index)) & FINE) !== 0;
}

/** The text with what was found replaced. The longest of overlapping hits wins, then the first. */
export function splice(text: string, hits: Hit<string>[]): string {
  const [only] = hits;
  if (hits.length === 1) return text.slice(0, only!.start) + only!.to + text.slice(only!.end);
  hits.sort((a, b) => a.start - b.start || b.end - a.end);
  let out = '';
  let end = 0;
  for (const [i, hit] of hits.entries()) {
    if (hit.start < end) continue;
    if (coveredByLonger(hits, i)) continue;
    out += text.slice(end, hit.start) + hit.to;
    end = hit.end;
  }
  return out + text.slice(end);
}

function coveredByLonger(hits: readonly Hit<string>[], index: number): boolean {
  const hit = hits[index]!;
  for (let i = index + 1; i < hits.length && hits[i]!.start < hit.end; i += 1)
    if (hits[i]!.end - hits[i]!.start > hit.end - hit.start) return true;
  return false;
}
