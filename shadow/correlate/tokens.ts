import { COARSE, DIGIT, FINE, LOWER, UPPER, kindOf, wordEnd, wordStart } from './characters.js';

/** The fine words of a text with where they stand. */
export function* words(text: string): Generator<{ readonly word: string; readonly index: number }> {
  for (let start = wordStart(text, 0, FINE); start < text.length;) {
    const end = wordEnd(text, start, FINE);
    yield { word: text.slice(start, end), index: start };
    start = wordStart(text, end, FINE);
  }
}

/** The fine words of a text. */
export function wordsOf(text: string): readonly string[] {
  const found: string[] = [];
  for (let start = wordStart(text, 0, FINE); start < text.length;) {
    const end = wordEnd(text, start, FINE);
    found.push(text.slice(start, end));
    start = wordStart(text, end, FINE);
  }
  return found;
}

/** The shortest a word can be to identify by itself. */
const SHORTEST_STRONG = 8;

const NONE: readonly string[] = [];

/** The words of a text that identify by themselves. */
export function identifyingWords(text: string): readonly string[] {
  if (text.length < SHORTEST_STRONG) return NONE;
  let found: string[] | undefined;
  for (let start = wordStart(text, 0, FINE); start < text.length;) {
    const end = wordEnd(text, start, FINE);
    if (end - start >= SHORTEST_STRONG && strengthWithin(text, start, end) === 'strong')
      (found ??= []).push(text.slice(start, end));
    start = wordStart(text, end, FINE);
  }
  return found ?? NONE;
}

/**
 * How far a value identifies by itself, told from its structure alone:
 * - `strong`: long and mixed enough that where it stands again, it is the same thing;
 * - `weak`: a code (a one-time password, a short id): the same thing only where it is the whole value;
 * - `sequence`: a small number: the same thing only where it also stands in the same role;
 * - `plain`: a word.
 */
export type Strength = 'strong' | 'weak' | 'sequence' | 'plain';

export function strengthOf(value: string): Strength {
  return strengthWithin(value, 0, value.length);
}

function strengthWithin(text: string, start: number, end: number): Strength {
  const length = end - start;
  let kinds = 0;
  let isNumber = length > 0;
  for (let at = start; at < end; at += 1) {
    const kind = kindOf(text.charCodeAt(at));
    kinds |= kind;
    if (kind !== DIGIT) isNumber = false;
    if ((kinds & DIGIT) !== 0 && (kinds & (LOWER | UPPER)) !== 0) break;
  }
  if (isNumber) return length >= 10 ? 'strong' : length >= 4 ? 'weak' : 'sequence';
  const hasLetters = (kinds & (LOWER | UPPER)) !== 0;
  if (length < 4 || !hasLetters) return 'plain';
  if ((kinds & DIGIT) !== 0) return length >= SHORTEST_STRONG ? 'strong' : 'weak';
  if (!looksScrambled(text.slice(start, end))) return 'plain';
  return length >= 12 ? 'strong' : 'weak';
}

const VOWELS = new Set([...'aeiouyAEIOUY'].map((letter) => letter.charCodeAt(0)));

/** Letters alone, but no language: the case changes all over, or hardly a vowel. */
function looksScrambled(value: string): boolean {
  let letters = 0;
  let changes = 0;
  let vowels = 0;
  let before = 0;
  for (let at = 0; at < value.length; at += 1) {
    const code = value.charCodeAt(at);
    const kind = kindOf(code) & (LOWER | UPPER);
    if (kind === 0) continue;
    letters += 1;
    if (before === LOWER && kind === UPPER) changes += 1;
    if (VOWELS.has(code)) vowels += 1;
    before = kind;
  }
  if (letters < 5) return false;
  return (changes >= letters / 8 + 1 || vowels / letters < 0.15) && !/\s/.test(value);
}

export interface WordPair {
  readonly live: string;
  readonly arm: string;
}

/**
 * The words that differ between two texts of one skeleton (the same separators in the same places). Where the finer
 * words do not line up, the coarser ones are tried, then the whole, as long as it is one word to a reader.
 */
export function differingWords(live: string, arm: string): readonly WordPair[] {
  if (live === arm) return [];
  return aligned(live, arm, FINE) ?? aligned(live, arm, COARSE) ?? whole(live, arm);
}

/** Walks both texts at once; undefined where they are not of one skeleton. */
function aligned(live: string, arm: string, kinds: number): readonly WordPair[] | undefined {
  const pairs: WordPair[] = [];
  let l = 0;
  let r = 0;
  for (;;) {
    const left = wordStart(live, l, kinds);
    const right = wordStart(arm, r, kinds);
    if (left - l !== right - r || !sameWithin(live, l, left, arm, r)) return undefined;
    if (left === live.length || right === arm.length)
      return left === live.length && right === arm.length ? pairs : undefined;
    l = wordEnd(live, left, kinds);
    r = wordEnd(arm, right, kinds);
    if (l - left !== r - right || !sameWithin(live, left, l, arm, right))
      pairs.push({ live: live.slice(left, l), arm: arm.slice(right, r) });
  }
}

/** Whether `a` from `start` to `end` stands in `b` at `at`. */
function sameWithin(a: string, start: number, end: number, b: string, at: number): boolean {
  for (let i = start; i < end; i += 1) if (a.charCodeAt(i) !== b.charCodeAt(at + i - start)) return false;
  return true;
}

function whole(live: string, arm: string): readonly WordPair[] {
  return /\s/.test(live) || /\s/.test(arm) || live === '' || arm === '' ? [] : [{ live, arm }];
}
