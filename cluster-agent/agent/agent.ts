import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  DharmaError,
  nextBackoff,
  systemClock,
  type AppLauncher,
  type Backoff,
  type Clock,
  type ClusterConfig,
  type ClusterSpec,
  type ClusterStatus,
  type DharmaErrorJson,
  type Logger,
  type OutboundCall,
  type ProxyIdentity,
  type ProxyNode,
  type ProxySettings,
  type SizingExplanation,
  type SpendPort,
} from '../../common/index.js';
import { LocalProvider } from '../provider/local.js';
import { notBuiltYet, type Provider } from '../provider/provider.js';
import { CallBroadcast } from './call-broadcast.js';
import type { Money, Sight } from '../sizing/loop.js';
import { Hosts } from '../spend/hosts.js';
import { Fleet } from './fleet.js';
import { Front } from './front.js';
import { wantedGroups } from './group.js';
import { readLogs, type NodeLog } from './logs.js';
import { plan, type GroupKey } from './plan.js';
import { proxySettings } from './proxy-settings.js';
import { ReleaseTests } from './release-tests.js';
import { nodesSight, workersSight } from './sights.js';
import { SizingPair } from './sizing-pair.js';
import { specOutdated, wrongCluster } from './spec-errors.js';
import { readState, writeState } from './state-file.js';
import { clusterStatus, type Serving } from './status.js';
import { OwnTimes } from '../telemetry/own-times.js';
import { TaskWatch } from './task-watch.js';
import { Workers, withWorkers } from './workers.js';

export interface AgentOptions {
  readonly name: string;
  /** The cluster's folder: state, logs, working copies, sockets. */
  readonly dir: string;
  readonly launcher: AppLauncher;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Where hosts come from; default: this machine. */
  readonly provider?: Provider;
  /** The federation's purse; absent: whatever costs is granted. */
  readonly spend?: SpendPort;
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
  readonly #workers: Workers;
  readonly #tasks: TaskWatch;
  readonly #abort = new AbortController();
  readonly #calls = new CallBroadcast();
  readonly #tests: ReleaseTests;
  readonly #hosts: Hosts;
  readonly #ownTimes: OwnTimes;
  #sizing!: SizingPair;
  #spec: ClusterSpec | undefined;
  #serving: Serving | undefined;
  #error: DharmaErrorJson | undefined;
  #failures = 0;
  #wake: () => void = () => undefined;
  #awake = false;
  #loop: Promise<void> = Promise.resolve();
  #saving: Promise<void> = Promise.resolve();

  private constructor(options: AgentOptions, ownTimes: OwnTimes) {
    this.#options = options;
    this.#ownTimes = ownTimes;
    this.#clock = options.clock ?? systemClock;
    this.#hosts = new Hosts({
      cluster: options.name,
      session: randomBytes(4).toString('hex'),
      provider: options.provider ?? new LocalProvider(),
      spend: options.spend,
      answers: (host) => this.#fleet.answers(host) || this.#workers.answers(host),
      log: options.log,
    });
    const { name, dir, launcher, log, backoff } = options;
    const common = {
      dir,
      launcher,
      hosts: this.#hosts,
      clock: this.#clock,
      onCall: (call: OutboundCall) => this.#calls.push(call),
      onChange: () => this.#look(),
      log,
      ...(backoff === undefined ? {} : { backoff }),
    };
    this.#tests = new ReleaseTests({
      measures: () => this.#spec?.config.measure === true,
      save: () => this.#save(),
      log,
    });
    this.#tasks = new TaskWatch({ cluster: name, clock: this.#clock, log });
    this.#fleet = new Fleet({
      ...common,
      cluster: name,
      ownTimes: this.#ownTimes.path,
      test: (release, target, passed, signal) => this.#tests.test(release, target, passed, signal),
      onPassed: (ms) => this.#sizing.nodes.noteReady(ms),
      onLost: () => this.#sizing.nodes.noteLost(),
    });
    this.#workers = new Workers({
      ...common,
      cluster: `${name}-worker`,
      onPassed: (ms) => this.#sizing.workers.noteReady(ms),
      onLost: () => this.#sizing.workers.noteLost(),
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
    const ownTimes = await OwnTimes.open(join(options.dir, 'own.sock'), options.clock ?? systemClock);
    const agent = new Agent(options, ownTimes);
    const state = await readState(options.dir, options.log);
    agent.#tests.recall(state?.measurements ?? {});
    agent.#sizing = await agent.#openSizing();
    agent.#spec = state?.spec;
    if (agent.#spec !== undefined) agent.#sizing.follow(agent.#spec.config);
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
    const [active, ...warm] = wantedGroups(spec);
    const status = clusterStatus({
      spec,
      ...this.#sizing.nodes.wanted(spec.config),
      sizing: this.#sizing.status(spec.config),
      activeGroup: active.key,
      warmGroups: warm.map(({ key }) => key),
      serving: this.#serving,
      nodes: this.#fleet.statuses,
      proxy: this.#front.status,
      error: this.#error,
      windows: this.#front.windows(),
      measurements: this.#tests.measured(this.#serving?.release ?? spec.active.id),
      own: (endpoint, node) => this.#ownTimes.median(endpoint, node),
    });
    const tasks = this.#tasks.tasks();
    return withWorkers({ ...status, ...(tasks === undefined ? {} : { tasks }) }, this.#workers.standing);
  }

  /** Calls that live's nodes make from now on, while the spec says that they are recorded. */
  get calls(): CallBroadcast {
    return this.#calls;
  }

  /** Why the cluster has so many nodes; undefined before its size was decided once. */
  explanation(): SizingExplanation | undefined {
    return this.#spec && this.#sizing.explanation(this.#spec.config);
  }

  /** What would be decided of its size now, touching nothing; undefined while nothing serves. */
  sizePlan(): Promise<SizingExplanation | undefined> {
    return this.#sizing.preview(this.#abort.signal);
  }

  /** Has the proxy's place taken by another process, of the program as it now is. Errors: PROXY_NOT_RUNNING, those of ProxyProcess.replace. */
  replaceProxy(): Promise<ProxyIdentity> {
    return this.#front.replace();
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
    await this.#sizing.close();
    await this.#front.close();
    await this.#tasks.close();
    const drainMs = this.#spec?.config.drainTimeout ?? 0;
    await Promise.all([this.#fleet.close(drainMs), this.#workers.close(drainMs)]);
    await this.#ownTimes.close();
    await this.#calls.close();
    await this.#saving;
  }

  #want(spec: ClusterSpec): void {
    this.#spec = spec;
    this.#error = undefined;
    this.#failures = 0;
    this.#fleet.record(spec.recordOutbound);
    this.#sizing.follow(spec.config);
    this.#look();
  }

  #openSizing(): Promise<SizingPair> {
    const { name: cluster, dir, log } = this.#options;
    return SizingPair.open({
      ...{ cluster, dir, clock: this.#clock, log },
      money: (config, signal) => this.#money(config, signal),
      onChange: () => this.#look(),
      nodes: { sight: () => this.#sight(), nextTick: () => this.#front.nextTick() },
      workers: {
        sight: () => this.#workersSight(),
        nextTick: () => this.#tasks.telemetry?.nextTick(),
        any: () => this.#tasks.telemetry !== undefined,
      },
    });
  }

  #sight(): Sight | undefined {
    const serving = this.#serving;
    const release = serving === undefined ? undefined : this.#fleet.release(serving.group);
    if (this.#spec === undefined || serving === undefined || release === undefined) return undefined;
    return nodesSight({
      config: this.#spec.config,
      serving,
      release,
      planned: this.#fleet.planned,
      wanted: this.#sizing.nodes.wanted(this.#spec.config).count,
      tick: this.#front.tick(),
      measured: this.#tests.measured(serving.release),
      defined: this.#tasks.telemetry?.crons ?? [],
    });
  }

  #workersSight(): Sight | undefined {
    const tasks = this.#tasks.telemetry;
    return this.#spec === undefined || tasks === undefined
      ? undefined
      : workersSight(this.#spec.config, this.#workers.standingNow, tasks);
  }

  async #money(config: ClusterConfig, signal: AbortSignal): Promise<Money> {
    const look = await this.#hosts.look(config, signal);
    this.#fleet.lose(look.missing);
    this.#workers.lose(look.missing);
    return look;
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
    const [active, ...warm] = wantedGroups(spec);
    const groups = new Map([...warm, active].map((group) => [group.key, group]));
    const next = plan({
      active: active.key,
      warm: warm.map(({ key }) => key),
      ...this.#sizing.nodes.wanted(spec.config),
      serving: this.#serving?.group,
      sized: new Map([...groups.values()].map(({ key, sized }) => [key, sized])),
      nodes: this.#fleet.planned,
    });
    this.#options.log.debug({ generation: spec.generation, nodes: this.#fleet.planned, next }, 'plan');
    for (const name of next.retire) this.#fleet.retire(name);
    const settleFor = (have: number, error: DharmaError): boolean =>
      this.#sizing.nodes.settleFor(have, spec.config, error);
    for (const { group, count, size } of next.start) {
      const { spec: own, release, sized } = groups.get(group)!;
      const other = sized.find((one) => one.size === size);
      await this.#fleet.grow(own, release, count, settleFor, signal, other);
    }
    this.#fleet.record(spec.recordOutbound); // Also for a group that was being opened when the spec came.
    await this.#directTraffic(spec, next.serving, next.traffic, signal);
    const serving = next.serving === undefined ? undefined : this.#fleet.release(next.serving);
    await this.#workers.reconcile(spec, serving, this.#sizing.wantedWorkers(spec.config), signal);
    await this.#tasks.follow(spec, serving);
  }

  async #directTraffic(
    spec: ClusterSpec,
    serving: GroupKey | undefined,
    traffic: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const release = (serving === undefined ? undefined : this.#fleet.release(serving)) ?? spec.active;
    const { manifest } = release;
    this.#ownTimes.follow(manifest.routes, spec.config.reconfigure);
    // A proxy without nodes refuses what it is sent; one that does not listen yet leaves it to the other clusters.
    if (traffic.length === 0 && !this.#front.running)
      return this.#fleet.stopRetired([], spec.config.drainTimeout);
    const nodes = traffic.map((name) => this.#fleet.address(name));
    const first = nodes.map((node) => ({ ...node, state: 'active' as const }));
    const settingsFor = (nodes: readonly ProxyNode[]): ProxySettings =>
      proxySettings(spec.config, manifest, nodes, {
        groups: this.#sizing.nodes.groups(spec.config),
        before: this.#front.classes,
        sizes: this.#fleet.sizes,
      });
    await this.#front.ensure(spec, settingsFor(first), signal);
    const listed = await this.#front.direct(
      traffic,
      this.#fleet.running,
      (name) => this.#fleet.address(name),
      settingsFor,
    );
    this.#options.log.debug({ serving, traffic, listed }, 'traffic directed');
    const { generation } = spec;
    this.#serving =
      serving === undefined ? undefined : { generation, group: serving, release: release.id, nodes };
    this.#fleet.stopRetired(listed, spec.config.drainTimeout);
  }

  /** Writes what must be known after a kill; one write at a time, the last word last. Error: STATE_NOT_WRITTEN. */
  #save(): Promise<void> {
    const saving = this.#saving.then(async () => {
      if (this.#spec === undefined) return;
      const known = new Set([this.#spec.active.id, ...this.#spec.warm.map(({ id }) => id)]);
      await writeState(this.#options.dir, { spec: this.#spec, measurements: this.#tests.of(known) });
    });
    this.#saving = saving.catch(() => undefined); // Whoever asked for the write hears of it; the next must only wait.
    return saving;
  }
}
