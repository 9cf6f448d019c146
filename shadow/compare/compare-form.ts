import type { Answer } from '../answer.js';
import { haveOneForm } from '../body/json-body.js';
import { spellingLabels } from '../body/json-spelling.js';
import { jsonSkeleton } from '../body/json.js';
import { markupSkeleton } from '../body/markup.js';
import { compareSpelling } from './compare-spelling.js';
import { sameTree } from '../body/tree.js';
import type { Comparison } from './comparison.js';
import type { Four } from './observation.js';
import type { ValuesSeen } from './values-seen.js';

/**
 * Compares how equal values are written: the order of keys, white space, quotes, how characters are escaped. Where no value
 * was seen to differ, the texts themselves are compared; else what is left of them without their values.
 */
export function compareForm(
  answers: Four<Answer>,
  live: Answer | undefined,
  comparison: Comparison,
  seen: ValuesSeen,
): void {
  const { kind } = answers[0].body;
  if (answers.some(({ body }) => body.text === undefined)) return;
  const markup = kind === 'html' || kind === 'xml';
  if (seen.structural) {
    // The whole has another form for certain; what stands in the same place may still be written otherwise.
    if (markup) compareSpelling(answers, live, comparison, seen);
    return;
  }
  // Live's text can only bear witness where it says the same: its own time and ids make it another.
  if (seen.nothing)
    observeForm(
      answers,
      live && sameTree(live.body.tree, answers[0].body.tree) ? live : undefined,
      comparison,
      textOf,
    );
  else if (kind === 'json') {
    // Nearly always: then there are no skeletons to be made.
    if (haveOneForm(answers.map(({ body }) => body))) return;
    const isOfOneForm = observeForm(answers, live, comparison, (answer, side) =>
      jsonSkeleton(side === undefined ? textOf(answer) : comparison.symbols.apply(side, textOf(answer))),
    );
    if (isOfOneForm) observeJsonSpelling(answers, live, comparison);
  } else if (markup) {
    observeForm(answers, live, comparison, (answer) => markupSkeleton(textOf(answer)));
    compareSpelling(answers, live, comparison, seen);
  }
}

function textOf(answer: Answer): string {
  return answer.body.text ?? '';
}

/** Values that are one and written otherwise, beside others that differ. */
function observeJsonSpelling(answers: Four<Answer>, live: Answer | undefined, comparison: Comparison): void {
  const labels = spellingLabels(answers.map(textOf));
  // Live has other values: it is read beside the first old arm, for those that both have.
  const [lived, old] = live === undefined ? [] : spellingLabels([textOf(live), textOf(answers[0])]);
  observeForm(answers, live, comparison, (_, side) =>
    side === undefined ? (lived === old ? labels[0]! : '(otherwise)') : labels[side]!,
  );
}

/** Whether all are of one form; what is not is observed. */
function observeForm(
  answers: Four<Answer>,
  live: Answer | undefined,
  comparison: Comparison,
  formOf: (answer: Answer, side?: number) => string,
): boolean {
  const labels = answers.map(formOf) as unknown as Four<string>;
  if (labels.every((label) => label === labels[0])) return true;
  comparison.observe({
    place: { where: 'body', general: 'body', inner: ' form' },
    feature: 'form',
    labels,
    liveAgrees:
      comparison.hasLive && live?.body.text !== undefined
        ? formOf(live) === labels[0] && labels[0] === labels[1]
        : undefined,
    kind: 'changed',
    old: excerpt(textOf(answers[0]), textOf(answers[2])),
    new: excerpt(textOf(answers[2]), textOf(answers[0])),
    raw: [],
  });
  return false;
}

/** Characters of a body around the first one that is not the same. */
const SHOWN_BEFORE = 40;
const SHOWN = 400;

function excerpt(text: string, other: string): string {
  let i = 0;
  while (i < text.length && text[i] === other[i]) i += 1;
  const from = Math.max(0, i - SHOWN_BEFORE);
  return JSON.stringify(`${from > 0 ? '…' : ''}${text.slice(from, from + SHOWN)}`);
}
