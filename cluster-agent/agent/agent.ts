import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  DharmaError,
  messageOf,
  nextBackoff,
  systemClock,
  type AppLauncher,
  type Backoff,
  type Clock,
  type ClusterSpec,
  type ClusterStatus,
  type DharmaErrorJson,
  type Logger,
  type Release,
} from '../../common/index.js';
import { LocalProvider } from '../provider/local.js';
import { notBuiltYet } from '../provider/provider.js';
import { NodeCaller } from '../routetest/caller.js';
import { measureRoutes, type Measurement } from '../routetest/measure.js';
import { runRouteTests } from '../routetest/run.js';
import { CallBroadcast } from './call-broadcast.js';
import { Fleet } from './fleet.js';
import { Front } from './front.js';
import { groupKey } from './group.js';
import { readLogs, type NodeLog } from './logs.js';
import { plan, type GroupKey } from './plan.js';
import { proxySettings } from './proxy-settings.js';
import { readState, writeState } from './state-file.js';
import { clusterStatus, type Serving } from './status.js';

export interface AgentOptions {
  readonly name: string;
  /** The cluster's folder: state, logs, working copies, sockets. */
  readonly dir: string;
  readonly launcher: AppLauncher;
  readonly log: Logger;
  readonly clock?: Clock;
  /** How nodes are restarted. */
  readonly backoff?: Backoff;
}

/** Between attempts at what the system refused (a port that is taken, say), ms. */
const RETRY: Backoff = { first: 250, most: 10_000, stableAfter: 0 };

/**
 * Runs one cluster: brings about what its spec says and tells how it stands. One reconcile at a time looks at what there
 * is, has `plan` decide, and acts; every change (a new spec, a node's state, something drained) causes another look.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #clock: Clock;
  readonly #fleet: Fleet;
  readonly #front: Front;
  readonly #abort = new AbortController();
  readonly #calls = new CallBroadcast();
  readonly #measurements = new Map<string, readonly Measurement[]>();
  readonly #measuring = new Set<string>();
  #spec: ClusterSpec | undefined;
  #serving: Serving | undefined;
  #error: DharmaErrorJson | undefined;
  #failures = 0;
  #wake: () => void = () => undefined;
  #awake = false;
  #loop: Promise<void> = Promise.resolve();
  #saving: Promise<void> = Promise.resolve();

  private constructor(options: AgentOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { name, dir, launcher, log, backoff } = options;
    this.#fleet = new Fleet({
      cluster: name,
      dir,
      launcher,
      provider: new LocalProvider(),
      test: (release, target, signal) => this.#test(release, target, signal),
      onCall: (call) => this.#calls.push(call),
      onChange: () => this.#look(),
      log,
      ...(backoff === undefined ? {} : { backoff }),
    });
    this.#front = new Front({
      name,
      runDir: join(dir, 'proxy'),
      onProgress: () => this.#look(),
      clock: this.#clock,
      log,
    });
  }

  /** Starts with the spec it had when it last ended, if it had one. The owner must `close()` it. */
  static async open(options: AgentOptions): Promise<Agent> {
    await mkdir(options.dir, { recursive: true, mode: 0o700 });
    // Working copies of a life that was cut short; its processes ended with it.
    await rm(join(options.dir, 'nodes'), { recursive: true, force: true });
    const agent = new Agent(options);
    const state = await readState(options.dir, options.log);
    for (const [release, measured] of Object.entries(state?.measurements ?? {}))
      agent.#measurements.set(release, measured);
    agent.#spec = state?.spec;
    agent.#loop = agent.#run();
    if (state !== undefined) agent.#look();
    return agent;
  }

  /**
   * Takes `spec` as what is wanted from now on, and resolves when it is written down; the same again changes nothing.
   * Errors: SPEC_OUTDATED for an older generation, WRONG_CLUSTER, NOT_BUILT_YET, STATE_NOT_WRITTEN (it is
   * brought about all the same).
   */
  async put(spec: ClusterSpec): Promise<void> {
    if (spec.name !== this.#options.name) throw wrongCluster(spec.name, this.#options.name);
    if (this.#spec !== undefined && spec.generation < this.#spec.generation)
      throw specOutdated(spec.generation, this.#spec.generation);
    if (spec.config.provider !== 'local')
      throw notBuiltYet(
        `running a cluster's nodes at the provider "${spec.config.provider}"`,
        'It comes with sizing and cost. Until then set "provider": "local" in the cluster\'s config.',
      );
    if (!isDeepStrictEqual(spec, this.#spec)) this.#want(spec);
    await this.#save();
  }

  /** Undefined until it has been told a spec. */
  status(): ClusterStatus | undefined {
    const spec = this.#spec;
    if (spec === undefined) return undefined;
    return clusterStatus({
      spec,
      activeGroup: groupKey(spec, spec.active),
      warmGroups: spec.warm.map((release) => groupKey(spec, release)),
      serving: this.#serving,
      nodes: this.#fleet.statuses,
      proxy: this.#front.status,
      error: this.#error,
      windows: this.#front.windows(),
      measurements: this.#measurements.get(this.#serving?.release ?? spec.active.id) ?? [],
    });
  }

  /** Calls that live's nodes make from now on, while the spec says that they are recorded. */
  get calls(): CallBroadcast {
    return this.#calls;
  }

  /** The ends of the nodes' logs (of all, or one) and of the proxy's, `bytes` each. */
  logs(node: string | undefined, bytes: number): Promise<NodeLog[]> {
    return readLogs(this.#options.dir, node, bytes);
  }

  /** Lets the proxy finish what is open, then stops the nodes. Idempotent. */
  async close(): Promise<void> {
    this.#abort.abort(new Error('stopped'));
    this.#look();
    await this.#loop;
    await this.#front.close();
    await this.#fleet.close(this.#spec?.config.drainTimeout ?? 0);
    await this.#calls.close();
    await this.#saving;
  }

  #want(spec: ClusterSpec): void {
    this.#spec = spec;
    this.#error = undefined;
    this.#failures = 0;
    this.#fleet.record(spec.recordOutbound);
    this.#look();
  }

  /** Has the loop look again; many calls before it does are one. */
  #look(): void {
    this.#awake = true;
    this.#wake();
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      if (!this.#awake) await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#awake = false;
      if (this.#spec !== undefined && !this.#abort.signal.aborted) await this.#tryReconcile(this.#spec);
    }
  }

  async #tryReconcile(spec: ClusterSpec): Promise<void> {
    const { signal } = this.#abort;
    try {
      await this.#reconcile(spec, signal);
      if (spec === this.#spec) this.#error = undefined;
      this.#failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof DharmaError)) throw error;
      this.#options.log.error({ error: error.toJSON() }, 'the spec cannot be brought about');
      if (spec === this.#spec) this.#error = error.toJSON();
      this.#failures += 1;
      setTimeout(() => this.#look(), nextBackoff(RETRY, this.#failures)).unref();
    }
  }

  async #reconcile(spec: ClusterSpec, signal: AbortSignal): Promise<void> {
    const releases = new Map(
      [spec.active, ...spec.warm].map((release) => [groupKey(spec, release), release]),
    );
    const next = plan({
      active: groupKey(spec, spec.active),
      warm: spec.warm.map((release) => groupKey(spec, release)),
      count: spec.config.nodes,
      serving: this.#serving?.group,
      nodes: this.#fleet.planned,
    });
    this.#options.log.debug({ generation: spec.generation, nodes: this.#fleet.planned, next }, 'plan');
    for (const name of next.retire) this.#fleet.retire(name);
    for (const { group, count } of next.start)
      for (let i = 0; i < count; i++) await this.#fleet.start(spec, releases.get(group)!, signal);
    this.#fleet.record(spec.recordOutbound); // Also for a group that was being opened when the spec came.
    await this.#directTraffic(spec, next.serving, next.traffic, signal);
  }

  async #directTraffic(
    spec: ClusterSpec,
    serving: GroupKey | undefined,
    traffic: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const release = (serving === undefined ? undefined : this.#fleet.release(serving)) ?? spec.active;
    const { routes } = release.manifest;
    // A proxy without nodes refuses what it is sent; one that does not listen yet leaves it to the other clusters.
    if (traffic.length === 0 && !this.#front.running)
      return this.#fleet.stopRetired([], spec.config.drainTimeout);
    const nodes = traffic.map((name) => this.#fleet.address(name));
    const first = nodes.map((node) => ({ ...node, state: 'active' as const }));
    await this.#front.ensure(spec, proxySettings(spec.config, routes, first), signal);
    const listed = await this.#front.direct(
      traffic,
      this.#fleet.running,
      (name) => this.#fleet.address(name),
      (nodes) => proxySettings(spec.config, routes, nodes),
    );
    this.#options.log.debug({ serving, traffic, listed }, 'traffic directed');
    const { generation } = spec;
    this.#serving =
      serving === undefined ? undefined : { generation, group: serving, release: release.id, nodes };
    this.#fleet.stopRetired(listed, spec.config.drainTimeout);
  }

  /** What a node must pass before it gets traffic; the first node of a release is measured besides. */
  async #test(
    release: Release,
    target: { readonly host: string; readonly port: number },
    signal: AbortSignal,
  ): Promise<void> {
    const { routes, readyTimeout } = release.manifest;
    const caller = new NodeCaller(target, readyTimeout);
    try {
      await runRouteTests(caller, routes, signal);
      if (this.#spec?.config.measure === true) await this.#measureOnce(release, caller, signal);
    } finally {
      await caller.close();
    }
  }

  async #measureOnce(release: Release, caller: NodeCaller, signal: AbortSignal): Promise<void> {
    if (this.#measurements.has(release.id) || this.#measuring.has(release.id)) return;
    this.#measuring.add(release.id);
    try {
      const measured = await measureRoutes(caller, release.manifest.routes, signal);
      this.#measurements.set(release.id, measured);
      this.#options.log.info({ release: release.id, measured }, 'measured');
      // Without it a restarted agent measures once more: no reason to keep a good node from traffic.
      await this.#save().catch((error: unknown) =>
        this.#options.log.warn({ error: messageOf(error) }, 'the measurements were not written down'),
      );
    } finally {
      this.#measuring.delete(release.id);
    }
  }

  /** Writes what must be known after a kill; one write at a time, the last word last. Error: STATE_NOT_WRITTEN. */
  #save(): Promise<void> {
    const saving = this.#saving.then(async () => {
      if (this.#spec === undefined) return;
      const known = new Set([this.#spec.active.id, ...this.#spec.warm.map(({ id }) => id)]);
      const measurements = Object.fromEntries([...this.#measurements].filter(([id]) => known.has(id)));
      await writeState(this.#options.dir, { spec: this.#spec, measurements });
    });
    this.#saving = saving.catch(() => undefined); // Whoever asked for the write hears of it; the next must only wait.
    return saving;
  }
}

function wrongCluster(found: string, own: string): DharmaError {
  return new DharmaError({
    code: 'WRONG_CLUSTER',
    message: `this agent runs the cluster "${own}"`,
    found,
    remedy: `Put the spec to the agent of "${found}".`,
    httpStatus: 409,
  });
}

function specOutdated(found: number, own: number): DharmaError {
  return new DharmaError({
    code: 'SPEC_OUTDATED',
    message: 'a newer spec is known already',
    found: `generation ${found}, known is ${own}`,
    remedy: 'Read the status, and put a spec of a later generation.',
    httpStatus: 409,
  });
}
