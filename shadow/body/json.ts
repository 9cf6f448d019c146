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
