import { canonical, type Tree } from '../body/tree.js';
import { TIME_FORMS, parseTimeNumber, parseTimeText, type TimeText } from '../correlate/time-text.js';
import { byTime, isRepeated, timesOf, withinSkew, withoutTimes } from './compare-times.js';
import { show, type Comparison } from './comparison.js';
import { MEASUREMENT_FORM, mayBeDuration, namesMeasurement, withoutAmounts } from './measurement.js';
import { innerPlace, type Feature, type Four, type Observation, type Place } from './observation.js';
import { traitsOf } from './shape.js';
import { LIVE_SIDE } from './symbols.js';
import { unfold } from './unfold.js';

type Leaf = string | number | boolean;

/** Compares what is inside a value: the tree's own comparison, which this one is called by. */
export type Descend = (
  place: Place,
  trees: Four<Tree | undefined>,
  live: Tree | undefined,
  comparison: Comparison,
) => void;

/** Compares one value of all arms that is not the same in all: a name apart, a time apart, noise, or a change. */
export function compareLeaf(
  place: Place,
  leaves: Four<Leaf>,
  live: Tree | undefined,
  comparison: Comparison,
  descend: Descend,
): void {
  if (leaves.every((leaf) => typeof leaf === 'string'))
    compareTexts(
      place,
      leaves as Four<string>,
      typeof live === 'string' ? live : undefined,
      comparison,
      descend,
    );
  else compareScalars(place, leaves, live, comparison);
}

function compareScalars(
  place: Place,
  leaves: Four<Leaf>,
  live: Tree | undefined,
  comparison: Comparison,
): void {
  const times = timesOf(leaves, (leaf) =>
    typeof leaf === 'number' ? parseTimeNumber(leaf, comparison.nowMs) : undefined,
  );
  const labels = named(leaves.map(String) as unknown as Four<string>, comparison);
  const observation = base(place, leaves, isNearly(live, leaves) ? leaves[0] : live, labels, comparison);
  if (withinSkew(times, isRepeated(leaves, live), comparison)) {
    observeUnits(observation, times!, live, comparison);
    comparison.observe(Object.assign(observation, { explained: 'time' as const }));
  } else if (leaves.every((leaf) => typeof leaf === 'number') && namesMeasurement(place.general))
    comparison.observe(Object.assign(observation, { explained: 'measurement' as const }));
  else
    comparison.observe(times === undefined ? observation : { ...observation, ...byTime(times, comparison) });
}

/** A number that moves with the moment (seconds left): live's, of another moment, is by far nearer to old than old to new. */
const BY_FAR = 10;

function isNearly(live: Tree | undefined, leaves: Four<Leaf>): boolean {
  const [old, , fresh] = leaves;
  if (typeof live !== 'number' || typeof old !== 'number' || typeof fresh !== 'number') return false;
  return live !== old && Math.abs(live - old) * BY_FAR <= Math.abs(fresh - old);
}

/** Times of one moment in another unit. Numbers of one unit have as many digits before the point, for centuries. */
function observeUnits(
  observation: Observation,
  times: Four<TimeText>,
  live: Tree | undefined,
  comparison: Comparison,
): void {
  const labels = times.map((time) => `unit of ${time.unitMs} ms`) as unknown as Four<string>;
  if (allEqual(labels)) return;
  const lived = typeof live === 'number' ? parseTimeNumber(live, comparison.nowMs) : undefined;
  const liveAgrees = lived === undefined ? undefined : lived.unitMs === times[0].unitMs;
  comparison.observe({ ...observation, feature: 'format', labels, liveAgrees });
}

function compareTexts(
  place: Place,
  texts: Four<string>,
  live: string | undefined,
  comparison: Comparison,
  descend: Descend,
): void {
  const times = timesOf(texts, (text) => parseTimeText(text, comparison.nowMs));
  if (withinSkew(times, isRepeated(texts, live), comparison)) {
    comparison.observe(
      Object.assign(base(place, texts, live, texts, comparison), { explained: 'time' as const }),
    );
    observeTraits(place, texts, live, comparison, 'format');
    return;
  }
  if (times !== undefined) {
    comparison.observe({ ...base(place, texts, live, texts, comparison), ...byTime(times, comparison) });
    return;
  }
  if (namesMeasurement(place.general) && allEqual(texts.map(withoutAmounts))) {
    comparison.observe({ ...base(place, texts, live, texts, comparison), explained: 'measurement' });
    return;
  }
  comparison.symbols.mint(texts, live);
  if (compareInside(place, texts, live, comparison, descend)) return;
  const timeless = withoutTimes(texts, live, comparison);
  const labels = named(timeless.texts, comparison);
  const observation = base(place, texts, timeless.live, labels, comparison);
  if (allEqual(labels)) {
    const explained = allEqual(timeless.texts) ? 'time' : 'id';
    comparison.observe(Object.assign(observation, { explained } as const));
    observeIds(place, timeless.texts, timeless.live, comparison);
    return;
  }
  comparison.observe(observation);
  // What differs within a release is noise as a whole; its shape and its words may still tell a change.
  if (labels[0] === labels[1] && labels[2] === labels[3] && observation.liveAgrees !== false) return;
  if (isSentence(timeless.texts, labels))
    compareWords(place, labels, live && comparison.symbols.apply(LIVE_SIDE, live), comparison, descend);
  else observeTraits(place, timeless.texts, timeless.live, comparison);
}

/** Texts that all carry the same kind of structure are compared by what is inside. */
function compareInside(
  place: Place,
  texts: Four<string>,
  live: string | undefined,
  comparison: Comparison,
  descend: Descend,
): boolean {
  const first = unfold(texts[0]);
  if (first === undefined) return false;
  const { as } = first;
  const inside = texts.map((text, side) => (side === 0 ? first : unfold(text)));
  if (inside.some((one) => one?.as !== as)) return false;
  const liveInside = live === undefined ? undefined : unfold(live);
  descend(
    innerPlace(place, ` as ${as} $`),
    inside.map((one) => one!.tree) as unknown as Four<Tree>,
    liveInside?.as === as ? liveInside.tree : undefined,
    comparison,
  );
  return true;
}

/**
 * A symbol is one word, and so is a time: taken apart, its minute would be a place of its own, and where the arms stand
 * on either side of a full minute it would look changed.
 */
const WORD = new RegExp(`⟨[^⟩]*⟩|${TIME_FORMS}|${MEASUREMENT_FORM}|[^\\s,;:()[\\]{}"'<>⟨⟩]+`, 'g');

/** Texts of several words. Without white space they must be apart in the same way: random text may hold a comma. */
function isSentence(texts: Four<string>, labels: Four<string>): boolean {
  if (texts.some((text) => /\s/.test(text))) return !texts.every(isOneWord);
  return !labels.every(isOneWord) && allEqual(labels.map((label) => label.replace(WORD, 'w')));
}

/** A time or an amount is one word, with white space in it. */
function isOneWord(text: string): boolean {
  return text.match(WORD)?.[0] === text;
}

/** Texts with the same words in the same places but some: each of those is a place of its own. */
function compareWords(
  place: Place,
  texts: Four<string>,
  live: string | undefined,
  comparison: Comparison,
  descend: Descend,
): void {
  const rows = texts.map((text) => text.match(WORD) ?? []);
  const skeletons = texts.map((text) => text.replace(WORD, 'w')) as unknown as Four<string>;
  const liveSkeleton = live?.replace(WORD, 'w');
  if (!allEqual(skeletons)) {
    // Other words or other punctuation: which of them, cannot be told place by place.
    comparison.observe({
      ...base(place, texts, live, skeletons, comparison),
      feature: 'form',
      liveAgrees: liveSkeleton === undefined ? undefined : liveSkeleton === skeletons[0],
    });
    return;
  }
  const liveRow = liveSkeleton === skeletons[0] ? live?.match(WORD) : undefined;
  for (const i of rows[0]!.keys()) {
    const values = rows.map((row) => row[i]!) as unknown as Four<string>;
    if (allEqual(values)) continue;
    const word = innerPlace(place, ` word ${i + 1}`);
    // A symbol is whole, though there is a space in it: taken apart, it would be taken apart for ever.
    if (values.some((value) => value.startsWith('⟨')))
      comparison.observe(base(word, values, liveRow?.[i], values, comparison));
    else compareTexts(word, values, liveRow?.[i], comparison, descend);
  }
}

/** Texts that are the same but for ids: the ids' own shapes may tell a change. */
function observeIds(
  place: Place,
  texts: Four<string>,
  live: string | undefined,
  comparison: Comparison,
): void {
  const rows = texts.map((text) => text.match(WORD) ?? []);
  if (!isSentence(texts, texts) || rows.some((row) => row.length !== rows[0]!.length)) {
    observeTraits(place, texts, live, comparison);
    return;
  }
  const liveRow = live?.match(WORD) ?? undefined;
  for (const i of rows[0]!.keys()) {
    const values = rows.map((row) => row[i]!) as unknown as Four<string>;
    if (allEqual(values)) continue;
    const word = innerPlace(place, ` word ${i + 1}`);
    comparison.observe({ ...base(word, values, liveRow?.[i], values, comparison), explained: 'id' });
    observeTraits(word, values, liveRow?.[i], comparison);
  }
}

function observeTraits(
  place: Place,
  texts: Four<string>,
  live: string | undefined,
  comparison: Comparison,
  only?: Feature,
): void {
  for (const trait of traitsOf(texts, live, comparison.single).filter(
    ({ feature }) => feature === (only ?? feature),
  ))
    comparison.observe({
      ...base(place, texts, live, trait.labels, comparison),
      feature: trait.feature,
      frail: trait.frail,
      liveAgrees: trait.live === undefined ? undefined : trait.live === trait.labels[0],
    });
}

function base(
  place: Place,
  leaves: Four<Leaf>,
  live: Tree | undefined,
  labels: Four<string>,
  comparison: Comparison,
): Observation {
  const { symbols } = comparison;
  return {
    place,
    feature: 'value',
    labels,
    // Most observations are explained ones: nobody asks what live had, nor what is to be shown.
    get liveAgrees() {
      if (!comparison.hasLive || labels[0] !== labels[1]) return comparison.hasLive ? false : undefined;
      return symbols.apply(LIVE_SIDE, typeof live === 'string' ? live : canonical(live)) === labels[0];
    },
    kind: 'changed',
    get old() {
      return shown(leaves, comparison).old;
    },
    get new() {
      return shown(leaves, comparison).new;
    },
    raw: leaves.map(String),
    ...(mayBeDuration(place.general, leaves.map(String)) ? { frail: true } : {}),
  };
}

/** Old and new for people. Where they go by one name and something of them is told, they are shown as they are. */
function shown(leaves: Four<Leaf>, { symbols }: Comparison): Pick<Observation, 'old' | 'new'> {
  const [old, fresh] = [show(leaves[0], 0, symbols), show(leaves[2], 2, symbols)];
  return old === fresh ? { old: canonical(leaves[0]), new: canonical(leaves[2]) } : { old, new: fresh };
}

function named(texts: Four<string>, comparison: Comparison): Four<string> {
  return texts.map((text, side) => comparison.symbols.apply(side, text)) as unknown as Four<string>;
}

function allEqual(labels: readonly string[]): boolean {
  return labels.every((label) => label === labels[0]);
}
