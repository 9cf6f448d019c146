import { isDeepStrictEqual } from 'node:util';
import {
  DharmaError,
  messageOf,
  systemClock,
  throwIfAborted,
  type ClusterStatus,
  type Logger,
  type Release,
  type ReleaseStore,
} from '../../common/index.js';
import type { SupervisorClient } from '../daemon/client.js';
import type { EdgeConfig } from '../daemon/protocol.js';
import type { ClusterStore } from '../state/cluster-store.js';
import type { ClusterDocument } from '../state/documents.js';
import type { AgentPort } from './agent-port.js';
import { edgeConfigOf } from './edge-config.js';
import { specOf, type SpecSurroundings } from './spec.js';

/** How often it looks by itself; whoever changes something nudges it. */
const TICK_MS = 500;

/** An agent that does not answer within this is looked at again on the next tick. */
const AGENT_DEADLINE_MS = 5000;

export interface ReconcilerOptions {
  readonly clusters: ClusterStore;
  readonly releases: ReleaseStore;
  readonly supervisor: Pick<SupervisorClient, 'state' | 'runAgent' | 'stopAgent' | 'configureEdge'>;
  readonly agent: (name: string) => AgentPort;
  readonly surroundings: Omit<SpecSurroundings, 'release'>;
  readonly log: Logger;
}

/**
 * Brings about what the database says of clusters and edge: agents run, know their spec, and the edge knows the
 * clusters. It can be ended and started anywhere; whatever was missed, the next tick sees.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #abort = new AbortController();
  readonly #statuses = new Map<string, ClusterStatus>();
  readonly #problems = new Map<string, string>();
  readonly #releases = new Map<string, Release>();
  #edge: EdgeConfig | undefined;
  #problem: string | undefined;
  #ticks = 0;
  #wake: (() => void) | undefined;
  #nudged = false;
  #afterTick: (() => void)[] = [];
  readonly #loop: Promise<void>;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#loop = this.#run();
  }

  /** What the agent said last; undefined while it does not answer. */
  status(name: string): ClusterStatus | undefined {
    return this.#statuses.get(name);
  }

  /** Why the last look did not get to its end, if it did not. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Looks again now. */
  nudge(): void {
    this.#nudged = true;
    this.#wake?.();
  }

  /**
   * Waits until `arrived` says so of the cluster's status. Only a status of the document's current generation counts.
   * Errors: the agent's own when it failed at that generation; CLUSTER_UNKNOWN; CLUSTER_TIMEOUT; the signal's reason.
   */
  async waitFor(
    name: string,
    arrived: (status: ClusterStatus) => boolean,
    signal: AbortSignal,
    deadlineMs: number,
  ): Promise<void> {
    const giveUpAt = systemClock.monotonic() + deadlineMs;
    for (;;) {
      // What was seen before may be of another cluster, which had the name and is gone.
      await this.tick(signal);
      const cluster = await this.#options.clusters.get(name);
      if (cluster === undefined) throw clusterUnknown(name);
      const status = this.#problem === undefined ? this.#statuses.get(name) : undefined;
      if (status !== undefined && status.generation >= cluster.generation) {
        if (arrived(status)) return;
        if (status.state === 'failed' && status.error !== undefined) throw new DharmaError(status.error);
      }
      if (systemClock.monotonic() > giveUpAt)
        throw clusterTimeout(name, this.#problems.get(name), deadlineMs);
    }
  }

  /** Waits for a whole look at everything that begins after this call: what was written before it is applied then. */
  async tick(signal: AbortSignal): Promise<void> {
    const wanted = this.#ticks + 2; // The one under way may have read before the write.
    while (this.#ticks < wanted) {
      throwIfAborted(signal);
      if (this.#abort.signal.aborted) throw this.#abort.signal.reason as Error;
      const looked = new Promise<void>((resolve) => this.#afterTick.push(resolve));
      this.nudge();
      await looked;
    }
  }

  async close(): Promise<void> {
    this.#abort.abort(new Error('reconciler closed'));
    this.#wake?.();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { log } = this.#options;
    while (!this.#abort.signal.aborted) {
      this.#nudged = false;
      try {
        await this.#look();
        this.#problem = undefined;
      } catch (error) {
        const problem = messageOf(error);
        if (problem !== this.#problem)
          log.warn({ error: problem }, 'could not bring about what is wanted; trying again');
        this.#problem = problem;
        this.#nudged = false; // A failing look must not spin.
        await systemClock.sleep(TICK_MS / 5);
      }
      this.#ticks += 1;
      for (const tell of this.#afterTick.splice(0)) tell();
      await this.#pause();
    }
  }

  async #pause(): Promise<void> {
    if (this.#nudged || this.#abort.signal.aborted) {
      // Agents converge in tenths of seconds: asking them more often than this tells nothing new.
      await systemClock.sleep(TICK_MS / 10);
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, TICK_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  async #look(): Promise<void> {
    const { clusters, supervisor } = this.#options;
    const [federation, wanted] = await Promise.all([clusters.federation(), clusters.list()]);
    const running = new Set((await supervisor.state()).agents.map((agent) => agent.name));
    const names = new Set(wanted.map((cluster) => cluster._id));
    for (const gone of [...this.#statuses.keys()].filter((name) => !names.has(name)))
      this.#statuses.delete(gone);
    for (const extra of [...running].filter((name) => !names.has(name))) await supervisor.stopAgent(extra);
    await Promise.all(wanted.map((cluster) => this.#lookAt(cluster, running.has(cluster._id))));
    const live = federation.live === null ? undefined : await this.#release(federation.live);
    await this.#configureEdge(edgeConfigOf(federation, wanted, this.#statuses, live));
  }

  async #configureEdge(config: EdgeConfig): Promise<void> {
    if (isDeepStrictEqual(config, this.#edge)) return;
    await this.#options.supervisor.configureEdge(config);
    this.#edge = config;
  }

  async #lookAt(cluster: ClusterDocument, running: boolean): Promise<void> {
    const { supervisor, agent, log } = this.#options;
    const name = cluster._id;
    try {
      if (!running && cluster.state === 'removing') return;
      if (!running) await supervisor.runAgent(name);
      const port = agent(name);
      const status = await port.status(AbortSignal.timeout(AGENT_DEADLINE_MS));
      this.#statuses.set(name, status);
      if (status.generation < cluster.generation) await this.#push(cluster, port);
      this.#problems.delete(name);
    } catch (error) {
      this.#statuses.delete(name);
      const problem = messageOf(error);
      // Said once: the next ticks would only repeat it.
      if (this.#problems.get(name) !== problem)
        log.warn({ cluster: name, error: problem }, 'agent not in reach');
      this.#problems.set(name, problem);
    }
  }

  async #push(cluster: ClusterDocument, port: AgentPort): Promise<void> {
    await Promise.all([cluster.active, ...cluster.warm].map((id) => this.#release(id)));
    const result = specOf(cluster, {
      ...this.#options.surroundings,
      release: (id) => this.#releases.get(id),
    });
    if ('missing' in result)
      throw new Error(`release ${result.missing.join(', ')} is not installed on this machine`);
    await port.putSpec(result.spec, AbortSignal.timeout(AGENT_DEADLINE_MS));
    this.#options.log.info({ cluster: cluster._id, generation: cluster.generation }, 'spec put');
  }

  async #release(id: string): Promise<Release | undefined> {
    const known = this.#releases.get(id) ?? (await this.#options.releases.get(id));
    if (known !== undefined) this.#releases.set(id, known);
    return known;
  }
}

export function clusterUnknown(name: string): DharmaError {
  return new DharmaError({
    code: 'CLUSTER_UNKNOWN',
    message: `there is no cluster "${name}"`,
    remedy: 'See the clusters there are with: federate status',
    httpStatus: 404,
  });
}

function clusterTimeout(name: string, problem: string | undefined, deadlineMs: number): DharmaError {
  return new DharmaError({
    code: 'CLUSTER_TIMEOUT',
    message: `cluster "${name}" did not get there within ${Math.round(deadlineMs / 1000)} s`,
    ...(problem === undefined ? {} : { found: problem }),
    remedy: `Look into its logs with: federate logs ${name}`,
    httpStatus: 504,
  });
}
