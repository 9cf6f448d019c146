import type { DharmaErrorJson } from '../../common/index.js';
import type { GroupingConfig } from './grouping-choice.js';
import type { MeasuredLoad } from './loads.js';

/** One endpoint in the tick that has ended. Times in ms, of successes over all nodes. */
export interface EndpointTick {
  readonly endpoint: string;
  /** From the deploy's test load; undefined: not measured, so it sets no target. */
  readonly perfAvg: number | undefined;
  readonly count: number;
  readonly errors: number;
  /** Successes that took longer than the endpoint's target (see `targetOf`). */
  readonly over: number;
  readonly median: number | undefined;
}

/** What the telemetry of one tick says. */
export interface Observation {
  /** When the tick ended, ms since 1970. */
  readonly at: number;
  /** Offered work of each of its seconds, in order, in nodes (how many would be busy with it). */
  readonly work: readonly number[];
  /** Work that waits, in node-seconds. */
  readonly waiting: number;
  /** Share of its seconds in which work was left waiting. */
  readonly short: number;
  readonly endpoints: readonly EndpointTick[];
  /** What endpoints are grouped by; absent where nothing is grouped. */
  readonly loads?: readonly MeasuredLoad[];
  /** Open tasks that nobody has done yet, and how long each is taken to take, s. */
  readonly guesses?: readonly { readonly task: string; readonly seconds: number }[];
}

/** A run that the app has announced, with what it was measured to cost. */
export interface AnnouncedRun {
  readonly from: number;
  readonly to: number;
  /** Nodes it keeps busy. */
  readonly work: number;
}

export interface SizingInput {
  readonly now: number;
  readonly observation: Observation;
  readonly nodes: { readonly serving: number; readonly starting: number };
  /** From a node's spawn to its first passed route test, as measured, ms. */
  readonly readyMs: number;
  readonly announced: readonly AnnouncedRun[];
  /** US dollars per node and hour; undefined: the provider does not say. */
  readonly price: number | undefined;
}

export interface SizingConfig {
  readonly reconfigureMs: number;
  readonly waitMultiplier: number;
  /** The operator's floor and cap on the number of nodes. */
  readonly least: number;
  readonly most: number;
  /** US dollars an hour for this cluster; undefined: no ceiling. */
  readonly maxSpend: number | undefined;
  /** Share of seconds that may be short. */
  readonly shortShare: number;
  /** The operator's override: no endpoint's target is above it, ms; undefined: none. */
  readonly targetCeilingMs: number | undefined;
  /** Absent: nothing is grouped. */
  readonly grouping?: GroupingConfig;
}

/** The median an endpoint may have, ms. Pure. */
export function targetOf(
  perfAvg: number,
  config: Pick<SizingConfig, 'waitMultiplier' | 'targetCeilingMs'>,
): number {
  return Math.min(perfAvg * config.waitMultiplier, config.targetCeilingMs ?? Infinity);
}

const notice = (code: string, message: string, found: string, remedy: string): DharmaErrorJson => ({
  code,
  message,
  found,
  remedy,
});

/** More nodes' work than this is a unit that went wrong, not traffic. */
export const MOST_WORK = 1e6;

/** What makes the tick's telemetry unfit to decide on; undefined: nothing. Pure. */
export function faultOf(
  { observation, now, readyMs }: SizingInput,
  { reconfigureMs }: SizingConfig,
): DharmaErrorJson | undefined {
  if (
    observation.work.length === 0 ||
    !Number.isFinite(now) ||
    !Number.isFinite(observation.at) ||
    Math.abs(now - observation.at) > reconfigureMs * 2
  )
    return notice(
      'TELEMETRY_STOPPED',
      'the proxy has told nothing since the last decision, or at a time that cannot be',
      `last telling at ${observation.at}, now ${now}`,
      'See `federate status`: is the proxy up, and do the clocks agree? The last good plan holds.',
    );
  const figures = [
    ...observation.work,
    observation.waiting,
    ...observation.endpoints.flatMap(({ count, errors, over, median, perfAvg }) => [
      count,
      errors,
      over,
      median ?? 0,
      perfAvg ?? 1,
    ]),
  ];
  const bad = figures.find((figure) => !Number.isFinite(figure) || figure < 0);
  const large = observation.work.find((work) => work > MOST_WORK);
  const share = observation.short >= 0 && observation.short <= 1 ? undefined : observation.short;
  const impossible = observation.endpoints.find(({ count, over, perfAvg }) => over > count || perfAvg === 0);
  const found = bad ?? large ?? share ?? impossible?.endpoint;
  if (found !== undefined)
    return notice(
      'TELEMETRY_INVALID',
      'the telemetry holds what cannot be',
      String(found),
      'Restart the proxy of this cluster; if it says so again, report a bug with its log. The last good plan holds.',
    );
  if (!Number.isFinite(readyMs) || readyMs < 0)
    return notice(
      'READINESS_INVALID',
      'the time a node takes to be ready cannot be',
      String(readyMs),
      'Report a bug. The last good plan holds.',
    );
  return undefined;
}

/** A clock that went back, or forward by so much that what is pending means nothing any more. Pure. */
export function clockFault(
  last: number,
  now: number,
  { reconfigureMs }: SizingConfig,
): DharmaErrorJson | undefined {
  if (last === 0 || (now > last && now - last <= reconfigureMs * 10)) return undefined;
  return notice(
    'CLOCK_JUMPED',
    now > last ? 'more than ten intervals have passed since the last decision' : 'the clock went back',
    `from ${last} to ${now}`,
    'See that the machine keeps time (`timedatectl`). What was forecast is dropped; the last good plan holds for this interval.',
  );
}

/** The most nodes that money allows. Pure. */
export function affordable(
  { price }: SizingInput,
  { maxSpend }: SizingConfig,
): { readonly nodes: number; readonly fault?: DharmaErrorJson } {
  if (maxSpend === undefined) return { nodes: Infinity };
  if (price !== undefined && Number.isFinite(price) && price >= 0)
    return { nodes: price === 0 ? Infinity : Math.floor(maxSpend / price + 1e-9) };
  return {
    nodes: 0,
    fault: notice(
      'PRICE_UNKNOWN',
      'the provider gives no price for this node size, and a ceiling is set: no node is added',
      String(price),
      'Set `prices` for the size in the config, or take the ceiling away.',
    ),
  };
}
