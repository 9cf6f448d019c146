import type { Feature, Observation } from '../compare/observation.js';
import type { Partition } from '../compare/partition.js';
import { areNewDraws } from './distribution.js';
import { movedTogether } from './movement.js';

/**
 * How varied a noisy place is: the arms of one release agree and those of the other do not, again and again. A token that
 * became a constant shows so, and a list that became sorted, or ceased to be.
 */

/** Which arms agree, where two do and the other two go by themselves; undefined: not so. */
export function pairOf({ pattern, way }: Partition): 'within' | 'across' | undefined {
  if (pattern !== 'pair') return undefined;
  return way < 2 ? 'within' : 'across';
}

/** Whether an observation can say it: what it is told by, and what the arms show. */
export function varied({
  feature,
  explained,
  frail,
  raw,
  labels,
}: Observation): readonly string[] | undefined {
  if (explained !== undefined || frail === true) return undefined;
  if (feature !== 'value' && feature !== 'order') return undefined;
  return raw.length === 4 ? raw : labels;
}

/**
 * Whether the arms that go by themselves drew anew since the last time. What each drew once, and shows for ever or counts
 * up from, is one draw however often it is seen: two arms alike by chance stay alike.
 */
export function isVariedAnew(feature: Feature, shown: readonly string[], last: readonly string[]): boolean {
  if (last.length === 0) return true;
  const alone = shown.flatMap((text, side) =>
    shown.indexOf(text) === shown.lastIndexOf(text) ? [side] : [],
  );
  if (feature === 'order') return alone.every((side) => shown[side] !== last[side]);
  const numbers = [...shown, ...last].map(Number);
  if (numbers.every(Number.isFinite)) return !movedTogether(numbers.slice(4), numbers.slice(0, 4), 0);
  return areNewDraws(
    alone.map((side) => shown[side]!),
    alone.map((side) => last[side]!),
  );
}
