import { endpointName, throwIfAborted, type RouteConfig } from '../../common/index.js';
import { checkAnswer } from './check.js';
import type { NodeCaller } from './caller.js';

/** How fast one endpoint answers on a node that has nothing else to do. Times in ms. */
export interface Measurement {
  readonly endpoint: string;
  /** Of successes, one request at a time. The median is the endpoint's first perfAvg: an outlier does not move it. */
  readonly median: number;
  readonly mean: number;
  /** Median with `CONCURRENCY` requests at a time: how far the endpoint is from working alone. */
  readonly loadedMedian: number | undefined;
  /**
   * Of the node's time, where several requests share it: how long one takes to come out at the highest throughput seen.
   * Absent from measurements of earlier builds.
   */
  readonly work?: number;
  readonly count: number;
  readonly errors: number;
}

/** A second gives hundreds of answers of a fast endpoint and a few of a slow one. */
const MOST_PER_ROUTE_MS = 1000;
/** All routes together: a deploy waits for it. */
const MOST_TOTAL_MS = 5000;
/** Enough to make requests wait for each other, too few to be a load test. */
const CONCURRENCY = 4;
/** So many keep a node busy whose requests mostly wait for a store. */
const CROWD = 16;

/**
 * Puts a short load on every route whose test may be repeated: GET and HEAD, others where the test says `load: true`.
 * Endpoints with no success have no measurement.
 */
export async function measureRoutes(
  caller: NodeCaller,
  routes: readonly RouteConfig[],
  signal: AbortSignal,
): Promise<Measurement[]> {
  const loadable = routes.filter(isLoadable);
  const budgetMs = Math.min(MOST_PER_ROUTE_MS, MOST_TOTAL_MS / Math.max(1, loadable.length));
  const measurements: Measurement[] = [];
  for (const route of loadable) {
    const alone = await repeat(caller, route, { untilMs: budgetMs / 2, concurrency: 1 }, signal);
    const loaded = await repeat(caller, route, { untilMs: budgetMs / 4, concurrency: CONCURRENCY }, signal);
    // A route that fails is not hammered.
    const crowd =
      loaded.errors > 0
        ? NO_SAMPLES
        : await repeat(caller, route, { untilMs: budgetMs / 4, concurrency: CROWD }, signal);
    throwIfAborted(signal);
    if (alone.durations.length > 0)
      measurements.push({
        endpoint: endpointName(route),
        median: median(alone.durations)!,
        mean: alone.durations.reduce((sum, ms) => sum + ms, 0) / alone.durations.length,
        loadedMedian: median(loaded.durations),
        work: Math.min(...[alone, loaded, crowd].map(timeEach)),
        count: alone.durations.length + loaded.durations.length + crowd.durations.length,
        errors: alone.errors + loaded.errors + crowd.errors,
      });
  }
  return measurements;
}

function isLoadable(route: RouteConfig): boolean {
  if (route.test === undefined) return false;
  return route.test.load ?? (route.test.method === 'GET' || route.test.method === 'HEAD');
}

interface Samples {
  readonly durations: number[];
  errors: number;
  /** From the first request to the last answer, ms. */
  elapsed: number;
}

const NO_SAMPLES: Samples = { durations: [], errors: 0, elapsed: 0 };

function timeEach({ durations, elapsed }: Samples): number {
  return durations.length === 0 ? Infinity : elapsed / durations.length;
}

/** Repeats a route's test for `untilMs`, `concurrency` at a time; a failing one ends its line of requests. */
async function repeat(
  caller: NodeCaller,
  route: RouteConfig,
  load: { readonly untilMs: number; readonly concurrency: number },
  signal: AbortSignal,
): Promise<Samples> {
  const samples: Samples = { durations: [], errors: 0, elapsed: 0 };
  const begin = performance.now();
  const end = begin + load.untilMs;
  const line = async (): Promise<void> => {
    do {
      const startedAt = performance.now();
      const answer = await caller.call(route.test!, signal).catch(() => undefined);
      if (answer === undefined || checkAnswer(route.test!.expect, answer) !== undefined) {
        samples.errors += 1;
        return;
      }
      samples.durations.push(performance.now() - startedAt);
    } while (performance.now() < end && !signal.aborted);
  };
  await Promise.all(Array.from({ length: load.concurrency }, line));
  samples.elapsed = performance.now() - begin;
  return samples;
}

/** Undefined for no values. */
export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle];
  return sorted.length === 0 ? undefined : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
