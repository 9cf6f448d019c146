import { isWord } from '../correlate/characters.js';
import { TIME_FORMS } from '../correlate/time-text.js';
import { strengthOf } from '../correlate/tokens.js';
import type { Comparison } from './comparison.js';
import { MEASUREMENT_FORM } from './measurement.js';
import { innerPlace, type Four, type Place } from './observation.js';
import { allEqual, observeTraits, valueOf } from './observing.js';
import { partitionOf, type Pattern } from './partition.js';

/** Compares one word of all arms' texts as a text of its own. */
export type CompareWord = (
  place: Place,
  words: Four<string>,
  live: string | undefined,
  comparison: Comparison,
) => void;

/**
 * A symbol is one word, and so is a time: taken apart, its minute would be a place of its own, and where the arms stand
 * on either side of a full minute it would look changed.
 */
const WORD = new RegExp(`⟨[^⟩]*⟩|${TIME_FORMS}|${MEASUREMENT_FORM}|[^\\s,;:()[\\]{}"'<>⟨⟩]+`, 'g');

/** Texts of several words. Without white space they must be apart in the same way: random text may hold a comma. */
export function isSentence(texts: Four<string>, labels: Four<string>): boolean {
  if (texts.some((text) => /\s/.test(text))) return !texts.every(isOneWord);
  return !labels.every(isOneWord) && allEqual(labels.map((label) => label.replace(WORD, 'w')));
}

/** What no word has in it, but for a time or an amount. */
const APART = /[\s,;:()[\]{}"'<>⟨⟩]/;
const AMOUNT_FIRST = new RegExp(`^${MEASUREMENT_FORM}`);

/** A time or an amount is one word, with white space in it. */
function isOneWord(text: string): boolean {
  if (text === '' || APART.test(text)) return text.match(WORD)?.[0] === text;
  const amount = AMOUNT_FIRST.exec(text);
  return amount === null || amount[0] === text;
}

/** Texts with the same words in the same places but some: each of those is a place of its own. */
export function compareWords(
  place: Place,
  texts: Four<string>,
  live: string | undefined,
  comparison: Comparison,
  compare: CompareWord,
): void {
  const rows = texts.map((text) => text.match(WORD) ?? []);
  const skeletons = texts.map((text) => text.replace(WORD, 'w')) as unknown as Four<string>;
  const liveSkeleton = live?.replace(WORD, 'w');
  if (!allEqual(skeletons)) {
    // Other words or other punctuation: which of them, cannot be told place by place.
    comparison.observe({
      ...valueOf(place, texts, live, skeletons, comparison),
      feature: 'form',
      liveAgrees: liveSkeleton === undefined ? undefined : liveSkeleton === skeletons[0],
    });
    return;
  }
  const liveRow = liveSkeleton === skeletons[0] ? live?.match(WORD) : undefined;
  const apart = wordsApart(rows);
  const within = areDealt(apart) ? frailly(comparison) : comparison;
  for (const { i, values } of apart) {
    const word = innerPlace(place, ` word ${i + 1}`);
    // A symbol is whole, though there is a space in it: taken apart, it would be taken apart for ever.
    if (values.some((value) => value.startsWith('⟨')))
      within.observe(valueOf(word, values, liveRow?.[i], values, within));
    else compare(word, values, liveRow?.[i], within);
  }
}

interface WordApart {
  /** Which word of the texts, from 0. */
  readonly i: number;
  readonly values: Four<string>;
}

/** The words that are not the same in all texts. */
function wordsApart(rows: readonly (readonly string[])[]): readonly WordApart[] {
  return [...rows[0]!.keys()]
    .map((i) => ({ i, values: rows.map((row) => row[i]!) as unknown as Four<string> }))
    .filter(({ values }) => !allEqual(values));
}

/**
 * Words of few values each, drawn one by one (an address whose characters are escaped this way or that): some fall two
 * and two across the releases, or more fall three and one than two and two. Those that look changed are dealt so too.
 */
function areDealt(words: readonly WordApart[]): boolean {
  const patterns = words.filter(isOfFew).map(({ values }) => partitionOf(values).pattern);
  const count = (pattern: Pattern): number => patterns.filter((one) => one === pattern).length;
  return count('cross') > 0 || count('single') > count('change');
}

/** An id and a number are of very many. */
function isOfFew({ values }: WordApart): boolean {
  return (
    !values.some((value) => strengthOf(value) === 'strong') &&
    !values.every((value) => /^[+-]?[\d.]+$/.test(value))
  );
}

/** The comparison, with no observation taken at its word. */
function frailly(comparison: Comparison): Comparison {
  return {
    ...comparison,
    observe: (observation) => comparison.observe(Object.assign(observation, { frail: true })),
  };
}

/** Texts that are the same but for ids: the ids' own shapes may tell a change. */
export function observeIds(
  place: Place,
  texts: Four<string>,
  live: string | undefined,
  comparison: Comparison,
): void {
  const rows =
    !texts.every(isWord) && isSentence(texts, texts) ? texts.map((text) => text.match(WORD) ?? []) : [];
  if (rows.length === 0 || rows.some((row) => row.length !== rows[0]!.length)) {
    observeTraits(place, texts, live, comparison);
    return;
  }
  const liveRow = live?.match(WORD) ?? undefined;
  const apart = wordsApart(rows);
  const within = areDealt(apart) ? frailly(comparison) : comparison;
  for (const { i, values } of apart) {
    const word = innerPlace(place, ` word ${i + 1}`);
    within.observe({ ...valueOf(word, values, liveRow?.[i], values, within), explained: 'id' });
    observeTraits(word, values, liveRow?.[i], within);
  }
}
