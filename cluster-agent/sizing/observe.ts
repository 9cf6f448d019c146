import { histogramAbove, histogramCount, histogramQuantile } from '../../common/index.js';
import type { Tick, TickEndpoint, TickSlice } from '../telemetry/tick.js';
import { targetOf, type EndpointTick, type Observation, type SizingConfig } from './input.js';
import { followLoads, loadsOf, type LoadCost, type LoadMemory } from './loads.js';

/** What an endpoint was measured to take on deploy, ms. */
export interface EndpointCost {
  readonly endpoint: string;
  /** Median, one at a time. */
  readonly perfAvg: number;
  /** Of a node's time, where several at a time share it. */
  readonly work: number;
  /** Mean, one at a time. */
  readonly mean?: number;
}

/** What is learned of a cluster besides the decision's own state. Plain data, bounded by the number of endpoints. */
export interface WorkMemory {
  /** For endpoints that no test load measured: the shortest mean they were seen to take of late, ms. */
  readonly seen: Readonly<Record<string, number>>;
  /**
   * Work that one node was seen to bear while nobody waited, in nodes by the test load (≥ 1): it is short, and most apps
   * wait for others.
   */
  readonly bears: number;
  /** What endpoints are grouped by. */
  readonly loads: LoadMemory;
  /** Of workers: what was sent, and is work of the seconds to come. */
  readonly ahead?: readonly number[];
}

export const NO_WORK_MEMORY: WorkMemory = { seen: {}, bears: 1, loads: {} };

/** What telemetry calls requests that no route fits: they go to every node, and cannot be kept to some. */
const UNMATCHED = '*';

/** What was learned fades within about so many ticks (a day of minutes): apps and machines change. */
const MEMORY_TICKS = 1440;

export interface Surroundings {
  readonly costs: readonly EndpointCost[];
  readonly config: Pick<SizingConfig, 'waitMultiplier' | 'targetCeilingMs'>;
  /** Nodes that had requests. */
  readonly serving: number;
  /** Endpoints whose connections stay: that they are open is no sign of waiting. */
  readonly realtime: ReadonlySet<string>;
}

/** What a tick's telemetry says in the terms of the decision: work, waiting, endpoints. Pure. */
export function observe(
  before: WorkMemory,
  tick: Tick,
  surroundings: Surroundings,
): { readonly observation: Observation; readonly memory: WorkMemory } {
  const { serving, costs } = surroundings;
  const seen = seenAfter(before.seen, tick.endpoints, costs);
  const rates = ratesOf(costs, seen);
  const endpoints = tick.endpoints.map((endpoint) => endpointTick(endpoint, surroundings));
  const count = tick.slices.length === 0 ? 0 : Math.max(1, Math.round((tick.to - tick.from) / 1000));
  const raw = workPerSecond(tick, count, rates);
  const waits = waitingPerSecond(tick, count, rates, surroundings.realtime);
  const slack = slackOf(tick.endpoints, rates, surroundings.config);
  const isLate = (second: number): boolean => (waits[second]! * 1000) / Math.max(1, serving) > slack;
  const isCalm = serving > 0 && !waits.some((_, second) => isLate(second)) && !endpoints.some(isOver);
  const borne = isCalm ? raw.reduce((sum, work) => sum + work, 0) / Math.max(1, count) / serving : 0;
  const bears = Math.max(1, before.bears * (1 - 1 / MEMORY_TICKS), Number.isFinite(borne) ? borne : 0);
  const work = raw.map((nodes) => nodes / bears);
  const late = work.filter((nodes, second) => nodes > serving || isLate(second)).length;
  const isLeft = (endpoint: string): boolean => endpoint === UNMATCHED || surroundings.realtime.has(endpoint);
  const loads = followLoads(before.loads, tick.endpoints, (tick.to - tick.from) / 1000, isLeft);
  return {
    observation: {
      at: tick.toldAt,
      work,
      waiting: (waits.at(-1) ?? 0) / bears,
      short: count === 0 ? 0 : late / count,
      endpoints,
      loads: loadsOf(loads, costOf(costs, seen, bears), surroundings.config),
    },
    memory: { seen, bears, loads },
  };
}

/** A node that bears more than the test load says has less of its time taken by each request. */
function costOf(costs: readonly EndpointCost[], seen: WorkMemory['seen'], bears: number): LoadCost {
  const known = new Map(costs.map((cost) => [cost.endpoint, cost]));
  const { work, alone } = ratesOf(costs, seen);
  return {
    work: (endpoint) => work(endpoint) / bears,
    alone: (endpoint) => Math.max(alone(endpoint), known.get(endpoint)?.mean ?? 0),
    perfAvg: (endpoint) => known.get(endpoint)?.perfAvg,
  };
}

/** Half of its requests took longer than the target. */
function isOver({ over, count }: EndpointTick): boolean {
  return over * 2 > count;
}

interface Rates {
  /** Of a node's time, ms a request; 0: not known. */
  readonly work: (endpoint: string) => number;
  /** How long a request takes where nothing waits, ms; 0: not known. */
  readonly alone: (endpoint: string) => number;
}

function ratesOf(costs: readonly EndpointCost[], seen: WorkMemory['seen']): Rates {
  const known = new Map(costs.map((cost) => [cost.endpoint, cost]));
  return {
    work: (endpoint) => known.get(endpoint)?.work ?? seen[endpoint] ?? 0,
    alone: (endpoint) => known.get(endpoint)?.perfAvg ?? seen[endpoint] ?? 0,
  };
}

/** A mean that grew because requests waited is no cost: the shortest counts, and fades upwards. */
function seenAfter(
  before: WorkMemory['seen'],
  endpoints: readonly TickEndpoint[],
  costs: readonly EndpointCost[],
): WorkMemory['seen'] {
  const measured = new Set(costs.map(({ endpoint }) => endpoint));
  const after = { ...before };
  for (const { endpoint, successes, sumMs } of endpoints) {
    const mean = sumMs / successes;
    if (measured.has(endpoint) || !(mean > 0) || !Number.isFinite(mean)) continue;
    after[endpoint] = Math.min(mean, (before[endpoint] ?? mean) * (1 + 1 / MEMORY_TICKS));
  }
  return after;
}

/** Work that came, second by second, in nodes. */
function workPerSecond(tick: Tick, count: number, { work }: Rates): number[] {
  const seconds = new Array<number>(count).fill(0);
  const width = (tick.to - tick.from) / count;
  for (const { from, to, arrived } of tick.slices) {
    const ms = sumOf(arrived, work);
    const start = Math.max(from, tick.from);
    const length = Math.max(1e-3, to - start);
    for (let i = placeOf(start, tick, count); i <= placeOf(to, tick, count); i += 1) {
      const overlap = Math.min(to, tick.from + (i + 1) * width) - Math.max(start, tick.from + i * width);
      seconds[i]! += ((ms / width) * Math.max(0, overlap)) / length;
    }
  }
  return seconds;
}

/** Work that waits at the end of each second, in node-seconds: what is open beyond what would be if nothing waited. */
function waitingPerSecond(
  tick: Tick,
  count: number,
  { work, alone }: Rates,
  realtime: ReadonlySet<string>,
): number[] {
  const last = Array.from({ length: count }, () => new Map<string, number>());
  for (const slice of tick.slices) {
    const interval = Math.max(1, slice.to - slice.from);
    const waiting = sumOf(slice.open, (endpoint, open) => {
      if (realtime.has(endpoint)) return 0;
      // Little's law: so many are open where each takes its time alone.
      const usual = ((slice.arrived.get(endpoint) ?? 0) / interval) * alone(endpoint);
      return (Math.max(0, open - usual) / open) * work(endpoint);
    });
    last[placeOf(slice.to, tick, count)]!.set(slice.worker, (waiting + queuedWork(slice, work)) / 1000);
  }
  let before = 0;
  return last.map((workers) => {
    if (workers.size > 0) before = [...workers.values()].reduce((sum, value) => sum + value, 0);
    return before;
  });
}

/** The proxy does not say of which endpoint those are that wait for a node: they are taken for as mixed as what came. */
function queuedWork({ queued, arrived }: TickSlice, work: Rates['work']): number {
  const came = [...arrived.values()].reduce((sum, value) => sum + value, 0);
  return queued === 0 || came === 0 ? 0 : (queued * sumOf(arrived, work)) / came;
}

/** How long a request may wait on average until it misses its target, ms. */
function slackOf(
  endpoints: readonly TickEndpoint[],
  { alone }: Rates,
  config: Surroundings['config'],
): number {
  const known = endpoints.filter(({ endpoint, successes }) => successes > 0 && alone(endpoint) > 0);
  const total = known.reduce((sum, { successes }) => sum + successes, 0);
  if (total === 0) return Infinity;
  const slack = ({ endpoint }: TickEndpoint): number =>
    Math.max(0, targetOf(alone(endpoint), config) - alone(endpoint));
  return known.reduce((sum, endpoint) => sum + slack(endpoint) * endpoint.successes, 0) / total;
}

function endpointTick(
  { endpoint, successes, errors, histogram }: TickEndpoint,
  { costs, config }: Surroundings,
): EndpointTick {
  const perfAvg = costs.find((cost) => cost.endpoint === endpoint)?.perfAvg;
  const median = histogramQuantile(histogram, 0.5);
  return {
    endpoint,
    perfAvg,
    // As many as have a duration: what telemetry says of both must agree.
    count: Math.max(successes, histogramCount(histogram)),
    errors,
    over: perfAvg === undefined ? 0 : histogramAbove(histogram, targetOf(perfAvg, config) * 1000),
    median: median === undefined ? undefined : median / 1000,
  };
}

function placeOf(at: number, { from, to }: Tick, count: number): number {
  return Math.min(count - 1, Math.max(0, Math.floor(((at - from) / Math.max(1e-3, to - from)) * count)));
}

function sumOf(
  counts: ReadonlyMap<string, number>,
  each: (endpoint: string, count: number) => number,
): number {
  let sum = 0;
  for (const [endpoint, count] of counts) sum += count * each(endpoint, count);
  return sum;
}
