import { FINE, JOINT, LOWER, UPPER, kindOf } from '../correlate/characters.js';
import type { Four } from './observation.js';

/** Shorter ones may be amounts with a unit, and say little by their characters. */
const SHORTEST = 12;

/** In a UUID, the version. */
const UUID_LENGTH = 36;
const UUID_VERSION_AT = 14;

/**
 * Whether four random words are so alike that no trait can differ: one length, the same joints in the same places, letters
 * and digits of the same kinds, and no beginning or end that only some of them share. Nearly all ids are, and one look at
 * each character tells it; what is not of one make is looked at closely (`traitsOf`).
 */
export function areOfOneMake(texts: Four<string>): boolean {
  const [first] = texts;
  if (first.length < SHORTEST) return false;
  const alphabet = alphabetIn(first);
  if (alphabet === undefined) return false;
  // Of other letters than those of hex base64url is made too, where joints are characters like any.
  const areJoints = (alphabet & LETTERS) === 0;
  for (const text of texts) {
    if (text.length !== first.length || (text !== first && alphabetIn(text) !== alphabet)) return false;
    if (areJoints && !sameJoints(text, first)) return false;
    if (text.length === UUID_LENGTH && text[UUID_VERSION_AT] !== first[UUID_VERSION_AT]) return false;
  }
  return !isEdgeShared(texts, 0, 1) && !isEdgeShared(texts, first.length - 1, -1);
}

/**
 * The words in which texts are not alike, where all else of them is (`/orders/<id>/payment`); the texts themselves where
 * there is nothing around, or something that is looked at for itself (numbers, white space).
 */
export function coresOf(texts: Four<string>): Four<string> {
  const [first, b, c, d] = texts;
  const shortest = Math.min(first.length, b.length, c.length, d.length);
  let start = 0;
  while (
    start < shortest &&
    first[start] === b[start] &&
    first[start] === c[start] &&
    first[start] === d[start]
  )
    start += 1;
  while (start > 0 && isInWord(first, start - 1)) start -= 1;
  let end = 0;
  while (end < shortest - start && endAlike(texts, end)) end += 1;
  while (end > 0 && isInWord(first, first.length - end)) end -= 1;
  if (start === 0 && end === 0) return texts;
  if (/[\d\s]/.test(first.slice(0, start) + first.slice(first.length - end))) return texts;
  return texts.map((text) => text.slice(start, text.length - end)) as unknown as Four<string>;
}

/** Whether the characters so far from the ends are the same. */
function endAlike([a, b, c, d]: Four<string>, fromEnd: number): boolean {
  const last = a.charCodeAt(a.length - 1 - fromEnd);
  return (
    last === b.charCodeAt(b.length - 1 - fromEnd) &&
    last === c.charCodeAt(c.length - 1 - fromEnd) &&
    last === d.charCodeAt(d.length - 1 - fromEnd)
  );
}

function isInWord(text: string, index: number): boolean {
  return (kindOf(text.charCodeAt(index)) & FINE) !== 0;
}

const LETTERS = LOWER | UPPER;

/** Letters that hex has, too, are of kinds of their own: those of all letters, times this. */
const HEX = 32;

/**
 * The smallest usual alphabet that a word keeps to, beside digits and joints: the kinds of its letters, times `HEX` where
 * hex has all of them. Undefined: it is no word.
 */
function alphabetIn(text: string): number | undefined {
  let kinds = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    const kind = kindOf(code);
    if ((kind & FINE) === 0) return undefined;
    kinds |= (kind & LETTERS) !== 0 && (code | 32) <= LAST_OF_HEX ? kind * HEX : kind;
  }
  const letters = kinds & LETTERS;
  const ofHex = (kinds / HEX) & LETTERS;
  return letters === 0 ? ofHex * HEX : letters | ofHex;
}

/** `f` */
const LAST_OF_HEX = 102;

function sameJoints(a: string, b: string): boolean {
  for (let i = 0; i < a.length; i += 1) {
    const [left, right] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (left !== right && ((kindOf(left) | kindOf(right)) & JOINT) !== 0) return false;
  }
  return true;
}

/**
 * Whether, where not all go on alike, three of them do, or two and two: both arms of both releases, or any other, by which
 * the edge is seen to be dealt.
 */
function isEdgeShared([a, b, c, d]: Four<string>, start: number, step: 1 | -1): boolean {
  let i = start;
  while (i >= 0 && i < a.length && a[i] === b[i] && a[i] === c[i] && a[i] === d[i]) i += step;
  if (a[i] === b[i]) return a[i] === c[i] || a[i] === d[i] || c[i] === d[i];
  return a[i] === c[i] ? c[i] === d[i] || b[i] === d[i] : b[i] === c[i] && (a[i] === d[i] || c[i] === d[i]);
}
