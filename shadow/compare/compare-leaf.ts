import { jsonSkeleton } from '../body/json.js';
import type { Tree } from '../body/tree.js';
import { parseTimeNumber, parseTimeText, type TimeText } from '../correlate/time-text.js';
import { byTime, isRepeated, timesOf, withinSkew, withoutTimes } from './compare-times.js';
import { compareWords, isSentence, observeIds } from './compare-words.js';
import type { Comparison } from './comparison.js';
import { namesMeasurement, withoutAmounts } from './measurement.js';
import { innerPlace, type Four, type Observation, type Place } from './observation.js';
import { allEqual, named, observeTraits, valueOf, type Leaf } from './observing.js';
import { timeTraitsOf } from './shape.js';
import { LIVE_SIDE } from './symbols.js';
import { unfold, type Unfolded } from './unfold.js';
import { watched } from './values-seen.js';

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
  const observation = valueOf(place, leaves, isNearly(live, leaves) ? leaves[0] : live, labels, comparison);
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
      Object.assign(valueOf(place, texts, live, texts, comparison), { explained: 'time' as const }),
    );
    observeTraits(place, texts, live, comparison, timeTraitsOf(texts, live));
    return;
  }
  if (times !== undefined) {
    comparison.observe({ ...valueOf(place, texts, live, texts, comparison), ...byTime(times, comparison) });
    return;
  }
  if (namesMeasurement(place.general) && allEqual(texts.map(withoutAmounts))) {
    comparison.observe({ ...valueOf(place, texts, live, texts, comparison), explained: 'measurement' });
    return;
  }
  comparison.symbols.mint(texts, live);
  if (compareInside(place, texts, live, comparison, descend)) return;
  const timeless = withoutTimes(texts, live, comparison);
  const labels = named(timeless.texts, comparison);
  const observation = valueOf(place, texts, timeless.live, labels, comparison);
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
    compareWords(
      place,
      labels,
      live && comparison.symbols.apply(LIVE_SIDE, live),
      comparison,
      (word, texts, liveText, within) => compareTexts(word, texts, liveText, within, descend),
    );
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
  const lived = liveInside?.as === as ? liveInside : undefined;
  const { seen, watching } = watched(comparison);
  descend(
    innerPlace(place, ` as ${as} $`),
    inside.map((one) => one!.tree) as unknown as Four<Tree>,
    lived?.tree,
    watching,
  );
  if (seen.structural) return true;
  const isPacked = first.packing !== '' && seen.nothing;
  // One content that is packed into other bytes; live's own content may be another.
  const labels = isPacked
    ? texts
    : (inside.map((one, side) => formInside(one!, side, comparison)) as unknown as Four<string>);
  if (!allEqual(labels))
    comparison.observe({
      ...valueOf(innerPlace(place, ` as ${as} form`), texts, live, labels, comparison),
      feature: 'form',
      liveAgrees: isPacked ? undefined : lived && formInside(lived, LIVE_SIDE, comparison) === labels[0],
    });
  return true;
}

/** How what is inside is written: keys in their order, white space, and how it is packed. */
function formInside({ texts, packing }: Unfolded, side: number, { symbols }: Comparison): string {
  return [packing, ...texts.map((text) => jsonSkeleton(symbols.apply(side, text)))].join();
}
