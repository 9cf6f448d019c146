import { DIGIT, JOINT, LOWER, UPPER, kindOf } from '../correlate/characters.js';
import type { Four } from './observation.js';

/** Shorter ones may be amounts with a unit, and say little by their characters. */
const SHORTEST = 12;

/** In a UUID, the version. */
const UUID_LENGTH = 36;
const UUID_VERSION_AT = 14;

/**
 * Whether four random words are so alike that no trait can differ: one length, the same joints in the same places, letters
 * and digits of the same kinds, and no beginning or end that a release has for itself. Nearly all ids are, and one look at
 * each character tells it; what is not of one make is looked at closely (`traitsOf`).
 */
export function areOfOneMake(texts: Four<string>): boolean {
  const [first] = texts;
  if (first.length < SHORTEST) return false;
  const kinds = kindsIn(first);
  if (kinds === undefined) return false;
  // Of other letters than those of hex, base64url is made too, where joints are characters like any.
  const areJoints = (kinds & (LOWER | UPPER)) === 0;
  const ignored = areJoints ? 0 : JOINT;
  for (const text of texts) {
    const own = kindsIn(text);
    if (own === undefined || text.length !== first.length || (own | ignored) !== (kinds | ignored))
      return false;
    if (areJoints && !sameJoints(text, first)) return false;
    if (text.length === UUID_LENGTH && text[UUID_VERSION_AT] !== first[UUID_VERSION_AT]) return false;
  }
  return !hasOwnEdge(texts, 0, 1) && !hasOwnEdge(texts, first.length - 1, -1);
}

const HEX_LETTER = 32;

/** The kinds of characters in a word, letters of hex told apart; undefined: it is no word. */
function kindsIn(text: string): number | undefined {
  let kinds = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    const kind = kindOf(code);
    if ((kind & (LOWER | UPPER | DIGIT | JOINT)) === 0) return undefined;
    const isHex = (kind & (LOWER | UPPER)) !== 0 && (code | 32) <= 102;
    kinds |= isHex ? kind * HEX_LETTER : kind;
  }
  return kinds;
}

function sameJoints(a: string, b: string): boolean {
  for (let i = 0; i < a.length; i += 1) {
    const [left, right] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (left !== right && ((kindOf(left) | kindOf(right)) & JOINT) !== 0) return false;
  }
  return true;
}

/** Whether both arms of both releases go on alike where old and new no longer do. */
function hasOwnEdge([oldA, oldB, newA, newB]: Four<string>, start: number, step: 1 | -1): boolean {
  let i = start;
  while (i >= 0 && i < oldA.length && oldA[i] === oldB[i] && oldA[i] === newA[i] && oldA[i] === newB[i])
    i += step;
  return oldA[i] === oldB[i] && newA[i] === newB[i];
}
