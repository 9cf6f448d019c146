import { isDeepStrictEqual } from 'node:util';
import { MongoError } from 'mongodb';
import {
  DharmaError,
  endpointName,
  messageOf,
  systemClock,
  systemCode,
  type Clock,
  type ClusterStatus,
  type Logger,
  type Release,
} from '../../common/index.js';
import type { EdgeCounts } from '../daemon/edge-counts.js';
import type { TuningSettings } from '../home/settings.js';
import type { Ledger } from '../spend/ledger.js';
import type { ClusterStore } from '../state/cluster-store.js';
import type { ClusterDocument, OperationDocument, UpgradeDocument } from '../state/documents.js';
import type { TuningStore } from '../state/tuning-store.js';
import { TuningMeter } from './meter.js';
import { withPoint } from './point.js';
import { busyWith, hourlyOf, tunedCluster } from './sight.js';
import { spaceOf } from './space.js';
import {
  edgeWeights,
  isDue,
  type TunedCluster,
  type TuningPolicy,
  type TuningState,
  type TuningStep,
} from './state.js';
import { tune, type Tuned } from './tune.js';

/** How often it looks: decisions of sizing are seconds apart at the least. */
const EVERY_MS = 1000;
/** How often while it is off and owes nothing: an order wakes it, and nobody else changes what it does. */
const IDLE_MS = 60_000;

export interface TunerOptions {
  readonly store: TuningStore;
  readonly clusters: ClusterStore;
  /** Read again each time, so that bounds can be changed while everything runs. */
  readonly settings: () => Promise<TuningSettings>;
  readonly status: (cluster: string) => ClusterStatus | undefined;
  readonly release: (id: string) => Promise<Release | undefined>;
  readonly counts: () => Promise<EdgeCounts>;
  readonly ledger: () => Promise<Ledger>;
  readonly upgrade: () => Promise<UpgradeDocument | undefined>;
  readonly operations: () => Promise<readonly OperationDocument[]>;
  /** Called when something has to be brought about. */
  readonly onChange: () => void;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly everyMs?: number;
}

/** What tuning knows and sees, for those who look at it. */
export interface TuningLook {
  readonly state: TuningState;
  readonly steps: readonly TuningStep[];
  readonly clusters: readonly TunedCluster[];
}

/**
 * Looks at clusters, has `tune` decide, writes down what it decided, and then brings that about: configs of clusters and
 * their shares of the edge's traffic. Killed anywhere, the next one goes on from what is written.
 */
export class Tuner {
  readonly #options: TunerOptions;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  #meter: TuningMeter | undefined;
  #problem: string | undefined;
  /** Looks, orders and whatever must not meet them, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #pause = new AbortController();
  readonly #loop: Promise<void>;

  constructor(options: TunerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#loop = this.#run();
  }

  /** Why it could not do its work when it last looked, if it could not. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Settles when it has come to its end: by `close()`, or rejected by a bug, which the process is to die of. */
  get ended(): Promise<void> {
    return this.#loop;
  }

  async look(): Promise<TuningLook> {
    const [{ state, steps }, { space }, clusters] = await Promise.all([
      this.#options.store.read(),
      this.#policy(),
      this.#options.clusters.list(),
    ]);
    return { state, steps, clusters: this.#seen(clusters, space) };
  }

  /** Has an order of the operator's change what is to be. Errors: the order's own. */
  order(give: (state: TuningState, now: number, clusters: readonly TunedCluster[]) => Tuned): Promise<void> {
    return this.apart(async () => {
      const { store, clusters } = this.#options;
      const [{ state, steps }, { space }, documents] = await Promise.all([
        store.read(),
        this.#policy(),
        clusters.list(),
      ]);
      const ordered = give(state, this.#clock.now(), this.#seen(documents, space));
      if (ordered.steps.length > 0) await store.write(ordered.state, [...steps, ...ordered.steps]);
      this.#pause.abort(new Error('ordered'));
    });
  }

  /** Does something while tuning changes nothing: what it reads of clusters and upgrades, no tuning makes outdated. */
  apart<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined); // Whoever asked hears of it; the next only waits.
    return turn;
  }

  async close(): Promise<void> {
    this.#abort.abort(new Error('closed'));
    await this.#loop;
    await this.#turn;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    const { log, everyMs = EVERY_MS } = this.#options;
    while (!signal.aborted) {
      this.#pause = new AbortController();
      const woken = AbortSignal.any([signal, this.#pause.signal]);
      let isIdle = false;
      try {
        isIdle = !(await this.apart(() => this.#look()));
        this.#problem = undefined;
      } catch (error) {
        if (signal.aborted) return;
        // A bug ends the federator, loudly, and it is started anew; what stores, servers and users cause passes.
        if (!isOfTheWorld(error)) throw error;
        const problem = `tuning: ${messageOf(error)}`;
        if (problem !== this.#problem) log.warn({ error: messageOf(error) }, 'could not tune; trying again');
        this.#problem = problem;
      }
      // Rejects only by an order, or by our own close().
      await this.#clock.sleep(isIdle ? IDLE_MS : everyMs, woken).catch(() => undefined);
    }
  }

  /** False while there is nothing to do. */
  async #look(): Promise<boolean> {
    const { store, clusters, log } = this.#options;
    const [{ state, steps }, documents] = await Promise.all([store.read(), clusters.list()]);
    if (!state.on && !documents.some((cluster) => this.#isOwed(state, cluster))) return false;
    const [policy, federation, upgrade, operations] = await Promise.all([
      this.#policy(),
      clusters.federation(),
      this.#options.upgrade(),
      this.#options.operations(),
    ]);
    const busy = busyWith(upgrade, operations);
    const seen = this.#seen(documents, policy.space);
    const now = this.#clock.now();
    const measured = await this.#measure(state, documents, now);
    const tuned = tune(
      state,
      {
        now,
        release: federation.live,
        clusters: seen,
        ...(busy === undefined ? {} : { busy }),
        ...(measured === undefined ? {} : { measured }),
      },
      policy,
    );
    if (!isDeepStrictEqual(tuned.state, state)) {
      for (const step of tuned.steps) log.info({ step }, 'tuning');
      await store.write(tuned.state, [...steps, ...tuned.steps]);
    }
    await this.#watch(tuned.state, federation.live, now);
    if (busy === undefined) await this.#bringAbout(tuned.state, documents, seen);
    return true;
  }

  /** What clusters did in the block that is being measured, where this process has watched it from its beginning. */
  async #measure(
    { trial }: TuningState,
    documents: readonly ClusterDocument[],
    now: number,
  ): Promise<{ since: number; samples: ReturnType<TuningMeter['samples']> } | undefined> {
    const meter = this.#meter;
    if (trial?.block.phase !== 'measuring' || meter?.since !== trial.block.since) return undefined;
    const { counts, ledger, status } = this.#options;
    const [seen, money] = await Promise.all([counts(), ledger()]);
    if (!meter.watch(now, seen, hourlyOf(documents, status, money))) return undefined;
    return { since: meter.since, samples: meter.samples() };
  }

  /** Watches a block that begins now. */
  async #watch({ trial }: TuningState, live: string | null, now: number): Promise<void> {
    if (trial?.block.phase !== 'measuring' || trial.block.since !== now) return;
    this.#meter = new TuningMeter(now, await this.#options.counts(), await this.#ignored(live));
  }

  /** A connection that lives for hours is no slow request. */
  async #ignored(live: string | null): Promise<ReadonlySet<string>> {
    const release = live === null ? undefined : await this.#options.release(live);
    const routes = release?.manifest.routes ?? [];
    return new Set(routes.filter((route) => route.class === 'realtime').map(endpointName));
  }

  async #bringAbout(
    state: TuningState,
    documents: readonly ClusterDocument[],
    seen: readonly TunedCluster[],
  ): Promise<void> {
    const { clusters, onChange } = this.#options;
    const weights = edgeWeights(state);
    let changed = false;
    for (const [i, document] of documents.entries()) {
      const { _id: name, generation, config } = document;
      const next = isDue(state, seen[i]!) ? withPoint(config, state.assigned[name]!) : undefined;
      if (next !== undefined) changed = (await clusters.configureFrom(name, generation, next)) || changed;
      const weight = weights[name] ?? 1;
      if ((document.weight ?? 1) !== weight) changed = (await clusters.setWeight(name, weight)) || changed;
    }
    if (changed) onChange();
  }

  /** Whether something is left to be brought about after tuning was turned off. */
  #isOwed(state: TuningState, document: ClusterDocument): boolean {
    if ((document.weight ?? 1) !== (edgeWeights(state)[document._id] ?? 1)) return true;
    const [seen] = this.#seen([document], state.space);
    return isDue(state, seen!);
  }

  #seen(documents: readonly ClusterDocument[], space: TuningPolicy['space']): TunedCluster[] {
    return documents.map((document) => tunedCluster(document, this.#options.status(document._id), space));
  }

  async #policy(): Promise<TuningPolicy> {
    const settings = await this.#options.settings();
    return { space: spaceOf(settings), alpha: settings.alpha, costWeight: settings.costWeight };
  }
}

/** Not a bug of ours: somebody can cause it, or the system. */
function isOfTheWorld(error: unknown): boolean {
  return error instanceof DharmaError || error instanceof MongoError || systemCode(error) !== undefined;
}
