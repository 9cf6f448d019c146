/** A piece of a value: alike on both sides, or not. */
export interface Run {
  readonly text: string;
  readonly differs: boolean;
}

export interface Marked {
  readonly old: readonly Run[];
  readonly new: readonly Run[];
}

/** Words × words that are aligned one by one: about a millisecond. Beyond, all between the alike ends is marked. */
const MAX_ALIGNED = 250_000;

/** Values that share less than this much of the shorter one are two values: marking shards of them misleads. */
const LEAST_ALIKE = 1 / 3;

/** Marks the words in which two texts differ (longest common subsequence). */
export function markDifferences(old: string, fresh: string): Marked {
  const [left, right] = [wordsOf(old), wordsOf(fresh)];
  const start = commonLength(left, right, (words, i) => words[i]);
  const rest = Math.min(left.length, right.length) - start;
  const end = Math.min(
    rest,
    commonLength(left, right, (words, i) => words[words.length - 1 - i]),
  );
  const alike = alignMiddle(left.slice(start, left.length - end), right.slice(start, right.length - end));
  const keeps = (words: readonly string[], inMiddle: readonly boolean[]): readonly boolean[] =>
    words.map((_, i) => i < start || i >= words.length - end || inMiddle[i - start] === true);
  const [leftKeeps, rightKeeps] = [keeps(left, alike.old), keeps(right, alike.new)];
  if (sharedLength(left, leftKeeps) < LEAST_ALIKE * Math.min(lettersIn(old), lettersIn(fresh)))
    return { old: [{ text: old, differs: true }], new: [{ text: fresh, differs: true }] };
  return { old: runsOf(left, leftKeeps), new: runsOf(right, rightKeeps) };
}

function wordsOf(text: string): readonly string[] {
  return text.match(/[\p{L}\p{N}_]+|\s+|[^]/gu) ?? [];
}

function commonLength(
  left: readonly string[],
  right: readonly string[],
  at: (words: readonly string[], i: number) => string | undefined,
): number {
  let length = 0;
  while (at(left, length) !== undefined && at(left, length) === at(right, length)) length += 1;
  return length;
}

/** Which words of each side belong to the longest common subsequence. */
function alignMiddle(left: readonly string[], right: readonly string[]): { old: boolean[]; new: boolean[] } {
  const kept = { old: left.map(() => false), new: right.map(() => false) };
  const width = right.length + 1;
  if ((left.length + 1) * width > MAX_ALIGNED) return kept;
  const longest = new Uint16Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i -= 1)
    for (let j = right.length - 1; j >= 0; j -= 1)
      longest[i * width + j] =
        left[i] === right[j]
          ? longest[(i + 1) * width + j + 1]! + 1
          : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!);
  for (let i = 0, j = 0; i < left.length && j < right.length;) {
    if (left[i] === right[j]) {
      kept.old[i] = true;
      kept.new[j] = true;
      i += 1;
      j += 1;
    } else if (longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!) i += 1;
    else j += 1;
  }
  return kept;
}

/** Letters and digits: what quotes and brackets share says nothing. */
function lettersIn(text: string): number {
  return (text.match(/[\p{L}\p{N}]/gu) ?? []).length;
}

function sharedLength(words: readonly string[], keeps: readonly boolean[]): number {
  return words.reduce((sum, word, i) => sum + (keeps[i] === true ? lettersIn(word) : 0), 0);
}

function runsOf(words: readonly string[], keeps: readonly boolean[]): readonly Run[] {
  const runs: { text: string; differs: boolean }[] = [];
  for (const [i, word] of words.entries()) {
    const differs = keeps[i] !== true;
    const last = runs.at(-1);
    if (last?.differs === differs) last.text += word;
    else runs.push({ text: word, differs });
  }
  return runs;
}

/** Lines around a difference that stay when what is alike is folded. */
const CONTEXT_LINES = 3;

/** The runs with long stretches of lines that are alike folded to a line that counts them. */
export function fold(runs: readonly Run[]): readonly (Run | { readonly folded: number })[] {
  return runs.flatMap((run, i): readonly (Run | { readonly folded: number })[] => {
    if (run.differs || runs.length === 1) return [run];
    const lines = run.text.split('\n');
    const head = i === 0 ? 1 : CONTEXT_LINES;
    const tail = i === runs.length - 1 ? 1 : CONTEXT_LINES;
    const folded = lines.length - head - tail;
    if (folded < 2) return [run];
    return [
      { text: `${lines.slice(0, head).join('\n')}\n`, differs: false },
      { folded },
      { text: `\n${lines.slice(-tail).join('\n')}`, differs: false },
    ];
  });
}
