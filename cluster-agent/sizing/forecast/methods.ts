import { usualAt, type Signals } from './signals.js';

/** A point forecast with the scale that its residuals are measured in; both in nodes of work. */
export interface PointForecast {
  readonly work: number;
  readonly scale: number;
}

export interface Method {
  readonly name: string;
  /** The margin in scales at which the prior tail has fallen to an eighth. */
  readonly priorUnit: number;
  /** For the moment `leadMs` after the last sample. Undefined: this method cannot tell yet. */
  forecast(signals: Signals, leadMs: number): PointForecast | undefined;
}

/** The smallest scale, as a share of the work: below it a histogram would tell rounding errors apart. */
const LEAST_SCALE = 0.01;
/** Work below which everything is idle: a hundredth of a node. */
const LEAST_WORK = 0.01;
/** A peak is held for so many ticks. */
const PEAK_TICKS = 5;
/** A trend is followed with half its slope gone every two minutes (damped: Gardner and McKenzie 1985). */
const TREND_HALF_MS = 120_000;

type Point = (signals: Signals, leadMs: number) => number | undefined;

const persistence: Point = ({ recent }) => recent;
const tickMean: Point = ({ mean }) => mean;

/** What a load that only wavers comes back to. */
const level: Point = ({ means }) => means.reduce((sum, mean) => sum + mean, 0) / Math.max(1, means.length);

/** What was just there may be back: after a crowd, an outage, a batch. */
const peak: Point = ({ means, recent }) => Math.max(recent, ...means.slice(-PEAK_TICKS));

const trend: Point = ({ recent, slope }, leadMs) => {
  const life = TREND_HALF_MS / Math.LN2;
  return Math.max(0, recent + slope * (life / 1000) * (1 - Math.exp(-leadMs / life)));
};

const line: Point = ({ lineEnd, lineSlope }, leadMs) => Math.max(0, lineEnd + (lineSlope * leadMs) / 1000);

/** The present, times what the time of day usually changes until then. */
const timeOfDay: Point = (signals, leadMs) => {
  const now = usualAt(signals, signals.at);
  const then = usualAt(signals, signals.at + leadMs);
  if (now === undefined || then === undefined || now < LEAST_WORK) return undefined;
  return signals.recent * (then / now);
};

function relative(name: string, point: Point): Method {
  return {
    name,
    priorUnit: 0.3,
    forecast: (signals, leadMs) => {
      const work = point(signals, leadMs);
      return work === undefined ? undefined : { work, scale: Math.max(LEAST_WORK, work) };
    },
  };
}

/** Residuals in units of how much the load moves of late: calm hours get by with less (locally weighted conformal). */
function moving(name: string, point: Point): Method {
  return {
    name: `${name}, moving scale`,
    priorUnit: 3,
    forecast: (signals, leadMs) => {
      const work = point(signals, leadMs);
      if (work === undefined) return undefined;
      const scale = Math.sqrt(signals.between + signals.within);
      return { work, scale: Math.max(LEAST_WORK, work * LEAST_SCALE, scale) };
    },
  };
}

/** The first is the baseline, which every other must beat on this very cluster. */
export const METHODS: readonly Method[] = [
  relative('persistence', persistence),
  moving('persistence', persistence),
  relative('tick mean', tickMean),
  moving('tick mean', tickMean),
  relative('level', level),
  moving('level', level),
  relative('peak', peak),
  moving('peak', peak),
  relative('trend', trend),
  moving('trend', trend),
  relative('line', line),
  moving('line', line),
  relative('time of day', timeOfDay),
  moving('time of day', timeOfDay),
];
