/**
 * Delta debugging: the ddmin algorithm of Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input",
 * IEEE TSE 28(2), 2002. Pure but for the test it is given.
 */

/** What a trial tells: the difference occurs, it does not, or the trial could not be made to say. */
export type Outcome = 'occurs' | 'absent' | 'unresolved';

/** An outcome, or that no more trials may be made. */
export type Answer = Outcome | 'spent';

export interface Minimum<T> {
  /** A subset with which the difference occurs. */
  readonly items: readonly T[];
  /** No single item can be left out of it; false: the trials were spent before that was known. */
  readonly minimal: boolean;
}

/**
 * The smallest set of `items` it finds with which `test` says "occurs". `test` must say so of all of them and "absent" of
 * none, and is never asked about these two. Makes at most n² + 3n trials of n items, about 2 log₂ n where one item alone is
 * to blame.
 */
export async function ddmin<T>(
  items: readonly T[],
  test: (subset: readonly T[]) => Promise<Answer>,
): Promise<Minimum<T>> {
  let current = items;
  let parts = Math.min(2, current.length);
  while (current.length >= 2) {
    const step = await reduce(current, parts, test);
    if (step === 'spent') return { items: current, minimal: false };
    if (step !== undefined) {
      current = step.items;
      parts = Math.min(step.parts, current.length);
    } else if (parts < current.length) parts = Math.min(2 * parts, current.length);
    else break;
  }
  return { items: current, minimal: true };
}

interface Reduced<T> {
  readonly items: readonly T[];
  readonly parts: number;
}

/** One round: a part in which it occurs, else the rest without a part; undefined where neither is found. */
async function reduce<T>(
  items: readonly T[],
  parts: number,
  test: (subset: readonly T[]) => Promise<Answer>,
): Promise<Reduced<T> | 'spent' | undefined> {
  const slices = split(items, parts);
  for (const slice of slices) {
    const answer = await test(slice);
    if (answer === 'spent') return 'spent';
    if (answer === 'occurs') return { items: slice, parts: 2 };
  }
  if (parts === 2) return undefined; // The rest without one half is the other half.
  for (const slice of slices) {
    const left = new Set(slice);
    const rest = items.filter((item) => !left.has(item));
    const answer = await test(rest);
    if (answer === 'spent') return 'spent';
    if (answer === 'occurs') return { items: rest, parts: Math.max(parts - 1, 2) };
  }
  return undefined;
}

/** `parts` slices, as equal in length as can be. */
function split<T>(items: readonly T[], parts: number): readonly (readonly T[])[] {
  return Array.from({ length: parts }, (_, i) =>
    items.slice(Math.floor((i * items.length) / parts), Math.floor(((i + 1) * items.length) / parts)),
  );
}
