import { DharmaError } from '../../common/index.js';
import { difference, samePoint, type Point } from './point.js';
import {
  assign,
  without,
  type StepKind,
  type TunedCluster,
  type TuningState,
  type TuningStep,
} from './state.js';
import type { Tuned } from './tune.js';

/** What the operator can order of tuning. Each is one step, and each can be ordered back. Pure. */

type Clusters = readonly Pick<TunedCluster, 'name' | 'point'>[];

export function turnOn(state: TuningState, now: number): Tuned {
  if (state.on) return { state, steps: [] };
  // What clusters have now is where it begins.
  const rest = without(state, 'trial', 'search', 'restUntil');
  const on = { ...rest, on: true, tuned: [], original: {}, assigned: {}, had: {}, earlier: [] };
  return stepped(on, now, 'on', 'tuning is on', 'the operator said so');
}

/** `restore`: clusters get back what they had before they were tuned; else all get the best config found. */
export function turnOff(state: TuningState, now: number, clusters: Clusters, restore: boolean): Tuned {
  if (!state.on) return { state, steps: [] };
  const rest = without(state, 'trial', 'restUntil');
  const points = pointsFor(state.tuned, (name) => (restore ? state.original[name] : state.search?.best));
  const off = assign({ ...rest, on: false, weights: {} }, points, clusters);
  const what = restore ? 'clusters get back the configs they had' : 'clusters have the best config found';
  return stepped(off, now, 'off', what, 'the operator said so');
}

/** A cluster that is pinned gets back the config it had before it was tuned, and keeps it. */
export function pin(state: TuningState, now: number, clusters: Clusters, cluster: string): Tuned {
  if (state.pinned.includes(cluster)) return { state, steps: [] };
  const points = pointsFor([cluster], (name) => (state.on ? state.original[name] : undefined));
  const original = Object.fromEntries(Object.entries(state.original).filter(([name]) => name !== cluster));
  const pinned = { ...state, original, pinned: [...state.pinned, cluster].sort() };
  return stepped(assign(pinned, points, clusters), now, 'pinned', cluster, 'the operator said so');
}

export function unpin(state: TuningState, now: number, cluster: string): Tuned {
  if (!state.pinned.includes(cluster)) return { state, steps: [] };
  const pinned = state.pinned.filter((name) => name !== cluster);
  return stepped({ ...state, pinned }, now, 'unpinned', cluster, 'the operator said so');
}

/** Takes the last config that was taken back, and never tries it again. Error: TUNING_NOTHING_TAKEN. */
export function undo(state: TuningState, now: number, clusters: Clusters): Tuned {
  const last = state.earlier.at(-1);
  const rest = without(state, 'trial', 'restUntil');
  const { search } = state;
  if (last === undefined || search === undefined) throw nothingTaken();
  const isConfig = !samePoint(search.best, last.point);
  const refused = isConfig ? [...search.refused, search.best] : search.refused;
  const next = {
    ...rest,
    search: { ...search, best: last.point, keys: {}, refused },
    weights: last.weights,
    weightsTried: [...state.weightsTried, state.weights],
    earlier: state.earlier.slice(0, -1),
  };
  const points = pointsFor(state.tuned, () => last.point);
  const what = isConfig ? difference(search.best, last.point) : 'shares of traffic as they were before';
  return stepped(
    assign(next, points, clusters),
    now,
    'undone',
    what,
    `the operator took back step ${last.step}`,
  );
}

function pointsFor(names: readonly string[], of: (name: string) => Point | undefined): Record<string, Point> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const point = of(name);
      return point === undefined ? [] : [[name, point] as const];
    }),
  );
}

function stepped(state: TuningState, at: number, kind: StepKind, what: string, because: string): Tuned {
  const step: TuningStep = { id: state.steps + 1, at, kind, what, because };
  return { state: { ...state, steps: step.id }, steps: [step] };
}

function nothingTaken(): DharmaError {
  return new DharmaError({
    code: 'TUNING_NOTHING_TAKEN',
    message: 'tuning has taken no config that could be taken back',
    remedy: 'See what it did with: federate tuning status',
    httpStatus: 409,
  });
}
