import { createHash } from 'node:crypto';
import {
  leaseLost,
  messageOf,
  type Logger,
  type ProxyIdentity,
  type ReleaseStore,
} from '../../common/index.js';
import type { AgentPort } from '../clusters/agent-port.js';
import { addClusterPlanner, removeClusterPlanner } from '../clusters/planners.js';
import { Reconciler } from '../clusters/reconciler.js';
import type { SupervisorClient } from '../daemon/client.js';
import type { Home } from '../home/home.js';
import { loadSettings } from '../home/settings.js';
import type { Runtime } from '../home/runtime.js';
import { Journal } from '../operations/journal.js';
import { OperationQueue } from '../operations/queue.js';
import { OperationRunner } from '../operations/runner.js';
import { openSpendDesk } from '../spend/desk.js';
import { Treasurer } from '../spend/treasurer.js';
import { ClusterStore } from '../state/cluster-store.js';
import type { Database } from '../state/database.js';
import { ACTIVE_LEASE, Fence, type EpochSource } from '../state/fence.js';
import { ReleaseRecords } from '../state/release-records.js';
import { SpendStore } from '../state/spend-store.js';
import { TuningStore } from '../state/tuning-store.js';
import { UpgradeStore } from '../state/upgrade-store.js';
import { Tuner } from '../tuning/tuner.js';
import type { UpgradeContext } from '../upgrade/context.js';
import { shadowInterrupted, superseded } from '../upgrade/errors.js';
import { upgradePlanners } from '../upgrade/planners.js';
import { settleDue } from '../upgrade/promote-planners.js';

/** How often rollback windows are looked at: they are minutes long. */
const SETTLE_EVERY_MS = 1000;

/** Longer than the agent gives its proxy, ms. */
const REPLACE_DEADLINE_MS = 40_000;

export interface ActiveOptions {
  readonly home: Home;
  readonly runtime: Runtime;
  readonly database: Database;
  readonly lease: EpochSource;
  readonly epoch: number;
  readonly supervisor: SupervisorClient;
  readonly releases: ReleaseStore;
  readonly agent: (name: string) => AgentPort;
  readonly log: Logger;
}

/** What only the instance that holds the lease does: it reconciles, runs operations and ends rollback windows. */
export class ActiveFederator {
  readonly clusters: ClusterStore;
  readonly upgrades: UpgradeStore;
  readonly journal: Journal;
  readonly reconciler: Reconciler;
  readonly runner: OperationRunner;
  readonly queue: OperationQueue;
  readonly spend: SpendStore;
  readonly treasurer: Treasurer;
  readonly #tuning: TuningStore;
  #tuner: Tuner | undefined;
  readonly epoch: number;
  readonly #context: UpgradeContext;
  readonly #fence: Fence;
  readonly #options: ActiveOptions;
  #desk: { close(): Promise<void> } | undefined;
  #settling: NodeJS.Timeout | undefined;
  #settled: Promise<void> = Promise.resolve();

  private constructor(options: ActiveOptions) {
    const { home, runtime, database, supervisor, releases, log } = options;
    this.#options = options;
    this.epoch = options.epoch;
    this.#fence = new Fence(options.lease);
    this.clusters = new ClusterStore(database, this.#fence);
    this.upgrades = new UpgradeStore(database, this.#fence);
    this.journal = new Journal(database, this.#fence);
    this.spend = new SpendStore(database);
    this.#tuning = new TuningStore(database, this.#fence);
    const records = new ReleaseRecords(database);
    this.reconciler = new Reconciler({
      clusters: this.clusters,
      releases,
      supervisor,
      agent: options.agent,
      surroundings: { stores: runtime.app, writableDir: home.writableDir },
      log,
    });
    this.treasurer = new Treasurer({
      federation: runtime.federation,
      store: this.spend,
      database,
      settings: () => loadSettings(home),
      clusters: async () => (await this.clusters.list()).map(({ _id }) => _id),
      status: (cluster) => this.reconciler.status(cluster),
      log,
    });
    const clusterContext = {
      home,
      clusters: this.clusters,
      releases,
      records,
      reconciler: this.reconciler,
      supervisor,
    };
    this.#context = {
      database,
      clusters: this.clusters,
      upgrades: this.upgrades,
      releases,
      records,
      reconciler: this.reconciler,
      supervisor,
      rollbackWindowMs: runtime.rollbackWindowMs,
      cancelOthers: (upgrade, besides, signal) => this.#cancelOthers(upgrade, besides, signal),
    };
    this.runner = new OperationRunner(
      this.journal,
      {
        'add-cluster': addClusterPlanner(clusterContext),
        'remove-cluster': removeClusterPlanner(clusterContext),
        ...upgradePlanners(this.#context),
      },
      log,
    );
    this.queue = new OperationQueue(
      runtime.stores.redis,
      runtime.federation,
      options.epoch,
      this.journal,
      this.runner,
      log,
    );
  }

  /** Has another process take the place of a cluster's proxy, or of the edge's. Errors: NOT_ANSWERING, those of the parts. */
  async replaceProxy(cluster: string | undefined): Promise<ProxyIdentity> {
    const { supervisor, agent } = this.#options;
    if (cluster === undefined) return supervisor.replaceEdge();
    return agent(cluster).replaceProxy(AbortSignal.timeout(REPLACE_DEADLINE_MS));
  }

  /** Shuts earlier holders out, then takes up what they left. */
  static async start(options: ActiveOptions): Promise<ActiveFederator> {
    const active = new ActiveFederator(options);
    try {
      await active.#fence.stamp(options.database);
      await active.#noteSurroundings();
      await active.#noteInterruptedShadow();
      await active.#endUnbegun();
      active.#desk = await openSpendDesk(options.home.spendSocket, active.spend, options.log);
      await active.queue.recover();
      active.#tuner = active.#startTuner();
      active.#settling = setInterval(() => active.#settle(), SETTLE_EVERY_MS);
      return active;
    } catch (error) {
      await active.close();
      throw error;
    }
  }

  /** Error: LEASE_LOST while it closes. */
  get tuner(): Tuner {
    if (this.#tuner === undefined) throw leaseLost(ACTIVE_LEASE);
    return this.#tuner;
  }

  agent(name: string): AgentPort {
    return this.#options.agent(name);
  }

  async close(): Promise<void> {
    clearInterval(this.#settling);
    await this.#tuner?.close();
    await this.queue.close();
    await this.#desk?.close();
    await this.treasurer.close();
    await this.reconciler.close();
    await this.#settled;
  }

  #startTuner(): Tuner {
    const { home, releases, supervisor, log } = this.#options;
    return new Tuner({
      store: this.#tuning,
      clusters: this.clusters,
      settings: async () => (await loadSettings(home)).tuning,
      status: (cluster) => this.reconciler.status(cluster),
      release: (id) => releases.get(id),
      counts: () => supervisor.edgeCounts(),
      ledger: async () => (await this.spend.read()).ledger,
      upgrade: () => this.upgrades.running(),
      operations: () => this.journal.open(),
      onChange: () => this.reconciler.nudge(),
      log,
    });
  }

  #settle(): void {
    this.#settled = settleDue(this.#context, new Date()).catch((error: unknown) => {
      this.#options.log.warn({ error: messageOf(error) }, 'could not look at rollback windows');
    });
  }

  /** Stores that moved (another port after a restart) are news to every agent, though no cluster has changed. */
  async #noteSurroundings(): Promise<void> {
    const { runtime, home } = this.#options;
    const surroundings = createHash('sha256')
      .update(JSON.stringify([runtime.app, home.writableDir]))
      .digest('hex');
    if ((await this.clusters.federation()).surroundings === surroundings) return;
    for (const { _id: name } of await this.clusters.list()) await this.clusters.change(name, {});
    await this.clusters.setFederation({ surroundings });
  }

  /** A shadow whose worker is gone, because the whole federation was, has missed requests: it is over, and says so. */
  async #noteInterruptedShadow(): Promise<void> {
    const { supervisor, log } = this.#options;
    const upgrade = await this.upgrades.running();
    if (upgrade?.state !== 'shadowing') return;
    const { workers } = await supervisor.state();
    if (workers.some((worker) => worker.name === upgrade._id)) return;
    log.warn({ upgrade: upgrade._id }, 'the shadow was interrupted');
    await this.upgrades.move(upgrade._id, ['shadowing'], 'stopped', { error: shadowInterrupted().toJSON() });
    await this.clusters.setFederation({ capture: false });
    for (const cluster of await this.clusters.list())
      if (cluster.recordOutbound) await this.clusters.change(cluster._id, { recordOutbound: false });
  }

  /** An upgrade that was written down, but whose operation was not before a crash, never began. */
  async #endUnbegun(): Promise<void> {
    const upgrade = await this.upgrades.running();
    if (upgrade === undefined || upgrade.state === 'shadowing') return;
    const open = await this.journal.open();
    if (open.some((operation) => operation.subject === upgrade._id)) return;
    const to = upgrade.state === 'rolling-back' ? 'promoted' : 'failed';
    await this.upgrades.move(upgrade._id, [upgrade.state], to);
  }

  async #cancelOthers(upgrade: string, besides: string, signal: AbortSignal): Promise<void> {
    const by = await this.journal.get(besides);
    const open = (await this.journal.open()).filter(
      (other) => other.subject === upgrade && other._id !== besides,
    );
    const reason = superseded(by?.kind ?? 'a later command');
    for (const other of open) await this.runner.cancel(other._id, reason, signal);
  }
}
