import type { Answer } from '../answer.js';
import { parseMarkup } from '../body/markup.js';
import { isArray, type Tree } from '../body/tree.js';
import { compareTree } from './compare-tree.js';
import type { Comparison } from './comparison.js';
import type { Four, Observation } from './observation.js';
import type { ValuesSeen } from './values-seen.js';

/** Texts and attributes that mean the same and are escaped otherwise (`&amp;` and `&#38;`), or spaced. */
export function compareSpelling(
  answers: Four<Answer>,
  live: Answer | undefined,
  comparison: Comparison,
  seen: ValuesSeen,
): void {
  const texts = answers.map(({ body }) => body.text ?? '');
  if (!texts.some((text) => text.includes('&')) && areSpacedAlike(texts)) return;
  const xml = answers[0].body.kind === 'xml';
  const written = ({ body }: Answer): Tree => parseMarkup(body.text ?? '', xml, true);
  compareTree(
    { where: 'body', general: 'body', inner: '' },
    answers.map(written) as unknown as Four<Tree>,
    live?.body.text === undefined ? undefined : written(live),
    {
      ...comparison,
      markup: true,
      exactIndexes: true,
      observe: (observation) => {
        const spelled = seen.has(observation.place.where) ? spellingOfSeen(observation, xml) : observation;
        if (spelled === undefined) return;
        comparison.observe({
          ...spelled,
          place: { ...spelled.place, inner: `${spelled.place.inner} spelling` },
          feature: 'form',
        });
      },
    },
  );
}

function areSpacedAlike(texts: readonly string[]): boolean {
  const [first, ...rest] = texts.map((text) => text.replace(/\S+/g, 'w'));
  return rest.every((spaces) => spaces === first);
}

/**
 * Of texts that differ anyway, how they write the characters that all of them escape. What live writes is not known here.
 * Undefined: all alike.
 */
function spellingOfSeen(observation: Observation, xml: boolean): Observation | undefined {
  if (observation.feature !== 'value' || observation.place.inner !== '') return undefined;
  const spellings = observation.raw.map((text) => spellingsOf(text, xml));
  const shared = [...(spellings[0]?.keys() ?? [])].filter((character) =>
    spellings.every((of) => of.has(character)),
  );
  const labels = spellings.map((of) => shared.map((character) => of.get(character)!).join());
  if (labels.every((label) => label === labels[0])) return undefined;
  const { place, feature, kind, old, new: fresh, raw } = observation;
  return {
    place,
    feature,
    labels: labels as unknown as Four<string>,
    liveAgrees: undefined,
    kind,
    old,
    new: fresh,
    raw,
  };
}

/** Character → how it is written. */
function spellingsOf(text: string, xml: boolean): ReadonlyMap<string, string> {
  const spellings = new Map<string, string>();
  for (const [entity] of text.matchAll(/&(?:#\w+|\w+);/g)) {
    const decoded = parseMarkup(entity, xml);
    const character = isArray(decoded) ? decoded[0] : undefined;
    if (typeof character === 'string') spellings.set(character, entity);
  }
  return spellings;
}
