import { isDeepStrictEqual } from 'node:util';
import { formatDuration } from '../../common/index.js';
import { answered, lossesOf } from './loss.js';
import { holdOf, tunedOf } from './hold.js';
import { intoSpace, samePoint, type Point } from './point.js';
import { learned, newSearch, nextChallenger, type Outcome } from './search.js';
import {
  assign,
  edgeWeights,
  isDue,
  without,
  type StepKind,
  type TunedCluster,
  type TuningPolicy,
  type TuningSight,
  type TuningState,
  type TuningStep,
} from './state.js';
import {
  blockOf,
  conclusionOf,
  failsMore,
  judgedConfigs,
  judgedWeights,
  newTrial,
  type Subject,
  type Trial,
} from './trial.js';
import { nextBaselines, nextWeights, withoutBaselines } from './weights.js';
import { gainText, reasonOf, whatOf } from './words.js';

/** Decisions of sizing that a change of config takes until it shows in what is measured: one is made under it, one after. */
const TICKS_TO_SETTLE = 2;

/** Best points that can be taken back, one after the other. */
const MOST_EARLIER = 20;

const STEP_OF: Readonly<Record<Outcome, StepKind>> = {
  better: 'taken',
  worse: 'dropped',
  undecided: 'undecided',
  impossible: 'impossible',
};

export interface Tuned {
  readonly state: TuningState;
  readonly steps: readonly TuningStep[];
}

/**
 * What each cluster is to run from now on, and why: a function of what is remembered and seen. Called often; it acts when
 * something is due. What it decides is in the state: `assigned` and `weights`. Pure.
 */
export function tune(before: TuningState, sight: TuningSight, policy: TuningPolicy): Tuned {
  const run = new Tuning(before, sight, policy);
  return run.next();
}

/** Points, blocks and all that wait for one decision; the steps it makes are collected on the way. */
class Tuning {
  #state: TuningState;
  readonly #sight: TuningSight;
  readonly #policy: TuningPolicy;
  readonly #steps: TuningStep[] = [];

  constructor(state: TuningState, sight: TuningSight, policy: TuningPolicy) {
    this.#state = state;
    this.#sight = sight;
    this.#policy = policy;
  }

  next(): Tuned {
    const hold = holdOf(this.#state, this.#sight, this.#policy.space);
    if (hold !== undefined) this.#pause(hold);
    else {
      this.#resume();
      this.#settleWhatIsTuned();
      if (this.#state.trial === undefined) this.#beginTrial();
      else this.#goOn(this.#state.trial);
    }
    return { state: this.#state, steps: this.#steps };
  }

  /** Nothing is changed while there is a reason to hold. */
  #pause(hold: string): void {
    if (this.#state.hold !== hold) this.#state = { ...this.#state, hold };
  }

  /** What was under way before is measured again from its beginning. */
  #resume(): void {
    if (this.#state.hold === undefined) return;
    this.#state = without(this.#state, 'hold');
    if (this.#state.trial !== undefined) this.#block(this.#state.trial, 'settling');
  }

  #tuned(): readonly TunedCluster[] {
    return tunedOf(this.#state, this.#sight);
  }

  /** Another release, space or config of the operator's makes what was learned void; clusters come and go. */
  #settleWhatIsTuned(): void {
    const { release, space, search } = this.#state;
    const changed = this.#changedByOperator();
    const [first] = changed;
    if (search === undefined) this.#beginSearch(this.#tuned()[0], 'tuning was turned on');
    else if (!isDeepStrictEqual(space, this.#policy.space))
      this.#beginSearch(undefined, 'the settings changed');
    else if (first !== undefined)
      this.#beginSearch(
        first,
        `the operator changed the config of ${changed.map(({ name }) => name).join(', ')}`,
      );
    else if (release !== this.#sight.release) this.#beginSearch(undefined, 'another release is live');
    const names = [...this.#names()].sort();
    const { trial, tuned, original } = this.#state;
    if (isDeepStrictEqual(tuned, names)) return;
    const points = Object.fromEntries(this.#tuned().map(({ name, point }) => [name, point]));
    this.#state = {
      ...this.#state,
      tuned: names,
      original: { ...points, ...original },
      baselines: {},
      weightsTried: [],
    };
    if (trial === undefined) this.#assign();
    else this.#nextBlock(trial, trial.block.index);
  }

  #changedByOperator(): readonly TunedCluster[] {
    return this.#tuned().filter((cluster) => {
      const wanted = this.#state.assigned[cluster.name];
      const isKnown = this.#state.tuned.includes(cluster.name) && wanted !== undefined;
      return isKnown && !samePoint(cluster.point, wanted) && !isDue(this.#state, cluster);
    });
  }

  /** `from`: the cluster whose config is the one to beat; absent: the best so far stays that. What others have is tried first. */
  #beginSearch(from: TunedCluster | undefined, because: string): void {
    const { space } = this.#policy;
    const known = from?.point ?? { ...this.#tuned()[0]!.point, ...this.#state.search!.best };
    const best = intoSpace(known, space);
    const own = this.#tuned().map(({ name, point }) => ({ cluster: name, point: intoSpace(point, space) }));
    const state = without(this.#state, 'trial', 'restUntil');
    this.#state = {
      ...state,
      release: this.#sight.release,
      space,
      search: newSearch(best, own, space),
      searchSince: this.#sight.now,
      sinceTaken: 0,
      tuned: [],
      ...(from === undefined
        ? {}
        : { earlier: [], original: { ...state.original, [from.name]: from.point } }),
    };
    const with_ = from === undefined ? 'the best config so far' : `the config of ${from.name}`;
    this.#step('began', `from ${with_}`, because);
  }

  #beginTrial(): void {
    const { trials, sinceTaken, seed } = this.#state;
    const subject = this.#nextSubject();
    if (subject === undefined) return;
    // Trials share the error rate: all that there may ever be, until one is taken.
    const share = this.#policy.alpha / ((sinceTaken + 1) * (sinceTaken + 2));
    const block = blockOf(seed, { id: trials, subject }, 0, this.#names(), this.#sight.now);
    this.#state = {
      ...this.#state,
      trial: newTrial(trials, subject, share, block),
      trials: trials + 1,
      sinceTaken: sinceTaken + 1,
    };
    this.#assign();
    this.#step('trial', whatOf(subject, this.#state), reasonOf(subject));
  }

  /** Shares of traffic where clusters show to be unequal, else another config; undefined: nothing now. */
  #nextSubject(): Subject | undefined {
    const { weights, baselines, weightsTried, restUntil, search, seed, trials, searchSince } = this.#state;
    const { now } = this.#sight;
    const shares = nextWeights(weights, baselines, this.#names(), weightsTried);
    if (shares !== undefined) return { kind: 'weights', weights: shares };
    if (restUntil !== undefined) {
      if (now < restUntil) return undefined;
      const state = without(this.#state, 'restUntil');
      this.#state = { ...state, search: { ...search!, keys: {} }, searchSince: now };
    }
    const challenger = nextChallenger(this.#state.search!, this.#policy.space, `${seed}\n${trials}`);
    if (challenger === undefined) this.#rest(now - searchSince);
    if (challenger === undefined) return undefined;
    const { point, origin, search: within } = challenger;
    this.#state = { ...this.#state, search: within };
    return { kind: 'config', point, origin };
  }

  /** What is best now may not be for ever: it is looked for again, and that takes at most half of the time. */
  #rest(searchedMs: number): void {
    this.#state = { ...this.#state, restUntil: this.#sight.now + searchedMs };
    this.#step(
      'rest',
      `for ${formatDuration(searchedMs)}`,
      'no step from the best config is left to try; resting as long as the search took',
    );
  }

  #goOn(trial: Trial): void {
    const { block } = trial;
    const failed = this.#tuned().find(
      ({ name, standing }) => standing === 'failed' && block.challenging.includes(name),
    );
    if (failed !== undefined) {
      this.#end(trial, 'impossible', `${failed.name} cannot bring it about`);
      return;
    }
    if (block.phase === 'settling') {
      if (this.#isSettled(trial)) this.#block(trial, 'measuring');
      return;
    }
    const { measured, now } = this.#sight;
    if (measured === undefined || measured.since !== block.since) {
      // Whoever watched is gone: this block's time begins again.
      this.#block(trial, 'measuring');
      return;
    }
    const fails = failsMore(trial, measured.samples, this.#policy.alpha);
    if (fails !== undefined) {
      this.#end(trial, 'worse', fails);
      return;
    }
    if (now - block.since >= this.#settleMs(trial)) this.#judge(trial);
  }

  #judge(trial: Trial): void {
    const { alpha, costWeight } = this.#policy;
    const names = this.#names();
    const all = new Map(
      names.flatMap((name) => {
        const sample = this.#sight.measured!.samples.get(name);
        return sample === undefined ? [] : [[name, sample] as const];
      }),
    );
    // Without an answer from each there is nothing to compare: it goes on measuring until there is.
    if (all.size < names.length || [...all.values()].some((sample) => answered(sample) === 0)) return;
    const losses = lossesOf(all, costWeight);
    if (losses === undefined) return;
    const { baselines } = this.#state;
    const after =
      trial.subject.kind === 'config'
        ? judgedConfigs(trial, withoutBaselines(losses, baselines))
        : judgedWeights(trial, all, costWeight);
    this.#state = { ...this.#state, baselines: nextBaselines(baselines, losses) };
    const conclusion = conclusionOf(after, alpha);
    if (conclusion === undefined) this.#nextBlock(after, trial.block.index + 1);
    else this.#end(after, conclusion.outcome, `${conclusion.because}; ${gainText(after)}`);
  }

  #end({ subject }: Trial, outcome: Outcome, because: string): void {
    const what = whatOf(subject, this.#state);
    const state = without(this.#state, 'trial');
    const { search, weights, weightsTried, earlier } = state;
    const undone = { point: search!.best, weights, step: state.steps + 1 };
    const isTaken = outcome === 'better';
    this.#state = {
      ...state,
      ...(isTaken ? { sinceTaken: 0, earlier: [...earlier, undone].slice(-MOST_EARLIER) } : {}),
      ...(subject.kind === 'config'
        ? { search: learned(search!, this.#policy.space, subject, outcome) }
        : isTaken
          ? { weights: subject.weights, weightsTried: [], baselines: {} }
          : { weightsTried: [...weightsTried, subject.weights].slice(-MOST_EARLIER) }),
    };
    this.#assign();
    this.#step(STEP_OF[outcome], what, because);
  }

  #nextBlock(trial: Trial, index: number): void {
    const { seed } = this.#state;
    const { now } = this.#sight;
    const block = blockOf(seed, trial, index, this.#names(), now);
    this.#state = { ...this.#state, trial: { ...trial, block } };
    const before = [this.#state.assigned, edgeWeights({ ...this.#state, trial })];
    this.#assign();
    // Where nobody's config changes there is nothing to settle.
    if (isDeepStrictEqual(before, [this.#state.assigned, edgeWeights(this.#state)]) && this.#isConverged())
      this.#block(this.#state.trial!, 'measuring');
  }

  #block(trial: Trial, phase: Trial['block']['phase']): void {
    this.#state = {
      ...this.#state,
      trial: { ...trial, block: { ...trial.block, phase, since: this.#sight.now } },
    };
  }

  #isConverged(): boolean {
    return this.#tuned().every(
      ({ name, point, standing }) =>
        standing === 'converged' && samePoint(point, this.#state.assigned[name]!),
    );
  }

  #isSettled(trial: Trial): boolean {
    return this.#isConverged() && this.#sight.now - trial.block.since >= this.#settleMs(trial);
  }

  /** How long a change takes to show, by what is slowest in it; and how long it is measured then. */
  #settleMs(trial: Trial): number {
    const { subject } = trial;
    const points = [this.#state.search!.best, ...(subject.kind === 'config' ? [subject.point] : [])];
    const slowest = Math.max(
      ...points.map(({ reconfigure }) => reconfigure ?? 0),
      ...this.#tuned().map(({ reconfigureMs }) => reconfigureMs),
    );
    const ready = Math.max(...this.#tuned().map(({ readyMs }) => readyMs));
    return TICKS_TO_SETTLE * slowest + ready;
  }

  #assign(): void {
    const { search, trial } = this.#state;
    const points = Object.fromEntries(
      this.#names().map((name): [string, Point] => [
        name,
        trial?.subject.kind === 'config' && trial.block.challenging.includes(name)
          ? trial.subject.point
          : search!.best,
      ]),
    );
    this.#state = assign(this.#state, points, this.#tuned());
  }

  #names(): readonly string[] {
    return this.#tuned().map(({ name }) => name);
  }

  #step(kind: StepKind, what: string, because: string): void {
    const id = this.#state.steps + 1;
    this.#state = { ...this.#state, steps: id };
    this.#steps.push({ id, at: this.#sight.now, kind, what, because });
  }
}
