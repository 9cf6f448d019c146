import { identifyingWords } from './correlate/tokens.js';

/** One of the exchanges whose effects were read together. */
export interface Suspect {
  /** GET, HEAD, OPTIONS. */
  readonly safe: boolean;
  /** Its own answer changed. */
  readonly differs: boolean;
  /** An effect that is surely its own changed. */
  readonly effectDiffers: boolean;
  /** How likely an exchange of its endpoint has an effect at such a place, 0 to 1 (see EffectHabits). */
  readonly likelihood: (place: string) => number;
  /** Ids that stand in its request and its answer. */
  readonly marks: () => ReadonlySet<string>;
}

/** The ids of a text in which named ones stand as symbols: symbols and identifying words. */
export function marksOf(text: string): readonly string[] {
  const symbols: string[] = text.match(/⟨id \d+⟩/g) ?? [];
  return [...symbols, ...identifyingWords(text)];
}

/**
 * Which of several exchanges caused an effect, as far as it can be told: one whose endpoint does such things, the one that
 * speaks of the same ids, one that is meant to have effects, one whose answer or other effect changed too; else the latest.
 * `key` and `content` have symbols for ids, `place` is the key's general name. Pure; `undefined` for an empty list.
 */
export function causeOf<T extends Suspect>(
  suspects: readonly T[],
  key: string,
  content: string,
  place: string,
): T | undefined {
  const keyMarks = marksOf(key);
  const contentMarks = marksOf(content);
  let best: T | undefined;
  let bestScore = -1;
  for (const suspect of suspects) {
    const marks = suspect.marks();
    const score =
      // Counts more than any id, but only against one: what an endpoint was often alone and never seen to do is another's;
      // of those that may well have done it, it does not say which.
      20 * Math.min(suspect.likelihood(place), 0.5) +
      (keyMarks.some((mark) => marks.has(mark)) ? 8 : 0) +
      (suspect.safe ? 0 : 4) +
      (contentMarks.some((mark) => marks.has(mark)) ? 2 : 0) +
      (suspect.effectDiffers ? 1.5 : 0) +
      // What differs between old and new is sooner the doing of one that differs than of one that only names the same ids.
      (suspect.differs ? 3 : 0);
    if (score >= bestScore) {
      best = suspect;
      bestScore = score;
    }
  }
  return best;
}
