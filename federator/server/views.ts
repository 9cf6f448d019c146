import {
  DharmaError,
  type DharmaErrorJson,
  type SizeQuestion,
  type SizingExplanation,
} from '../../common/index.js';
import type { ClusterDocument, ReportDocument, UpgradeDocument } from '../state/documents.js';
import type { SupervisorState } from '../daemon/protocol.js';
import type { Runtime } from '../home/runtime.js';
import type { Database } from '../state/database.js';
import { committed } from '../spend/ledger.js';
import { RuleStore } from '../state/rule-store.js';
import { clusterView, operationView, upgradeView } from '../api/views.js';
import type { Cluster, ClusterEndpoints, Explanations, FederationStatus } from '../api/schemas.js';
import { clusterUnknown } from '../clusters/reconciler.js';
import { noReport, noUpgrade } from '../upgrade/errors.js';
import { tuningOf } from '../tuning/told.js';
import { tuningView, type TuningView } from '../tuning/view.js';
import type { ActiveFederator } from './active.js';

/** What an operator can look at. */
export class Views {
  readonly #active: ActiveFederator;
  readonly #database: Database;
  readonly #rules: RuleStore;
  readonly #runtime: Runtime;
  readonly #supervisor: { state(): Promise<SupervisorState> };

  constructor(
    active: ActiveFederator,
    database: Database,
    runtime: Runtime,
    supervisor: { state(): Promise<SupervisorState> },
  ) {
    this.#active = active;
    this.#database = database;
    this.#rules = new RuleStore(database);
    this.#runtime = runtime;
    this.#supervisor = supervisor;
  }

  async status(instance: { name: string; url: string }): Promise<FederationStatus> {
    const { clusters, upgrades, journal } = this.#active;
    const [federation, documents, [latest], running, open, supervisor, spend] = await Promise.all([
      clusters.federation(),
      clusters.list(),
      upgrades.list(1),
      upgrades.running(),
      journal.open(),
      this.#supervisor.state(),
      this.#active.spend.read(),
    ]);
    const views = documents.map((cluster) => this.#cluster(cluster));
    const { problem } = this.#active.reconciler;
    const { problem: money } = this.#active.treasurer;
    const { problem: tuning } = this.#active.tuner;
    const problems = [
      ...problemsOf(views),
      ...(problem === undefined ? [] : [problem]),
      ...(money === undefined ? [] : [money]),
      ...(tuning === undefined ? [] : [tuning]),
      ...(await this.#shadowProblems(running)),
    ];
    const { edge } = supervisor;
    return {
      federation: this.#runtime.federation,
      health: problems.length === 0 ? 'ok' : 'degraded',
      problems,
      instance: { name: instance.name, active: true, epoch: this.#active.epoch },
      edge: {
        url: `http://${edge.address}:${edge.port}`,
        ...(edge.tlsPort === undefined ? {} : { httpsUrl: `https://${edge.address}:${edge.tlsPort}` }),
        ...(edge.pid === undefined ? {} : { pid: edge.pid }),
        restarts: edge.restarts,
        capture: federation.capture,
        ...(edge.limits === undefined ? {} : { limits: edge.limits }),
        ...(edge.glitches === undefined ? {} : { glitches: edge.glitches }),
        ...(edge.assets === undefined ? {} : { assets: edge.assets }),
      },
      api: { url: instance.url },
      stores: { mongo: this.#runtime.mongoKind, processes: supervisor.stores },
      spend: {
        hourly: committed(spend.ledger),
        maxHourly: spend.ledger.ceiling,
        thisMonth: spend.ledger.spent.usd,
        maxMonthly: spend.ledger.monthly,
      },
      live: federation.live,
      clusters: views,
      upgrade:
        running === undefined ? (latest === undefined ? null : upgradeView(latest)) : upgradeView(running),
      operations: open.map(operationView),
    };
  }

  async tuning(): Promise<TuningView> {
    return tuningView(await this.#active.tuner.look());
  }

  async clusters(): Promise<Cluster[]> {
    return (await this.#active.clusters.list()).map((cluster) => this.#cluster(cluster));
  }

  /** Error: CLUSTER_UNKNOWN. */
  async cluster(name: string): Promise<Cluster> {
    const found = await this.#active.clusters.get(name);
    if (found === undefined) throw clusterUnknown(name);
    return this.#cluster(found);
  }

  /** The route map of every cluster, or of one. Error: CLUSTER_UNKNOWN. */
  async endpoints(name: string | undefined): Promise<ClusterEndpoints[]> {
    const clusters = name === undefined ? await this.clusters() : [await this.cluster(name)];
    return clusters.map((cluster) => ({ cluster: cluster.name, endpoints: cluster.endpoints }));
  }

  /** What the agents say of their clusters' sizes. Error: CLUSTER_UNKNOWN. */
  async explanations(of: SizeQuestion, name: string | undefined): Promise<Explanations> {
    const clusters = name === undefined ? await this.clusters() : [await this.cluster(name)];
    const [view, ...told] = await Promise.all([
      this.tuning(),
      ...clusters.map((cluster) => this.#explanation(of, cluster.name)),
    ]);
    return {
      clusters: told.flatMap((one) => ('error' in one ? [] : [one])),
      tuning: Object.fromEntries(clusters.map(({ name: one }) => [one, tuningOf(view, one)])),
      missing: told.flatMap((one) => ('error' in one ? [one] : [])),
    };
  }

  async #explanation(
    of: SizeQuestion,
    cluster: string,
  ): Promise<SizingExplanation | Explanations['missing'][number]> {
    try {
      return await this.#active.agent(cluster).explanation(of, AbortSignal.timeout(AGENT_MS));
    } catch (error) {
      if (error instanceof DharmaError) return { cluster, error: error.toJSON() };
      if ((error as Error).name !== 'TimeoutError') throw error;
      return { cluster, error: noAnswer(cluster) };
    }
  }

  /** By id, or `current`: the one under way, else the newest. Error: UPGRADE_UNKNOWN. */
  async upgrade(id: string): Promise<UpgradeDocument> {
    const { upgrades } = this.#active;
    const found =
      id === 'current' ? ((await upgrades.running()) ?? (await upgrades.list(1))[0]) : await upgrades.get(id);
    if (found === undefined) throw noUpgrade(id);
    return found;
  }

  /** What the shadow told last. Errors: UPGRADE_UNKNOWN, REPORT_NOT_READY. */
  async shadow(id: string): Promise<ReportDocument> {
    const upgrade = id === 'current' ? await this.#latestShadow() : await this.upgrade(id);
    const told = await this.#database.reports.findOne({ _id: upgrade._id });
    if (told === null) throw noReport(upgrade._id);
    return this.#rules.marked(told, upgrade.state);
  }

  async #latestShadow(): Promise<UpgradeDocument> {
    const latest = (await this.#active.upgrades.list(50)).find((upgrade) => upgrade.kind === 'shadow');
    if (latest === undefined) throw noUpgrade('current');
    return latest;
  }

  /** A shadow that failed while it ran copies nothing any more, and nobody would know. */
  async #shadowProblems(running: UpgradeDocument | undefined): Promise<string[]> {
    if (running?.state !== 'shadowing') return [];
    const told = await this.#database.reports.findOne({ _id: running._id });
    return told?.status.phase === 'failed' ? [`the shadow failed: ${told.status.step}`] : [];
  }

  #cluster(cluster: ClusterDocument): Cluster {
    return clusterView(cluster, this.#active.reconciler.status(cluster._id));
  }
}

/** How long an agent may take to tell of its size. */
const AGENT_MS = 5000;

function noAnswer(cluster: string): DharmaErrorJson {
  return {
    code: 'NOT_ANSWERING',
    message: `the agent of cluster ${cluster} does not answer`,
    remedy: 'Look at it with: federate status',
  };
}

function problemsOf(clusters: readonly Cluster[]): string[] {
  return clusters.flatMap((cluster) => {
    if (cluster.health === 'failed')
      return [
        `cluster ${cluster.name} failed: ${cluster.error?.message ?? 'see federate logs ' + cluster.name}`,
      ];
    if (cluster.health === 'unreachable' && cluster.state === 'live')
      return [`the agent of cluster ${cluster.name} does not answer`];
    const ready = cluster.nodes.filter((node) => node.release === cluster.active && node.state === 'ready');
    if (cluster.state === 'live' && cluster.health === 'converged' && ready.length === 0)
      return [`cluster ${cluster.name} has no node that is ready`];
    return (cluster.sizing?.problems ?? []).map(
      ({ message, found }) =>
        `size of ${cluster.name}: ${message}${found === undefined ? '' : ` (${found})`}`,
    );
  });
}
