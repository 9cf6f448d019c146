import type { DifferenceKind } from '../../common/index.js';
import type { Answer } from '../answer.js';
import type { Tree } from '../body/tree.js';
import { compareCookies } from './compare-cookies.js';
import { compareForm } from './compare-form.js';
import { compareTree } from './compare-tree.js';
import type { Comparison } from './comparison.js';
import type { Four, Place } from './observation.js';
import { watched } from './values-seen.js';

/** Fields that speak of the connection or the moment, never of the answer. */
const NEVER_COMPARED = new Set(['date', 'connection', 'keep-alive', 'content-length', 'transfer-encoding']);

/** Fields made from the body's bytes: where those are not the same, only their form says what the body does not say. */
const DIGESTS = new Set(['etag', 'content-md5', 'digest', 'content-digest', 'repr-digest']);

/** The status of an answer that was not given. */
export const NO_STATUS = 0;

/** Compares the arms' answers to one exchange: status, headers, cookies by attribute, body by type. */
export function compareAnswers(
  answers: Four<Answer>,
  live: Answer | undefined,
  comparison: Comparison,
): void {
  compareTree(
    top('status'),
    pick(answers, (a) => a.status),
    live?.status,
    comparison,
  );
  // An arm that gave no answer has nothing else to be told.
  if (answers.some(({ status }) => status === NO_STATUS)) return;
  const bodiesDiffer = !sameBytes(answers);
  compareHeaders(answers, live, bodiesDiffer, comparison);
  compareCookies(answers, live, comparison);
  if (bodiesDiffer) compareBodies(answers, live, comparison);
}

function compareHeaders(
  answers: Four<Answer>,
  live: Answer | undefined,
  bodiesDiffer: boolean,
  comparison: Comparison,
): void {
  const names = new Set(answers.flatMap((answer) => Object.keys(answer.headers)));
  for (const name of names) {
    if (NEVER_COMPARED.has(name)) continue;
    const isDigest = bodiesDiffer && DIGESTS.has(name);
    const read = ({ headers }: Answer): string | undefined =>
      isDigest ? digestForm(name, headers[name]) : headers[name];
    compareTree(top(`header:${name}`), pick(answers, read), live && read(live), comparison);
  }
}

/** What of a digest is not made from the bytes: its algorithm, and whether an ETag is a weak one. */
function digestForm(name: string, value: string | undefined): string | undefined {
  if (name === 'etag') return value?.replace(/^(W\/)?.*$/s, '$1"…"');
  return value?.replace(name === 'content-md5' ? /^.*$/s : /(?<==)[^,]*/g, '…');
}

function compareBodies(answers: Four<Answer>, live: Answer | undefined, comparison: Comparison): void {
  const kind = answers[0].body.kind;
  if (answers.some((answer) => answer.body.kind !== kind)) {
    compareKinds(answers, live, comparison);
    return;
  }
  const { seen, watching } = watched(comparison);
  const within: Comparison = {
    ...watching,
    markup: kind === 'html' || kind === 'xml',
    exactIndexes: kind === 'text' || kind === 'html' || kind === 'xml',
  };
  const place = top(kind === 'json' ? 'body:$' : 'body');
  const liveTree = live?.body.kind === kind ? live.body.tree : undefined;
  compareTree(
    place,
    pick(answers, (a) => a.body.tree),
    liveTree,
    within,
  );
  compareForm(answers, live, comparison, seen);
}

/** One side speaks JSON, the other HTML: the body as a whole is another. */
function compareKinds(answers: Four<Answer>, live: Answer | undefined, comparison: Comparison): void {
  const labels = pick(answers, (a) => a.body.kind as string);
  comparison.observe({
    place: top('body'),
    feature: 'type',
    labels,
    liveAgrees: comparison.hasLive ? live?.body.kind === labels[0] && labels[0] === labels[1] : undefined,
    kind: kindChange(labels[0], labels[2]),
    old: excerpt(answers[0]),
    new: excerpt(answers[2]),
    raw: [],
  });
}

/** Text is text, whatever its markup; only what a program reads otherwise is retyped. */
function kindChange(old: string, fresh: string): DifferenceKind {
  if (old === 'none') return 'added';
  if (fresh === 'none') return 'removed';
  return ['json', 'bytes'].some((kind) => (old === kind) !== (fresh === kind)) ? 'retyped' : 'changed';
}

function excerpt(answer: Answer): string | undefined {
  if (answer.body.kind === 'none') return undefined;
  if (answer.body.kind === 'bytes') return JSON.stringify(answer.body.tree);
  return JSON.stringify(Buffer.from(answer.bytes).toString('utf8').slice(0, 400));
}

function sameBytes(answers: Four<Answer>): boolean {
  const [first, ...rest] = answers.map(({ bytes }) => bytes);
  return rest.every((bytes) => bytes === first || Buffer.compare(first!, bytes) === 0);
}

function top(name: string): Place {
  return { where: name, general: name, inner: '' };
}

function pick<T extends Tree | undefined>(answers: Four<Answer>, of: (answer: Answer) => T): Four<T> {
  return answers.map(of) as unknown as Four<T>;
}
