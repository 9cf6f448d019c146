import { samePoint, type Point, type Space } from './point.js';
import type { Search } from './search.js';
import type { Trial } from './trial.js';
import type { Sample } from './loss.js';
import type { Baselines, Weights } from './weights.js';

/** All that tuning remembers: plain data, bounded; written down before anything of it is brought about. */
export interface TuningState {
  readonly on: boolean;
  /** Of all draws; made once. */
  readonly seed: string;
  /** What is learned is learned of one release, under one space. */
  readonly release: string | null;
  readonly space: Space;
  /** Absent before there were clusters to begin with. */
  readonly search?: Search;
  readonly trial?: Trial;
  /** Trials so far, and those since a challenger was last taken: they share the error rate. */
  readonly trials: number;
  readonly sinceTaken: number;
  /** Until when nothing is tried, because nothing was left to try; ms since 1970. */
  readonly restUntil?: number;
  /** When the search began, ms since 1970: what it took says how long it rests. */
  readonly searchSince: number;
  readonly baselines: Baselines;
  /** Shares of traffic, and those that were tried and not taken. */
  readonly weights: Weights;
  readonly weightsTried: readonly Weights[];
  /** Clusters that are tuned, by name. */
  readonly tuned: readonly string[];
  /** What each cluster is to have, and what it had before that: whatever else it has is the operator's word. */
  readonly assigned: Readonly<Record<string, Point>>;
  readonly had: Readonly<Record<string, Point>>;
  /** What clusters had before they were tuned. */
  readonly original: Readonly<Record<string, Point>>;
  /** Clusters whose config the operator wants left alone. */
  readonly pinned: readonly string[];
  /** Why nothing is done now. */
  readonly hold?: string;
  /** What was best before what is now, the last one last: what can be taken back. */
  readonly earlier: readonly { readonly point: Point; readonly weights: Weights; readonly step: number }[];
  readonly steps: number;
}

export type StepKind =
  | 'on'
  | 'off'
  | 'began'
  | 'trial'
  | 'taken'
  | 'dropped'
  | 'undecided'
  | 'impossible'
  | 'rest'
  | 'undone'
  | 'pinned'
  | 'unpinned';

/** One thing that tuning did, for people and for taking it back. */
export interface TuningStep {
  readonly id: number;
  readonly at: number;
  readonly kind: StepKind;
  readonly what: string;
  readonly because: string;
}

/** A cluster as tuning sees it. */
export interface TunedCluster {
  readonly name: string;
  readonly point: Point;
  /** Why its config must not be touched; undefined: it may be tuned. */
  readonly notTuned?: string;
  /** Whether what it was told last is brought about; or that it cannot be. */
  readonly standing: 'converged' | 'converging' | 'failed';
  /** How often its size is decided, ms. */
  readonly reconfigureMs: number;
  /** How long its nodes take to be ready, ms; 0 where nobody knows. */
  readonly readyMs: number;
}

export interface TuningSight {
  readonly now: number;
  readonly release: string | null;
  readonly clusters: readonly TunedCluster[];
  /** Why configs must not be touched at all now: an upgrade, a deploy. */
  readonly busy?: string;
  /** What clusters did since `since`; absent where nobody has watched since then. */
  readonly measured?: { readonly since: number; readonly samples: ReadonlyMap<string, Sample> };
}

export interface TuningPolicy {
  readonly space: Space;
  /** Chance that a config, or a cluster's share of traffic, is ever changed for the better of nothing. */
  readonly alpha: number;
  /** What a ratio of cost is worth against a ratio of the time to answer, 0..1. */
  readonly costWeight: number;
}

export function newTuning(seed: string): TuningState {
  return {
    on: false,
    seed,
    release: null,
    space: {},
    trials: 0,
    sinceTaken: 0,
    searchSince: 0,
    baselines: {},
    weights: {},
    weightsTried: [],
    tuned: [],
    assigned: {},
    had: {},
    original: {},
    pinned: [],
    earlier: [],
    steps: 0,
  };
}

/**
 * The state in which clusters are to have these points. What one has now is noted: where it has something else by the time
 * that it is given its point, somebody else was faster, and nothing is given. Pure.
 */
export function assign(
  state: TuningState,
  points: Readonly<Record<string, Point>>,
  clusters: readonly Pick<TunedCluster, 'name' | 'point'>[],
): TuningState {
  const [assigned, had] = [{ ...state.assigned }, { ...state.had }];
  for (const { name, point } of clusters) {
    const wanted = points[name];
    if (wanted === undefined) continue;
    const told = assigned[name];
    if (told === undefined || !samePoint(told, wanted)) had[name] = point;
    assigned[name] = wanted;
  }
  return { ...state, assigned, had };
}

/** Shares of the edge's traffic as they are to be now. Pure. */
export function edgeWeights({ on, trial, weights }: TuningState): Weights {
  if (!on) return {};
  const isTried = trial?.subject.kind === 'weights' && trial.block.challenging.length > 0;
  return isTried ? trial.subject.weights : weights;
}

/** Whether a cluster is to be given its point: it has what it had when that was decided. Pure. */
export function isDue(
  { assigned, had }: TuningState,
  { name, point }: Pick<TunedCluster, 'name' | 'point'>,
): boolean {
  const [wanted, before] = [assigned[name], had[name]];
  return (
    wanted !== undefined && before !== undefined && !samePoint(point, wanted) && samePoint(point, before)
  );
}

/** The object without some of its optional fields. */
export function without<T extends object, K extends OptionalKeys<T>>(object: T, ...fields: readonly K[]): T {
  const copy = { ...object };
  for (const field of fields) delete copy[field];
  return copy;
}

type OptionalKeys<T> = {
  [K in keyof T]-?: undefined extends Pick<T, K>[K] ? K : object extends Pick<T, K> ? K : never;
}[keyof T];
