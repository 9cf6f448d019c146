import type { Answer } from '../answer.js';
import { jsonSkeleton, surelySameSkeleton } from '../body/json.js';
import { markupSkeleton, parseMarkup } from '../body/markup.js';
import type { Tree } from '../body/tree.js';
import { compareTree } from './compare-tree.js';
import type { Comparison } from './comparison.js';
import type { Four, Observation } from './observation.js';

/**
 * What the comparison of values saw of a body, so that its form can be compared where the values are the same: a list
 * that is longer has another form too, and that is no news.
 */
export class ValuesSeen {
  readonly #places = new Set<string>();
  #structural = false;

  add({ place, feature, kind }: Observation): void {
    this.#places.add(place.where);
    if (feature === 'type' || feature === 'length' || feature === 'order' || kind !== 'changed')
      this.#structural = true;
  }

  get nothing(): boolean {
    return this.#places.size === 0;
  }

  get structural(): boolean {
    return this.#structural;
  }

  has(where: string): boolean {
    return this.#places.has(where);
  }
}

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
  if (seen.structural || answers.some(({ body }) => body.text === undefined)) return;
  const markup = kind === 'html' || kind === 'xml';
  if (seen.nothing) observeForm(answers, live, comparison, textOf);
  else if (kind === 'json') {
    // Nearly always: then there are no skeletons to be made.
    const [first, ...rest] = answers.map(textOf);
    if (rest.every((text) => surelySameSkeleton(first!, text))) return;
    observeForm(answers, live, comparison, (answer, side) =>
      jsonSkeleton(side === undefined ? textOf(answer) : comparison.symbols.apply(side, textOf(answer))),
    );
  } else if (markup) {
    observeForm(answers, live, comparison, (answer) => markupSkeleton(textOf(answer)));
    compareSpelling(answers, live, comparison, seen);
  }
}

function textOf(answer: Answer): string {
  return answer.body.text ?? '';
}

function observeForm(
  answers: Four<Answer>,
  live: Answer | undefined,
  comparison: Comparison,
  formOf: (answer: Answer, side?: number) => string,
): void {
  const labels = answers.map(formOf) as unknown as Four<string>;
  if (labels.every((label) => label === labels[0])) return;
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
}

/** Texts and attributes that mean the same and are escaped otherwise (`&amp;` and `&#38;`), but for what differs anyway. */
function compareSpelling(
  answers: Four<Answer>,
  live: Answer | undefined,
  comparison: Comparison,
  seen: ValuesSeen,
): void {
  if (!answers.some((answer) => textOf(answer).includes('&'))) return;
  const xml = answers[0].body.kind === 'xml';
  const written = (answer: Answer): Tree => parseMarkup(textOf(answer), xml, false);
  compareTree(
    { where: 'body', general: 'body', inner: '' },
    answers.map(written) as unknown as Four<Tree>,
    live?.body.text === undefined ? undefined : written(live),
    {
      ...comparison,
      markup: true,
      exactIndexes: true,
      observe: (observation) => {
        if (seen.has(observation.place.where)) return;
        comparison.observe({
          ...observation,
          place: { ...observation.place, inner: `${observation.place.inner} spelling` },
          feature: 'form',
        });
      },
    },
  );
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
