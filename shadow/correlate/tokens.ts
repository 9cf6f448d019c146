/** Words of a text that can be a value somebody issued: what UUIDs, hex, base64url, slugs and numbers are made of. */
const FINE = /[A-Za-z0-9_-]+/g;

/** The same with what standard base64 and percent-encoding add. */
const COARSE = /[A-Za-z0-9_+/=%~-]+/g;

/** The fine words of a text with where they stand. */
export function* words(text: string): Generator<{ readonly word: string; readonly index: number }> {
  for (const match of text.matchAll(FINE)) yield { word: match[0], index: match.index };
}

/** The shortest a word can be to identify by itself. */
const SHORTEST_STRONG = 8;
const LONG = new RegExp(`[A-Za-z0-9_-]{${SHORTEST_STRONG},}`, 'g');

/** The words of a text that identify by themselves. */
export function identifyingWords(text: string): readonly string[] {
  if (text.length < SHORTEST_STRONG) return [];
  return text.match(LONG)?.filter((word) => strengthOf(word) === 'strong') ?? [];
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
  if (value.length < 4 && !/^\d+$/.test(value)) return 'plain';
  if (/^\d+$/.test(value)) return value.length >= 10 ? 'strong' : value.length >= 4 ? 'weak' : 'sequence';
  const letters = /[A-Za-z]/.test(value);
  const digits = /\d/.test(value);
  if (letters && digits)
    return value.length >= SHORTEST_STRONG ? 'strong' : value.length >= 4 ? 'weak' : 'plain';
  if (!letters) return 'plain';
  return looksScrambled(value) ? (value.length >= 12 ? 'strong' : 'weak') : 'plain';
}

/** Letters alone, but no language: the case changes all over, or hardly a vowel. */
function looksScrambled(value: string): boolean {
  const letters = value.replace(/[^A-Za-z]/g, '');
  if (letters.length < 5 || /\s/.test(value)) return false;
  const changes = [...letters].filter(
    (c, i) => i > 0 && /[a-z]/.test(letters[i - 1]!) && /[A-Z]/.test(c),
  ).length;
  const vowels = letters.replace(/[^aeiouyAEIOUY]/g, '').length;
  return changes >= letters.length / 8 + 1 || vowels / letters.length < 0.15;
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

function aligned(live: string, arm: string, pattern: RegExp): readonly WordPair[] | undefined {
  const left = [...live.matchAll(pattern)];
  const right = [...arm.matchAll(pattern)];
  if (left.length !== right.length) return undefined;
  const pairs: WordPair[] = [];
  let leftEnd = 0;
  let rightEnd = 0;
  for (const [i, l] of left.entries()) {
    const r = right[i]!;
    if (live.slice(leftEnd, l.index) !== arm.slice(rightEnd, r.index)) return undefined;
    leftEnd = l.index + l[0].length;
    rightEnd = r.index + r[0].length;
    if (l[0] !== r[0]) pairs.push({ live: l[0], arm: r[0] });
  }
  return live.slice(leftEnd) === arm.slice(rightEnd) ? pairs : undefined;
}

function whole(live: string, arm: string): readonly WordPair[] {
  return /\s/.test(live) || /\s/.test(arm) || live === '' || arm === '' ? [] : [{ live, arm }];
}
