import type { Four } from './observation.js';

interface Alphabet {
  readonly name: string;
  readonly size: number;
  readonly pattern: RegExp;
}

/** The usual alphabets of issued values, smaller ones first. What is beside letters and digits is structure. */
const ALPHABETS: readonly Alphabet[] = [
  { name: 'digits', size: 10, pattern: /^\d*$/ },
  { name: 'hex', size: 16, pattern: /^[0-9a-f]*$/ },
  { name: 'hex upper case', size: 16, pattern: /^[0-9A-F]*$/ },
  { name: 'lower case', size: 36, pattern: /^[0-9a-z]*$/ },
  { name: 'upper case', size: 36, pattern: /^[0-9A-Z]*$/ },
  { name: 'mixed case', size: 62, pattern: /^[0-9A-Za-z]*$/ },
];

/** From this length on, a random text uses so much of its alphabet that it can be told from one text. */
const TOLD_LENGTH = 12;

/**
 * Chance 2^-16 that random texts of the larger alphabet keep to the smaller one: rarer than noisy places are many.
 */
const TOLD_BITS = 16;

/** The alphabet of one text: `word` where it is too short to tell. */
export function alphabetOf(text: string): string {
  const letters = lettersOf(text);
  return letters.length < TOLD_LENGTH ? 'word' : smallest(letters).name;
}

/**
 * The alphabets of four random texts, as far as chance cannot have chosen them: one short text says little, but that
 * both of a release keep to a smaller alphabet than the other release's says more.
 */
export function alphabetsOf(texts: Four<string>): Four<string> {
  const letters = varyingParts(texts).map(lettersOf);
  const all = smallest(letters.join(''));
  let bits = 0;
  const names = letters.map((text) => {
    const own = smallest(text);
    bits += text.length * Math.log2(all.size / own.size);
    return own.name;
  });
  const told = bits >= TOLD_BITS ? names : texts.map(() => all.name);
  return told as unknown as Four<string>;
}

/** The texts without what all of them begin and end with. */
export function varyingParts(texts: readonly string[]): readonly string[] {
  const [first = '', ...rest] = texts;
  const shortest = Math.min(...texts.map((text) => text.length));
  let start = 0;
  while (start < shortest && rest.every((text) => text[start] === first[start])) start += 1;
  let end = 0;
  while (end < shortest - start && rest.every((text) => text.at(-1 - end) === first.at(-1 - end))) end += 1;
  return texts.map((text) => text.slice(start, text.length - end));
}

function lettersOf(text: string): string {
  return text.replace(/[^A-Za-z0-9]/g, '');
}

function smallest(letters: string): Alphabet {
  return ALPHABETS.find(({ pattern }) => pattern.test(letters))!;
}
