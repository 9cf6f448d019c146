import { randomBytes } from 'node:crypto';

/** Differs from run to run: nobody can choose words that fall on one place of the table. */
const SEED = randomBytes(4).readUInt32LE(0);

/** Places at first; the table doubles as it fills. */
const FIRST_PLACES = 1024;

/** How full a table may be: from there on, looking for a free place takes long. */
const MOST_LOAD = 0.75;

/** In `high` of a place: nothing was ever there; something was removed from there. True fingerprints are odd. */
const FREE = 0;
const REMOVED = 2;

/** The last word's fingerprint: a word is asked for in several tables, one after the other. */
let hashed = '';
let low = 0;
let high = 1;

function hash(word: string): void {
  if (word === hashed && word.length > 0) return;
  let a = SEED;
  let b = 0x9e3779b9 ^ word.length;
  for (let i = 0; i < word.length; i += 1) {
    const code = word.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b, 31) + code;
  }
  a = Math.imul(a ^ (a >>> 15), 0x85ebca6b);
  b = Math.imul(b ^ (b >>> 13) ^ SEED, 0xc2b2ae35);
  low = (a ^ (a >>> 13) ^ b) >>> 0;
  high = ((b ^ (b >>> 16)) | 1) >>> 0;
  hashed = word;
}

type Bits = Uint8Array | Uint32Array;

/**
 * A set of words, each with a few bits, that keeps not the words but 63 bits of a hash of each: some 16 bytes a word,
 * which the garbage collector never looks at. Two words are taken for one about once in 10^12 questions to a million.
 */
export class Fingerprints {
  readonly #bitsOf: new (length: number) => Bits;
  #places = new Uint32Array(2 * FIRST_PLACES);
  #bits: Bits;
  #mask = FIRST_PLACES - 1;
  #size = 0;
  /** Places that are not free: with those of removed words. */
  #used = 0;

  /** `bitsOf`: how many bits a word can have, 8 or 32. */
  constructor(bitsOf: new (length: number) => Bits = Uint8Array) {
    this.#bitsOf = bitsOf;
    this.#bits = new bitsOf(FIRST_PLACES);
  }

  get size(): number {
    return this.#size;
  }

  /** The word's bits; 0 where it is not in the set. */
  get(word: string): number {
    if (this.#size === 0) return 0;
    hash(word);
    const place = this.#find();
    return place < 0 ? 0 : this.#bits[place]!;
  }

  /** Adds bits to the word's: at least one. */
  add(word: string, bits: number): void {
    hash(word);
    const place = this.#find();
    if (place >= 0) {
      this.#bits[place]! |= bits;
      return;
    }
    if (this.#used >= MOST_LOAD * this.#bits.length) this.#grow();
    this.#put(low, high, bits);
  }

  delete(word: string): void {
    if (this.#size === 0) return;
    hash(word);
    const place = this.#find();
    if (place < 0) return;
    this.#places[2 * place + 1] = REMOVED;
    this.#size -= 1;
  }

  clear(): void {
    this.#places.fill(0);
    this.#size = 0;
    this.#used = 0;
  }

  #find(): number {
    const places = this.#places;
    for (let place = low & this.#mask; ; place = (place + 1) & this.#mask) {
      const found = places[2 * place + 1]!;
      if (found === high && places[2 * place] === low) return place;
      if (found === FREE) return -1;
    }
  }

  #put(first: number, second: number, bits: number): void {
    let place = first & this.#mask;
    while (this.#places[2 * place + 1] !== FREE) place = (place + 1) & this.#mask;
    this.#places[2 * place] = first;
    this.#places[2 * place + 1] = second;
    this.#bits[place] = bits;
    this.#size += 1;
    this.#used += 1;
  }

  /** Twice the places, or as many where most of the words were removed. */
  #grow(): void {
    const [places, bits] = [this.#places, this.#bits];
    const count = this.#size * 2 > MOST_LOAD * bits.length ? bits.length * 2 : bits.length;
    this.#places = new Uint32Array(2 * count);
    this.#bits = new this.#bitsOf(count);
    this.#mask = count - 1;
    this.#size = 0;
    this.#used = 0;
    for (let i = 0; i < bits.length; i += 1) {
      const second = places[2 * i + 1]!;
      if (second !== FREE && second !== REMOVED) this.#put(places[2 * i]!, second, bits[i]!);
    }
  }
}
