/**
 * The characters that values somebody issued are made of. Answers are read word by word for every exchange and arm: a
 * table and a loop cost a small part of what a pattern does.
 */

/** Of no word. */
export const NO_WORD = 0;
export const LOWER = 1;
export const UPPER = 2;
export const DIGIT = 4;
/** `_` and `-`: in words, and no letter. */
export const JOINT = 8;
/** What standard base64 and percent-encoding add. */
export const CODING = 16;

/** Words of a text that can be a value: what UUIDs, hex, base64url, slugs and numbers are made of. */
export const FINE = LOWER | UPPER | DIGIT | JOINT;
/** The same with what standard base64 and percent-encoding add. */
export const COARSE = FINE | CODING;

const KINDS = new Uint8Array(128);
for (let code = 0; code < KINDS.length; code += 1) {
  const character = String.fromCharCode(code);
  KINDS[code] = /[a-z]/.test(character)
    ? LOWER
    : /[A-Z]/.test(character)
      ? UPPER
      : /\d/.test(character)
        ? DIGIT
        : /[_-]/.test(character)
          ? JOINT
          : /[+/=%~]/.test(character)
            ? CODING
            : NO_WORD;
}

/** The kind of a UTF-16 code unit: one of the constants above. */
export function kindOf(code: number): number {
  return code < 128 ? KINDS[code]! : NO_WORD;
}

/** Where the next word of characters of `kinds` begins, from `from` on; the text's length where there is none. */
export function wordStart(text: string, from: number, kinds: number): number {
  let at = from;
  while (at < text.length && (kindOf(text.charCodeAt(at)) & kinds) === 0) at += 1;
  return at;
}

/** Where the word that begins at `start` ends. */
export function wordEnd(text: string, start: number, kinds: number): number {
  let at = start;
  while (at < text.length && (kindOf(text.charCodeAt(at)) & kinds) !== 0) at += 1;
  return at;
}

/** Whether the text is one fine word and nothing else. */
export function isWord(text: string): boolean {
  return text.length > 0 && wordEnd(text, 0, FINE) === text.length;
}
