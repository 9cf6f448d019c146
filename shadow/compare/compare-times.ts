import type { Tree } from '../body/tree.js';
import { TIME_FORMS, parseTimeText, type TimeText } from '../correlate/time-text.js';
import { START_SKEW_MS, type Comparison } from './comparison.js';
import type { Four, Observation } from './observation.js';

/** Times in the arms' answers: which of them their different moments explain, and which are of another time. */

/** Whether the old arms and live all have the same. */
export function isRepeated(leaves: Four<string | number | boolean>, live: Tree | undefined): boolean {
  return leaves[0] === leaves[1] && leaves[0] === live;
}

/** All four are points in time; undefined: some is none. */
export type Times = Four<TimeText> | undefined;

/** The values as points in time. */
export function timesOf<T>(values: Four<T>, read: (value: T) => TimeText | undefined): Times {
  const times: TimeText[] = [];
  for (const value of values) {
    const time = read(value);
    if (time === undefined) return undefined;
    times.push(time);
  }
  return times as unknown as Four<TimeText>;
}

/** What an app that speaks of the present speaks of: expiry dates reach a year ahead. */
const PRESENT_MS = 400 * 86_400_000;

/** Times of day that the arms' different moments explain. `repeated`: the old arms and live all have the same. */
export function withinSkew(times: Times, repeated: boolean, comparison: Comparison): boolean {
  if (times === undefined) return false;
  // What stays the same at every moment and is far from now is no time of day.
  if (repeated && Math.abs(times[0].ms - comparison.nowMs) > PRESENT_MS) return false;
  // Live's time is another one than the arms'.
  const told = times.filter((_, side) => !(comparison.single && side === 1));
  return spreadOf(told) <= toleranceOf(times, comparison);
}

/** Times too far apart for that: equal are those that are not. Live's moment was another one, it bears no witness. */
export function byTime(
  times: Four<TimeText>,
  comparison: Comparison,
): Pick<Observation, 'labels' | 'liveAgrees' | 'frail'> {
  const tolerance = toleranceOf(times, comparison);
  const label = (time: TimeText): string =>
    String(Math.min(...times.map(({ ms }) => ms).filter((ms) => Math.abs(ms - time.ms) <= tolerance)));
  const [oldA, oldB, newA, newB] = times;
  return {
    labels: [label(oldA), label(comparison.single ? oldA : oldB), label(newA), label(newB)],
    liveAgrees: undefined,
    ...(mayBeStarts(times) ? { frail: true } : {}),
  };
}

/** Moments of the arms' own, such as when each began: two that began together by chance do not make a change. */
function mayBeStarts(times: Four<TimeText>): boolean {
  const [oldA, oldB, newA, newB] = times.map(({ ms }) => ms) as unknown as Four<number>;
  return spreadOf(times) <= START_SKEW_MS && (oldA !== oldB || newA !== newB);
}

function spreadOf(times: readonly TimeText[]): number {
  const values = times.map(({ ms }) => ms);
  return Math.max(...values) - Math.min(...values);
}

const SECOND_MS = 1000;

/** Whole seconds in all arms were counted in seconds, in whatever form they are written. */
function toleranceOf(times: Four<TimeText>, comparison: Comparison): number {
  const areWhole = times.every(({ ms }) => ms % SECOND_MS === 0);
  return comparison.skewMs + Math.max(areWhole ? SECOND_MS : 0, ...times.map(({ stepMs }) => stepMs));
}

const TIMES = new RegExp(TIME_FORMS, 'g');

/** Texts in which the times that the arms' different moments explain are struck out: what is left is to be compared. */
export function withoutTimes(
  texts: Four<string>,
  live: string | undefined,
  comparison: Comparison,
): { readonly texts: Four<string>; readonly live: string | undefined } {
  // Every written form has one.
  if (!texts[0].includes(':')) return { texts, live };
  const rows = texts.map((text) => text.match(TIMES) ?? []);
  const [first] = rows;
  if (first!.length === 0 || rows.some((row) => row.length !== first!.length)) return { texts, live };
  const liveRow = live?.match(TIMES) ?? [];
  const explained = first!.map((_, i) => {
    const written = rows.map((row) => row[i]!) as unknown as Four<string>;
    const times = timesOf(written, (one) => parseTimeText(one, comparison.nowMs));
    return withinSkew(times, isRepeated(written, liveRow[i]), comparison);
  });
  const strike = (text: string): string => {
    let i = 0;
    return text.replace(TIMES, (time) => (explained[i++] === true ? '⟨time⟩' : time));
  };
  return { texts: texts.map(strike) as unknown as Four<string>, live: live && strike(live) };
}
