import { histogramQuantile } from '../../common/index.js';
import type { TickEndpoint } from '../telemetry/tick.js';
import type { EndpointLoad } from './grouping.js';
import { targetOf, type SizingConfig } from './input.js';

/** What is learned of each endpoint to group by: plain data, bounded by the number of endpoints. */
export type LoadMemory = Readonly<Record<string, LearnedLoad>>;

interface LearnedLoad {
  /** Requests a second. */
  readonly rate: number;
  /** Variance of the logarithm of durations. */
  readonly spread: number;
  /** Mean time to answer, ms. */
  readonly took: number;
}

/** An endpoint's load as it was measured. */
export interface MeasuredLoad extends EndpointLoad {
  /** How long its requests waited, in the mean, on what serves now; ms. */
  readonly waited: number;
}

/** What is known of an endpoint's cost, ms. */
export interface LoadCost {
  /** Of a node's time. */
  readonly work: (endpoint: string) => number;
  /** Mean of a request that waits for nothing. */
  readonly alone: (endpoint: string) => number;
  /** Its median by the deploy's test load, which sets its target; undefined: it was not measured. */
  readonly perfAvg: (endpoint: string) => number | undefined;
}

/** Figures follow about so many ticks: a change of the mix is seen within minutes, the chance of one tick is not. */
const TICKS = 10;
/** Endpoints that came less often than once in some days are forgotten, so that what is kept has an end. */
const LEAST_RATE = 1e-5;
/** The tenth of the fastest is so many deviations of a normal distribution below the median. */
const TENTH = 1.2816;
/** Beyond it (a squared coefficient of variation of 50) two modes are taken for one: no spread of one kind of work is as wide. */
const MOST_SPREAD = 4;

/** What is known after another tick of `seconds`. Endpoints of `left` are not followed. Pure. */
export function followLoads(
  before: LoadMemory,
  endpoints: readonly TickEndpoint[],
  seconds: number,
  left: (endpoint: string) => boolean,
): LoadMemory {
  if (!(seconds > 0)) return before;
  const after: Record<string, LearnedLoad> = {};
  const faded = 1 - 1 / TICKS;
  for (const [endpoint, known] of Object.entries(before))
    if (known.rate * faded > LEAST_RATE) after[endpoint] = { ...known, rate: known.rate * faded };
  for (const tick of endpoints) {
    const { endpoint, successes, errors, sumMs } = tick;
    const [rate, took] = [(successes + errors) / seconds, sumMs / successes];
    if (left(endpoint) || ![rate, took].every((figure) => Number.isFinite(figure) && figure > 0)) continue;
    const known = Object.hasOwn(before, endpoint) ? before[endpoint] : undefined;
    const spread = spreadOf(tick);
    const follow = (old: number, now: number): number => old + (now - old) / TICKS;
    after[endpoint] =
      known === undefined
        ? { rate, took, spread }
        : {
            rate: follow(known.rate, rate),
            took: follow(known.took, took),
            spread: follow(known.spread, spread),
          };
  }
  return after;
}

/**
 * By the faster half: the slower half has waited, for whatever else its node was doing, and what is to be known is the work.
 * Taken for log-normal, as times to answer are seen to be.
 */
function spreadOf({ histogram }: TickEndpoint): number {
  const [tenth, median] = [0.1, 0.5].map((q) => histogramQuantile(histogram, q) ?? 0);
  if (!(tenth! > 0) || !(median! > tenth!)) return 0;
  return Math.min(MOST_SPREAD, (Math.log(median! / tenth!) / TENTH) ** 2);
}

/** The loads to group, in order of name. Pure. */
export function loadsOf(
  memory: LoadMemory,
  { work, alone, perfAvg }: LoadCost,
  config: Pick<SizingConfig, 'waitMultiplier' | 'targetCeilingMs'>,
): MeasuredLoad[] {
  return Object.entries(memory)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([endpoint, { rate, spread, took }]) => {
      const [mean, measured] = [work(endpoint), perfAvg(endpoint)];
      return {
        endpoint,
        rate,
        mean,
        square: mean ** 2 * Math.exp(spread),
        // It may wait for as long as its target lets it, whichever part of its time is the node's.
        target:
          measured === undefined ? undefined : mean + Math.max(0, targetOf(measured, config) - measured),
        waited: Math.max(0, took - alone(endpoint)),
      };
    });
}
