import { isArray, isObject, type Tree } from './tree.js';

const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;
const POINT = 46;
const ZERO = 48;
const UPPER_E = 69;
const LOWER_E = 101;

/** Bytes of `true`, `null`, `-1.5e+3` and nothing else that can stand outside of strings. */
const IN_SCALAR = new Uint8Array(256);
for (const character of '0123456789+-.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ')
  IN_SCALAR[character.charCodeAt(0)] = 1;

/** Digits that a double may not hold: such a number is kept as a text, and not here. */
const LONGEST_INTEGER = 15;

/** What a text says, read beside another. */
export interface ReadBeside {
  readonly tree: Tree;
  /** Where it differs, both write texts without escapes and numbers in their shortest way. */
  readonly plain: boolean;
}

type Container = Record<string | number, Tree>;

/** Thrown where the text has to be parsed by itself. Often enough that making one each time would cost more than that. */
const APART = new Error('a text of another form');

/**
 * Where the values of a JSON text stand. A text that says the same but for some values, as the arms' answers nearly
 * always do, is then read by looking for what differs: its tree is the first one's with those values in it, and has all
 * else in common with it, so that what is the same need not be compared value by value either.
 */
export class JsonOutline {
  readonly #bytes: Uint8Array;
  readonly #tree: Tree;
  /** Of each value that holds no other: where it begins and ends, the container it stands in and its name there. */
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #holders: number[] = [];
  readonly #names: number[] = [];
  /** Of each container, by its number: what it stands in, and its name there. A name is where it is written, an index `-1 - index`. */
  readonly #parents: number[] = [];
  readonly #ownNames: number[] = [];
  /** Names by where they are written, once they were asked for. */
  readonly #written = new Map<number, string>();
  /** Containers of the tree, once they were asked for. */
  readonly #containers: (Container | undefined)[] = [];

  /** `bytes`: JSON in UTF-8; `tree`: what `parseJson` makes of it. */
  constructor(bytes: Uint8Array, tree: Tree) {
    this.#bytes = bytes;
    this.#tree = tree;
    this.#index();
  }

  /** A text of the same form, its tree as `parseJson`'s; undefined when it is not surely of that form. */
  read(bytes: Uint8Array): ReadBeside | undefined {
    try {
      return this.#beside(bytes);
    } catch (error) {
      if (error === APART) return undefined;
      throw error;
    }
  }

  #index(): void {
    const bytes = this.#bytes;
    let holder = -1;
    let name = 0;
    let isKey = false;
    for (let at = 0; at < bytes.length;) {
      const byte = bytes[at]!;
      if (byte === QUOTE) {
        const end = stringEnd(bytes, at);
        if (isKey) name = at;
        else this.#leaf(at, end, holder, name);
        isKey = false;
        at = end;
      } else if (IN_SCALAR[byte] === 1) {
        const end = scalarEnd(bytes, at);
        this.#leaf(at, end, holder, name);
        at = end;
      } else {
        if (byte === 123 || byte === 91) {
          this.#parents.push(holder);
          this.#ownNames.push(name);
          holder = this.#parents.length - 1;
          isKey = byte === 123;
          name = -1;
        } else if (byte === 125 || byte === 93) {
          name = this.#ownNames[holder]!;
          holder = this.#parents[holder]!;
          isKey = false; // An empty object had none.
        } else if (byte === COMMA) {
          if (name < 0) name -= 1;
          else isKey = true;
        }
        at += 1;
      }
    }
  }

  #leaf(start: number, end: number, holder: number, name: number): void {
    this.#starts.push(start);
    this.#ends.push(end);
    this.#holders.push(holder);
    this.#names.push(name);
  }

  #beside(other: Uint8Array): ReadBeside {
    const bytes = this.#bytes;
    const copies: Container[] = [];
    let tree = this.#tree;
    let plain = true;
    let leaf = 0;
    let i = 0;
    let j = 0;
    for (;;) {
      while (i < bytes.length && bytes[i] === other[j]) {
        i += 1;
        j += 1;
      }
      if (i === bytes.length && j === other.length) return { tree: copies[0] ?? tree, plain };
      while (leaf < this.#ends.length && this.#ends[leaf]! < i) leaf += 1;
      const start = this.#starts[leaf];
      if (start === undefined || start > i) throw APART;
      const from = j - (i - start);
      const isText = bytes[start] === QUOTE;
      const end = isText ? stringEnd(other, from) : scalarEnd(other, from);
      const value = isText ? textAt(other, from, end) : scalarAt(other, from, end);
      i = this.#ends[leaf]!;
      j = end;
      const manner = mannerOf(bytes, start, i);
      plain &&= manner !== undefined && manner === mannerOf(other, from, end);
      const holder = this.#holders[leaf]!;
      if (holder < 0) tree = value;
      else this.#put(copies, holder, this.#names[leaf]!, value);
      leaf += 1;
    }
  }

  #put(copies: Container[], holder: number, name: number, value: Tree): void {
    const copy = this.#copyOf(copies, holder);
    const key = this.#name(name);
    if (!Object.hasOwn(copy, key)) throw APART;
    copy[key] = value;
  }

  /** The other text's own container; those it stands in become its own too. */
  #copyOf(copies: Container[], holder: number): Container {
    const known = copies[holder];
    if (known !== undefined) return known;
    const container = this.#container(holder);
    const copy = (isArray(container) ? [...(container as unknown as Tree[])] : { ...container }) as Container;
    copies[holder] = copy;
    const parent = this.#parents[holder]!;
    if (parent >= 0) this.#copyOf(copies, parent)[this.#name(this.#ownNames[holder]!)] = copy;
    return copy;
  }

  #container(holder: number): Container {
    const known = this.#containers[holder];
    if (known !== undefined) return known;
    const parent = this.#parents[holder]!;
    const found = parent < 0 ? this.#tree : this.#container(parent)[this.#name(this.#ownNames[holder]!)];
    // Of two members of one name the tree has one.
    if (!isArray(found) && !isObject(found)) throw APART;
    this.#containers[holder] = found as Container;
    return found as Container;
  }

  #name(name: number): string | number {
    if (name < 0) return -1 - name;
    let text = this.#written.get(name);
    if (text === undefined) {
      text = textAt(this.#bytes, name, stringEnd(this.#bytes, name));
      // Set like any other, it would be the prototype.
      if (text === '__proto__') throw APART;
      this.#written.set(name, text);
    }
    return text;
  }
}

/** Where the string that begins at `start` ends: after its quote. */
function stringEnd(bytes: Uint8Array, start: number): number {
  if (bytes[start] !== QUOTE) throw APART;
  for (let at = start + 1; at < bytes.length; at += 1) {
    const byte = bytes[at]!;
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at += 1;
  }
  throw APART;
}

function scalarEnd(bytes: Uint8Array, start: number): number {
  let end = start;
  while (end < bytes.length && IN_SCALAR[bytes[end]!] === 1) end += 1;
  return end;
}

/** How a value is written: what it begins with tells its type. Undefined: with escapes, or not in its shortest way. */
function mannerOf(bytes: Uint8Array, start: number, end: number): 'text' | 'number' | 'word' | undefined {
  const first = bytes[start]!;
  if (first === QUOTE) return has(bytes, start, end, BACKSLASH) ? undefined : 'text';
  if (first >= 97) return 'word';
  if (has(bytes, start, end, LOWER_E) || has(bytes, start, end, UPPER_E)) return undefined;
  const last = bytes[end - 1]!;
  return (last === ZERO || last === POINT) && has(bytes, start, end, POINT) ? undefined : 'number';
}

function has(bytes: Uint8Array, start: number, end: number, byte: number): boolean {
  for (let at = start; at < end; at += 1) if (bytes[at] === byte) return true;
  return false;
}

/** Plain ASCII without escapes is read as it stands, all else as JSON and UTF-8 are. */
function textAt(bytes: Uint8Array, start: number, end: number): string {
  let isPlain = true;
  for (let at = start + 1; at < end - 1 && isPlain; at += 1) {
    const byte = bytes[at]!;
    isPlain = byte >= 32 && byte < 128 && byte !== BACKSLASH;
  }
  if (isPlain) return latin1(bytes, start + 1, end - 1);
  return parsed(decoded(bytes.subarray(start, end))) as string;
}

function scalarAt(bytes: Uint8Array, start: number, end: number): Tree {
  const text = latin1(bytes, start, end);
  if (text.length > LONGEST_INTEGER && /^-?\d+$/.test(text)) throw APART;
  return parsed(text);
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decoded(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw APART; // No UTF-8.
  }
}

function parsed(text: string): Tree {
  try {
    return JSON.parse(text) as Tree;
  } catch {
    throw APART; // No JSON.
  }
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}
