import type { Point, Space } from '../../federator/tuning/point.js';
import {
  isDue,
  newTuning,
  type TunedCluster,
  type TuningPolicy,
  type TuningState,
} from '../../federator/tuning/state.js';
import { tune } from '../../federator/tuning/tune.js';
import { turnOn } from '../../federator/tuning/orders.js';
import type { Sample } from '../../federator/tuning/loss.js';
import type { TuningStep } from '../../federator/tuning/state.js';
import { randomOf } from '../sizing/traces.js';

/** What a config does, as factors of the cost per request and of the time to answer. */
export type Effect = (point: Point) => { readonly cost: number; readonly wait: number };

export interface WorldOptions {
  readonly clusters: readonly { readonly name: string; readonly point: Point; readonly slower?: number }[];
  readonly effect: Effect;
  readonly space: Space;
  readonly alpha: number;
  readonly costWeight: number;
  /** How much a cluster's log time to answer varies by itself from minute to minute, and for how long a deviation lasts, s. */
  readonly noise: number;
  readonly memorySeconds: number;
  readonly hours: number;
  readonly seed: number;
}

export interface Ran {
  readonly steps: readonly TuningStep[];
  readonly state: TuningState;
  /** Mean over time and clusters of the loss above the least that the space has (see `leastLoss`). */
  readonly regret: number;
  /** Hours until the best config found is within 2% of the least loss, in ratio; undefined: never. */
  readonly hoursToBest: number | undefined;
}

/** Time passes in steps of so many seconds. */
const STEP_S = 30;
const READY_MS = 20_000;

/**
 * Clusters whose configs have known effects, under a day's rhythm, with noise that lasts over blocks, run by the very core
 * that tunes a federation. A config's effect comes by and by, within one of its own intervals.
 */
export function run(options: WorldOptions): Ran {
  const { clusters, effect, space, alpha, costWeight, noise, memorySeconds, hours, seed } = options;
  const random = randomOf(seed);
  const policy: TuningPolicy = { space, alpha, costWeight };
  const least = leastLoss(options);
  const lossOf = (point: Point): number => lossAt(effect(point), costWeight);
  let state = turnOn(newTuning(`seed ${seed}`), 0).state;
  let points = new Map(clusters.map(({ name, point }) => [name, point]));
  const felt = new Map(clusters.map(({ name, point }) => [name, effect(point)]));
  const drift = new Map(clusters.map(({ name }) => [name, 0]));
  const steps: TuningStep[] = [];
  let [sums, watchedSince] = [empty(clusters), 0];
  let [regret, hoursToBest] = [0, undefined as number | undefined];
  const keep = Math.exp(-STEP_S / memorySeconds);
  for (let second = 0; second < hours * 3600; second += STEP_S) {
    const load = 100 * (1 + 0.5 * Math.sin((2 * Math.PI * second) / 86_400));
    for (const { name, slower = 0 } of clusters) {
      const point = points.get(name)!;
      const [now, before] = [effect(point), felt.get(name)!];
      const share = Math.exp(-STEP_S / ((point.reconfigure ?? 60_000) / 1000));
      const after = {
        cost: now.cost + (before.cost - now.cost) * share,
        wait: now.wait + (before.wait - now.wait) * share,
      };
      felt.set(name, after);
      const deviation = drift.get(name)! * keep + noise * Math.sqrt(1 - keep ** 2) * normal(random);
      drift.set(name, deviation);
      const requests = Math.max(1, Math.round((load * STEP_S) / clusters.length));
      const ms = 40 * after.wait * Math.exp(deviation + slower);
      add(sums.get(name)!, requests, ms, after.cost * requests);
      regret += lossAt(after, costWeight) - least;
    }
    const now = (second + STEP_S) * 1000;
    const seen = [...points].map(([name, point]): TunedCluster => ({
      name,
      point,
      standing: 'converged',
      reconfigureMs: point.reconfigure ?? 60_000,
      readyMs: READY_MS,
    }));
    const measured = { since: watchedSince, samples: samplesOf(sums) };
    const tuned = tune(state, { now, release: 'r1', clusters: seen, measured }, policy);
    state = tuned.state;
    steps.push(...tuned.steps);
    const { trial, search } = state;
    if (trial?.block.phase === 'measuring' && trial.block.since !== watchedSince)
      [sums, watchedSince] = [empty(clusters), trial.block.since];
    points = new Map(
      seen.map((cluster) => [
        cluster.name,
        isDue(state, cluster) ? state.assigned[cluster.name]! : cluster.point,
      ]),
    );
    if (hoursToBest === undefined && search !== undefined && lossOf(search.best) - least < 0.02)
      hoursToBest = second / 3600;
  }
  return { steps, state, regret: regret / ((hours * 3600) / STEP_S) / clusters.length, hoursToBest };
}

function lossAt(
  { cost, wait }: { readonly cost: number; readonly wait: number },
  costWeight: number,
): number {
  return costWeight * Math.log(cost) + (1 - costWeight) * Math.log(wait);
}

/** The least loss among a fine grid of the space. */
export function leastLoss({
  effect,
  space,
  costWeight,
}: Pick<WorldOptions, 'effect' | 'space' | 'costWeight'>): number {
  const grids = Object.entries(space).map(([key, dimension]) =>
    dimension.kind === 'list'
      ? dimension.values.map((value) => [key, value] as const)
      : Array.from(
          { length: 60 },
          (_, i) => [key, dimension.least * (dimension.most / dimension.least) ** (i / 59)] as const,
        ),
  );
  const all = grids.reduce<(readonly (readonly [string, unknown])[])[]>(
    (points, grid) => points.flatMap((point) => grid.map((entry) => [...point, entry])),
    [[]],
  );
  return Math.min(...all.map((entries) => lossAt(effect(Object.fromEntries(entries) as Point), costWeight)));
}

interface Sums {
  requests: number;
  sumMs: number;
  cost: number;
  steps: number;
}

function empty(clusters: WorldOptions['clusters']): Map<string, Sums> {
  return new Map(clusters.map(({ name }) => [name, { requests: 0, sumMs: 0, cost: 0, steps: 0 }]));
}

function add(sums: Sums, requests: number, ms: number, cost: number): void {
  sums.requests += requests;
  sums.sumMs += requests * ms;
  sums.cost += cost;
  sums.steps += 1;
}

function samplesOf(sums: ReadonlyMap<string, Sums>): Map<string, Sample> {
  return new Map(
    [...sums]
      .filter(([, { steps }]) => steps > 0)
      .map(([name, { requests, sumMs, cost, steps }]) => [
        name,
        { hourly: cost / steps, errors: 0, endpoints: { 'GET /': { count: requests, sumMs } } },
      ]),
  );
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
