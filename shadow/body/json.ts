import type { Tree } from './tree.js';

/** More digits than a double holds exactly: two ids that differ would read as one number. */
const LONG_NUMBER = /(?:^|[[:,\s])-?\d{16,}(?=$|[\],}\s])/;

/** Whether it is worth trying: what begins and ends like an object or an array. */
export function looksLikeJson(text: string): boolean {
  const first = text.trimStart()[0];
  const last = text.trimEnd().at(-1);
  return (first === '{' && last === '}') || (first === '[' && last === ']');
}

/** The tree of a JSON text, or undefined when it is none. Integers a double cannot hold are kept as their digits. */
export function parseJson(text: string): Tree | undefined {
  try {
    if (!LONG_NUMBER.test(text)) return JSON.parse(text) as Tree;
    return JSON.parse(quoteLongNumbers(text)) as Tree;
  } catch {
    return undefined; // Not JSON: the caller compares it as text.
  }
}

/** Turns long integers outside of strings into strings `123…n`. */
function quoteLongNumbers(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g, (match) =>
    match.startsWith('"') ? match : `"${match}n"`,
  );
}

/**
 * The text's form without its values: keys in their order, white space, how many members. Two texts with equal trees
 * and different skeletons differ in form alone.
 */
export function jsonSkeleton(text: string): string {
  return text.replace(
    /"(?:[^"\\]|\\.)*"(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/g,
    (match, colon?: string) => (colon === undefined ? (match.startsWith('"') ? '"' : '0') : match),
  );
}

const QUOTE = 34;
const BACKSLASH = 92;

/**
 * Whether two texts of JSON surely have one skeleton, told by reading both at once instead of making either. False: it
 * is not told. Only strings that stand as values may differ, and numbers.
 */
export function surelySameSkeleton(a: string, b: string): boolean {
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const code = a.charCodeAt(i);
    const other = b.charCodeAt(j);
    if (code === QUOTE && other === QUOTE) {
      const endA = stringEnd(a, i + 1);
      const endB = stringEnd(b, j + 1);
      if ((isKey(a, endA) || isKey(b, endB)) && !sameStretch(a, i, endA, b, j, endB)) return false;
      i = endA;
      j = endB;
    } else if (startsNumber(code) && startsNumber(other)) {
      i = numberEnd(a, i);
      j = numberEnd(b, j);
    } else if (code === other) {
      i += 1;
      j += 1;
    } else return false;
  }
  return i === a.length && j === b.length;
}

/** Where the string that begins before `from` ends: after its quote, or the text's end. */
function stringEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code === BACKSLASH) at += 1;
  }
  return text.length;
}

/** Whether a colon follows, after white space or none. */
function isKey(text: string, from: number): boolean {
  let at = from;
  while (text.charCodeAt(at) <= 32) at += 1;
  return text[at] === ':';
}

function sameStretch(
  a: string,
  fromA: number,
  endA: number,
  b: string,
  fromB: number,
  endB: number,
): boolean {
  if (endA - fromA !== endB - fromB) return false;
  for (let i = fromA, j = fromB; i < endA; i += 1, j += 1)
    if (a.charCodeAt(i) !== b.charCodeAt(j)) return false;
  return true;
}

function startsNumber(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 45;
}

function numberEnd(text: string, from: number): number {
  let at = from + 1;
  for (; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    const inNumber =
      (code >= 48 && code <= 57) || code === 46 || code === 43 || code === 45 || (code | 32) === 101;
    if (!inNumber) break;
  }
  return at;
}
