import { percentDecode, type Answer } from '../answer.js';
import { compareTree } from './compare-tree.js';
import type { Comparison } from './comparison.js';
import type { Four, Place } from './observation.js';

/** Compares the cookies that answers set: each by its value and attributes, and how all of them are written. */
export function compareCookies(
  answers: Four<Answer>,
  live: Answer | undefined,
  comparison: Comparison,
): void {
  if (answers.every(({ cookieFields }) => cookieFields.length === 0)) return;
  const names = new Set(answers.flatMap((answer) => Object.keys(answer.cookies)));
  for (const name of names)
    compareTree(
      cookiePlace(` ${name}`),
      answers.map((answer) => answer.cookies[name]) as unknown as Four<Answer['cookies'][string]>,
      live?.cookies[name],
      comparison,
    );
  // A cookie or an attribute more is told by itself: that it stands there is no matter of form.
  const [first, ...rest] = answers.map(membersOf);
  if (rest.every((members) => members === first)) compareForms(answers, live, comparison);
}

/** The names of the cookies and of each one's attributes, in no order. */
function membersOf({ cookies }: Answer): string {
  const members = Object.entries(cookies).map(
    ([name, cookie]) => `${name} ${Object.keys(cookie!).sort().join()}`,
  );
  return members.sort().join('\n');
}

function cookiePlace(inner: string): Place {
  return { where: 'header:set-cookie', general: 'header:set-cookie', inner };
}

/** The order of the cookies and of their attributes, their case, and what of the values is escaped. */
function compareForms(answers: Four<Answer>, live: Answer | undefined, comparison: Comparison): void {
  const fields = answers.map(({ cookieFields }) => cookieFields);
  const [first, ...rest] = fields;
  if (rest.every((one) => one.length === first!.length && one.every((field, i) => field === first![i])))
    return;
  const labels = formLabels(fields) as unknown as Four<string>;
  if (labels.every((label) => label === labels[0])) return;
  // Live has other values: it is read beside the first old arm, for what both have.
  const [lived, old] = live === undefined ? [] : formLabels([live.cookieFields, first!]);
  comparison.observe({
    place: cookiePlace(' form'),
    feature: 'form',
    labels,
    liveAgrees: comparison.hasLive ? lived === old && labels[0] === labels[1] : undefined,
    kind: 'changed',
    old: JSON.stringify(fields[0]!.join('\n')),
    new: JSON.stringify(fields[2]!.join('\n')),
    raw: [],
  });
}

/** How each list of Set-Cookie fields is written: names and attributes as they stand, and the escapes that all use. */
function formLabels(lists: readonly (readonly string[])[]): readonly string[] {
  const longest = Math.max(...lists.map((list) => list.length));
  const labels = lists.map((list) => list.map(skeletonOf));
  for (let i = 0; i < longest; i += 1)
    for (const [side, escapes] of escapeLabels(lists.map((list) => valueOf(list[i] ?? ''))).entries())
      labels[side]!.push(escapes);
  return labels.map((parts) => parts.join('\n'));
}

/** `sid=abc; Path=/; HttpOnly` → `sid; Path; HttpOnly`. */
function skeletonOf(field: string): string {
  return field
    .split(';')
    .map((part) => part.replace(/=.*$/s, '').trim())
    .join('; ');
}

function valueOf(field: string): string {
  return field
    .replace(/;.*$/s, '')
    .replace(/^[^=]*=?/, '')
    .trim();
}

/** How each value writes the characters that all of them have and that can be escaped or not. */
function escapeLabels(values: readonly string[]): readonly string[] {
  const escapes = values.map((value) => {
    const written = new Map<string, string>();
    for (const [piece] of value.matchAll(/(?:%[\da-fA-F]{2})+|[^%\w.~-]/g))
      written.set(percentDecode(piece), piece);
    return written;
  });
  const shared = [...escapes[0]!.keys()].filter((character) => escapes.every((of) => of.has(character)));
  return escapes.map((of) => shared.map((character) => of.get(character)!).join());
}
