import type {
  ClusterSpec,
  ClusterStatus,
  DharmaError,
  DharmaErrorJson,
  NodeStatus,
  Release,
} from '../../common/index.js';
import { Fleet, type FleetOptions } from './fleet.js';
import { groupKey } from './group.js';
import { plan, type GroupKey } from './plan.js';

type WorkersOptions = Omit<FleetOptions, 'test'>;

/**
 * A cluster's workers: nodes that take tasks and get no requests, of the release that serves and no other: one that is only
 * rehearsed or kept warm must not touch live's tasks. They are nodes in everything else: started, watched and started again
 * by the same fleet. The owner must `close()` it.
 */
export class Workers {
  readonly #fleet: Fleet;
  #group: GroupKey | undefined;
  #count = 0;

  constructor(options: WorkersOptions) {
    // A worker that listens has reached its stores and takes tasks: there is nothing more to test from outside.
    this.#fleet = new Fleet({
      ...options,
      test: (_release, _target, passed) => Promise.resolve(passed()),
    });
  }

  /** Makes the workers those of `serving`, as many as are wanted; the ones before go when these are ready. */
  async reconcile(
    spec: ClusterSpec,
    serving: Release | undefined,
    wanted: WorkersWanted,
    signal: AbortSignal,
  ): Promise<void> {
    if (serving === undefined) return;
    const release = asWorker(serving);
    const count = release === undefined ? 0 : wanted.count;
    const { config } = spec;
    // Classes are of nodes that get requests.
    const told = {
      ...spec,
      config: { ...config, nodeClasses: undefined, env: { ...config.env, DHARMA_ROLE: 'worker' } },
    };
    const active = groupKey(told, release ?? serving);
    const before = this.#group;
    this.#count = count;
    const next = plan({ active, warm: [], count, spares: 0, serving: before, nodes: this.#fleet.planned });
    this.#group = next.serving;
    for (const name of next.retire) this.#fleet.retire(name);
    if (release !== undefined)
      for (const start of next.start)
        await this.#fleet.grow(told, release, start.count, wanted.settleFor, signal);
    this.#fleet.record(spec.recordOutbound);
    this.#fleet.stopRetired([], spec.config.drainTimeout);
  }

  /** How many of them run the release that serves, ready or coming. */
  get standingNow(): { readonly ready: number; readonly coming: number } {
    const own = this.#fleet.planned.filter(({ group }) => group === this.#group);
    const count = (states: readonly string[]): number =>
      own.filter(({ state }) => states.includes(state)).length;
    return { ready: count(['ready']), coming: count(['starting', 'testing']) };
  }

  /** Whether the worker on that host runs. */
  answers(hostId: string): boolean {
    return this.#fleet.answers(hostId);
  }

  /** Hosts that are not there any more: their workers are not wanted. */
  lose(hostIds: readonly string[]): void {
    this.#fleet.lose(hostIds);
  }

  /** For `withWorkers`. */
  get standing(): WorkersStanding {
    return { count: this.#count, workers: this.#fleet.statuses };
  }

  /** Lets each finish its task for `deadlineMs`; what is cut short others take over. */
  async close(deadlineMs: number): Promise<void> {
    await this.#fleet.close(deadlineMs);
  }
}

export interface WorkersWanted {
  readonly count: number;
  /** Money stopped growth at so many: whether to go on with them. */
  readonly settleFor: (have: number, error: DharmaError) => boolean;
}

export interface WorkersStanding {
  /** How many there are to be. */
  readonly count: number;
  readonly workers: readonly { readonly status: NodeStatus; readonly error?: DharmaErrorJson }[];
}

/** The status with the workers: a cluster has converged when they have. Pure. */
export function withWorkers(status: ClusterStatus, { count, workers }: WorkersStanding): ClusterStatus {
  if (count === 0 && workers.length === 0) return status;
  const error = status.error ?? workers.find((worker) => worker.error !== undefined)?.error;
  const isComplete = workers.length === count && workers.every(({ status: { state } }) => state === 'ready');
  return {
    ...status,
    state:
      error !== undefined
        ? 'failed'
        : status.state === 'converged' && !isComplete
          ? 'converging'
          : status.state,
    ...(error === undefined ? {} : { error }),
    workers: workers.map((worker) => worker.status),
  };
}

/** The release as a worker is started from it; undefined where the app has none. Pure. */
export function asWorker(release: Release): Release | undefined {
  const { health, worker, ...manifest } = release.manifest;
  if (worker === undefined) return undefined;
  // The library answers any path; a command of the worker's own need not know the app's.
  const own = worker.command === undefined ? {} : { command: worker.command };
  return {
    ...release,
    manifest: { ...manifest, worker, ...own, ...(health === undefined ? {} : { health: { path: '/' } }) },
  };
}
