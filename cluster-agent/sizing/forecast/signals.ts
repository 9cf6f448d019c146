/**
 * What forecasts are made from: a few running figures of the offered work, of bounded size. Work is in nodes: the number
 * of nodes that would be busy with it.
 */
export interface Signals {
  /** When the last sample ended, ms since 1970. */
  readonly at: number;
  /** Mean of the last seconds, and of the last whole tick. */
  readonly recent: number;
  readonly mean: number;
  /** Means of the last ticks, the newest last. */
  readonly means: readonly number[];
  /** Work gained a second, smoothed over ticks. */
  readonly slope: number;
  /** Where the straight line through the last tick ends, and how it rises a second (least squares). */
  readonly lineEnd: number;
  readonly lineSlope: number;
  /** Smoothed squares: of the change from tick to tick, and of a second against its neighbours. */
  readonly between: number;
  readonly within: number;
  /** Mean work by time of day (UTC), and how much each bin has seen. */
  readonly day: readonly number[];
  readonly daySeen: readonly number[];
  readonly ticks: number;
}

/** Persistence is the mean of these last seconds: the shortest horizon that is asked for. */
export const RECENT_SECONDS = 15;
/** The scale follows this many ticks: long enough to be steady, short enough to see a storm come. */
const VOLATILITY_TICKS = 8;
/** A slope is believed after about two ticks: it may end any time. */
const SLOPE_TICKS = 2;
/** As many means are kept as the longest look back takes. */
export const LATELY_TICKS = 10;
const DAY_MS = 86_400_000;
/** Five minutes: the shortest that traffic of a small team shows a daily pattern in. */
export const DAY_BINS = 288;
/** A bin follows the last few days. */
const DAY_MEMORY = 4;

export const NO_SIGNALS: Signals = {
  at: 0,
  recent: 0,
  mean: 0,
  means: [],
  slope: 0,
  lineEnd: 0,
  lineSlope: 0,
  between: 0,
  within: 0,
  day: new Array<number>(DAY_BINS).fill(0),
  daySeen: new Array<number>(DAY_BINS).fill(0),
  ticks: 0,
};

const average = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/** The figures after another tick, whose seconds are given in order and end at `at`. */
export function follow(before: Signals, seconds: readonly number[], at: number): Signals {
  if (seconds.length === 0) return before;
  const mean = average(seconds);
  const recent = average(seconds.slice(-RECENT_SECONDS));
  const first = before.ticks === 0;
  const quarter = Math.max(1, Math.min(RECENT_SECONDS, Math.floor(seconds.length / 3)));
  const rise = average(seconds.slice(-quarter)) - average(seconds.slice(0, quarter));
  const slope = rise / Math.max(1, seconds.length - quarter);
  const steps = seconds.slice(1).map((value, i) => (value - seconds[i]!) ** 2 / 2);
  const blend = (old: number, now: number, over: number): number => (first ? now : old + (now - old) / over);
  const dayed = followDay(before, mean, at - (seconds.length * 1000) / 2);
  return {
    at,
    recent,
    mean,
    means: [...before.means, mean].slice(-LATELY_TICKS),
    slope: blend(before.slope, slope, SLOPE_TICKS),
    ...lineThrough(seconds, mean),
    between: first ? 0 : blend(before.between, (recent - before.recent) ** 2, VOLATILITY_TICKS),
    within: blend(before.within, average(steps), VOLATILITY_TICKS),
    ...dayed,
    ticks: before.ticks + 1,
  };
}

/** What they would be had all work so far been `factor` times what it was. */
export function scaleSignals(signals: Signals, factor: number): Signals {
  const { recent, mean, slope, lineEnd, lineSlope, between, within } = signals;
  return {
    ...signals,
    recent: recent * factor,
    mean: mean * factor,
    means: signals.means.map((value) => value * factor),
    slope: slope * factor,
    lineEnd: lineEnd * factor,
    lineSlope: lineSlope * factor,
    between: between * factor ** 2,
    within: within * factor ** 2,
    day: signals.day.map((value) => value * factor),
  };
}

function lineThrough(seconds: readonly number[], mean: number): Pick<Signals, 'lineEnd' | 'lineSlope'> {
  const middle = (seconds.length - 1) / 2;
  const spread = seconds.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
  const along = seconds.reduce((sum, value, i) => sum + (i - middle) * (value - mean), 0);
  const lineSlope = spread === 0 ? 0 : along / spread;
  return { lineSlope, lineEnd: mean + lineSlope * middle };
}

function followDay(before: Signals, mean: number, at: number): Pick<Signals, 'day' | 'daySeen'> {
  const bin = Math.floor(dayPlace(at));
  const seen = before.daySeen[bin]!;
  const share = 1 / Math.min(seen + 1, DAY_MEMORY * 5);
  return {
    day: before.day.with(bin, before.day[bin]! + (mean - before.day[bin]!) * share),
    daySeen: before.daySeen.with(bin, seen + 1),
  };
}

function dayPlace(at: number): number {
  return (((at % DAY_MS) + DAY_MS) % DAY_MS) / (DAY_MS / DAY_BINS);
}

/** What the time of day lets expect `at`, in work; undefined where that time was not seen yet. */
export function usualAt(signals: Signals, at: number): number | undefined {
  const place = dayPlace(at) - 0.5;
  const low = (Math.floor(place) + DAY_BINS) % DAY_BINS;
  const high = (low + 1) % DAY_BINS;
  if (signals.daySeen[low] === 0 || signals.daySeen[high] === 0) return undefined;
  const share = place - Math.floor(place);
  return signals.day[low]! * (1 - share) + signals.day[high]! * share;
}
