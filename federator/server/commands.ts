import { randomBytes } from 'node:crypto';
import {
  clusterConfigSchema,
  DharmaError,
  isDuplicateKey,
  parseConfig,
  type AcceptedRule,
  type ChangeSet,
  type ProxyIdentity,
  type ShadowReport,
  type Verdict,
} from '../../common/index.js';
import { applyRules, ruleFor } from '../../shadow/index.js';
import type { AssetSource } from '../upgrade/assets.js';
import { changesConfigs, configChanges, type ClusterChange } from '../upgrade/configs.js';
import { appNeeded, clusterExists } from '../clusters/errors.js';
import { clusterUnknown } from '../clusters/reconciler.js';
import type { SupervisorClient } from '../daemon/client.js';
import type { Database } from '../state/database.js';
import type {
  DecisionDocument,
  OperationDocument,
  OperationKind,
  ShadowRunOptions,
  UpgradeDocument,
  UpgradeState,
} from '../state/documents.js';
import { RuleStore } from '../state/rule-store.js';
import type { NewUpgrade } from '../state/upgrade-store.js';
import {
  differencesOpen,
  differenceUnknown,
  noReport,
  nothingLive,
  promoteNothing,
  rollbackNothing,
  ruleUnknown,
  shadowNotRunning,
  upgradeRunning,
  verdictNeedsWord,
} from '../upgrade/errors.js';
import { pin, turnOff, turnOn, undo, unpin } from '../tuning/orders.js';
import type { ActiveFederator } from './active.js';

export interface Promotion {
  readonly yes: boolean;
  /** Ids of open differences that are no obstacle. */
  readonly despite: readonly string[];
  readonly rollbackWindowMs?: number | undefined;
}

/** What is to run: an app's folder or the live release with these static files, or neither; and with which configs. */
export interface Deploy extends ClusterChange {
  readonly app?: string | undefined;
  readonly assets?: AssetSource | undefined;
}

/** What an operator can order of tuning. */
export type TuningOrder =
  | { readonly order: 'on' | 'undo' }
  | { readonly order: 'off'; readonly restore?: boolean | undefined }
  | { readonly order: 'pin' | 'unpin'; readonly cluster: string };

/** What an operator can have done. Each checks, writes the intention down, and returns the operation's id. */
export class Commands {
  readonly #active: ActiveFederator;
  readonly #database: Database;
  readonly #rules: RuleStore;
  readonly #supervisor: Pick<SupervisorClient, 'purgeAssets'>;

  constructor(
    active: ActiveFederator,
    database: Database,
    supervisor: Pick<SupervisorClient, 'purgeAssets'>,
  ) {
    this.#active = active;
    this.#database = database;
    this.#rules = new RuleStore(database);
    this.#supervisor = supervisor;
  }

  /** Forgets what the edge has stored of assets; resolves with how many answers went. Error: NO_ASSET_CACHE. */
  async purgeAssets(prefix: string): Promise<number> {
    return this.#supervisor.purgeAssets(prefix);
  }

  async operation(id: string): Promise<OperationDocument | undefined> {
    return this.#active.journal.get(id);
  }

  /** Errors: CONFIG_INVALID, CLUSTER_EXISTS, APP_NEEDED, UPGRADE_RUNNING. */
  async addCluster(name: string, config: Record<string, unknown>, app: string | undefined): Promise<string> {
    const { clusters, journal } = this.#active;
    parseConfig(clusterConfigSchema, config, `the config of cluster "${name}"`);
    if ((await clusters.get(name)) !== undefined) throw clusterExists(name);
    const open = await journal.open();
    if (open.some((operation) => operation.kind === 'add-cluster' && operation.subject === name))
      throw clusterExists(name);
    const running = await this.#active.upgrades.running();
    // A cluster that appears halfway would be missing from what the upgrade's steps prepared.
    if (running !== undefined && running.state !== 'shadowing') throw upgradeRunning(running);
    if (app === undefined && (await clusters.federation()).live === null) throw appNeeded();
    return this.#begin('add-cluster', name, { config, ...(app === undefined ? {} : { app }) });
  }

  /** Errors: CLUSTER_UNKNOWN, TUNING_NOTHING_TAKEN. */
  async tuning(given: TuningOrder): Promise<void> {
    const cluster = 'cluster' in given ? given.cluster : undefined;
    if (cluster !== undefined && (await this.#active.clusters.get(cluster)) === undefined)
      throw clusterUnknown(cluster);
    await this.#active.tuner.order((state, now, clusters) => {
      switch (given.order) {
        case 'on':
          return turnOn(state, now);
        case 'off':
          return turnOff(state, now, clusters, given.restore === true);
        case 'pin':
          return pin(state, now, clusters, given.cluster);
        case 'unpin':
          return unpin(state, now, given.cluster);
        case 'undo':
          return undo(state, now, clusters);
      }
    });
    await this.#database.audit.insertOne({
      what: `tuning-${given.order}`,
      subject: cluster ?? 'federation',
      detail: '',
      at: new Date(),
    });
  }

  /** Error: CLUSTER_UNKNOWN. */
  async removeCluster(name: string): Promise<string> {
    if ((await this.#active.clusters.get(name)) === undefined) throw clusterUnknown(name);
    return this.#begin('remove-cluster', name, {});
  }

  /**
   * Has another process take the place of a cluster's proxy, or of the edge's, without a connection lost.
   * Errors: CLUSTER_UNKNOWN, PROXY_NOT_RUNNING, NOT_ANSWERING, CONFIG_INVALID, those of ProxyProcess.replace.
   */
  async replaceProxy(cluster: string | undefined): Promise<ProxyIdentity> {
    if (cluster !== undefined && (await this.#active.clusters.get(cluster)) === undefined)
      throw clusterUnknown(cluster);
    const identity = await this.#active.replaceProxy(cluster);
    const detail = `pid ${identity.pid}, version ${identity.version}`;
    await this.#database.audit.insertOne({
      what: 'replace-proxy',
      subject: cluster ?? 'edge',
      detail,
      at: new Date(),
    });
    return identity;
  }

  /**
   * A folder, or other static files, or other configs of clusters that run, or one of the first two with the last, as an
   * upgrade that can be rolled back.
   * Errors: UPGRADE_RUNNING, SHADOW_ALREADY_RUNNING, NOTHING_LIVE, those of `configChanges`.
   */
  async deploy({ app, assets, ...ofConfigs }: Deploy): Promise<string> {
    const { clusters } = this.#active;
    const { live } = await clusters.federation();
    if (live === null) throw nothingLive();
    const ofRelease = app !== undefined || assets !== undefined;
    const upgrade = await this.#insertUpgrade({
      ...{ kind: 'deploy', change: {}, base: live, next: ofRelease ? null : live, state: 'promoting' },
      ...(changesConfigs(ofConfigs) ? { configs: configChanges(await clusters.list(), ofConfigs) } : {}),
    });
    return this.#begin('deploy', upgrade, {
      ...(app === undefined ? {} : { app }),
      ...(assets === undefined ? {} : { assets }),
    });
  }

  /** Errors: SHADOW_ALREADY_RUNNING, UPGRADE_RUNNING, NOTHING_LIVE, those of `configChanges`. */
  async startShadow(
    { cluster, config, nodeSize, ...change }: ChangeSet & ClusterChange,
    options: ShadowRunOptions,
  ): Promise<string> {
    const { clusters } = this.#active;
    const { live } = await clusters.federation();
    const all = await clusters.list();
    if (live === null || !all.some(({ state }) => state === 'live')) throw nothingLive();
    const ofConfigs = { cluster, config, nodeSize };
    const ofRelease = Object.keys(change).length > 0;
    const upgrade = await this.#insertUpgrade({
      ...{ kind: 'shadow', change, base: live, next: ofRelease ? null : live, state: 'starting', options },
      ...(changesConfigs(ofConfigs) ? { configs: configChanges(all, ofConfigs) } : {}),
    });
    return this.#begin('shadow-start', upgrade, {});
  }

  /** Error: SHADOW_NOT_RUNNING. */
  async stopShadow(): Promise<string> {
    const running = await this.#active.upgrades.running();
    if (running === undefined || !among(running, ['starting', 'shadowing'])) throw shadowNotRunning();
    await this.#decide(running._id, 'stop', 'ended the shadow');
    return this.#begin('shadow-stop', running._id, {});
  }

  /**
   * Keeps a rule that accepts a difference of the upgrade that could be promoted.
   * Errors: SHADOW_NOT_RUNNING, REPORT_NOT_READY, DIFFERENCE_UNKNOWN, DIFFERENCE_NOT_ACCEPTABLE.
   */
  async accept(difference: string, reason: string): Promise<AcceptedRule> {
    const { upgrades } = this.#active;
    const upgrade = (await upgrades.running()) ?? (await upgrades.list(1))[0];
    if (upgrade === undefined || !among(upgrade, ['shadowing', 'stopped'])) throw shadowNotRunning();
    const report = (await this.#database.reports.findOne({ _id: upgrade._id }))?.report ?? undefined;
    if (report === undefined) throw noReport(upgrade._id);
    const rule = { ...ruleFor(report, difference, reason), id: difference };
    const kept = await this.#rules.add(rule, upgrade._id, new Date());
    await this.#decide(upgrade._id, 'accept', `${difference}: ${reason}`);
    return kept;
  }

  async acceptedRules(): Promise<readonly AcceptedRule[]> {
    return this.#rules.list();
  }

  /** Error: RULE_UNKNOWN. */
  async unaccept(id: string): Promise<void> {
    if (!(await this.#rules.remove(id))) throw ruleUnknown(id);
    const [latest] = await this.#active.upgrades.list(1);
    await this.#decide(latest?._id ?? '', 'unaccept', id);
  }

  /**
   * `yes` is the word for a verdict that cannot be told; differences that are open need theirs by name, in `despite`.
   * Errors: PROMOTE_NOTHING, DIFFERENCES_OPEN, DIFFERENCE_UNKNOWN, VERDICT_NEEDS_WORD, UPGRADE_RUNNING.
   */
  async promote({ yes, despite, rollbackWindowMs }: Promotion): Promise<string> {
    const upgrade = await this.#toPromote();
    const rules = await this.#rules.list();
    const told = (await this.#database.reports.findOne({ _id: upgrade._id }))?.report ?? undefined;
    const report = told && applyRules(told, rules);
    checkDifferences(report, despite);
    if (!yes) checkVerdict(report);
    const besides = despite.length === 0 ? '' : `, despite ${despite.join(' ')}`;
    await this.#database.reports.updateOne({ _id: upgrade._id }, { $set: { promotedWith: rules } });
    await this.#decide(upgrade._id, 'promote', `verdict ${verdictOf(report)}${besides}`);
    return this.#begin('promote', upgrade._id, {
      from: upgrade.state,
      ...(rollbackWindowMs === undefined ? {} : { rollbackWindowMs }),
    });
  }

  /** Error: ROLLBACK_NOTHING. */
  async rollback(): Promise<string> {
    const { upgrades, journal } = this.#active;
    const upgrade = await this.#toRollBack();
    const open = (await journal.open()).find(
      (other) => other.kind === 'rollback' && other.subject === upgrade._id,
    );
    if (open !== undefined) return open._id;
    const promoted = among(upgrade, ['promoted', 'rolling-back']);
    if (upgrade.state === 'promoted' && !(await this.#moveOrRefuse(upgrade, 'rolling-back')))
      throw rollbackNothing(await upgrades.get(upgrade._id));
    await this.#decide(upgrade._id, 'rollback', promoted ? 'back to the old release' : 'ended remote1');
    return this.#begin('rollback', upgrade._id, { promoted });
  }

  /** The upgrade `promote` would promote. Errors: PROMOTE_NOTHING, UPGRADE_RUNNING. */
  async #toPromote(): Promise<UpgradeDocument> {
    const { upgrades, clusters } = this.#active;
    const running = await upgrades.running();
    if (running?.options?.cron !== undefined) throw promoteNothing(running);
    if (running?.state === 'shadowing') return running;
    if (running !== undefined)
      throw running.state === 'starting' ? notReady(running) : upgradeRunning(running);
    const [latest] = await upgrades.list(1);
    const { live } = await clusters.federation();
    const isUpdate = latest?.options?.cron === undefined;
    if (latest?.state === 'stopped' && isUpdate && latest.next !== null && latest.base === live)
      return latest;
    throw promoteNothing(latest);
  }

  /** The upgrade `rollback` would take back. */
  async #toRollBack(): Promise<UpgradeDocument> {
    const { upgrades } = this.#active;
    const running = await upgrades.running();
    if (running !== undefined) return running;
    const recent = await upgrades.list(20);
    const [latest] = recent;
    if (latest?.state === 'stopped') return latest;
    const promoted = recent.find((upgrade) => upgrade.state === 'promoted');
    if (promoted === undefined) throw rollbackNothing(latest);
    return promoted;
  }

  async #moveOrRefuse(upgrade: UpgradeDocument, to: UpgradeState): Promise<boolean> {
    try {
      return await this.#active.upgrades.move(upgrade._id, [upgrade.state], to);
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      throw upgradeRunning(await this.#active.upgrades.running());
    }
  }

  async #insertUpgrade(upgrade: Omit<NewUpgrade, 'id'>): Promise<string> {
    const id = `u${randomBytes(4).toString('hex')}`;
    try {
      // Configs are not tuned from here on.
      await this.#active.tuner.apart(() => this.#active.upgrades.insert({ id, ...upgrade }));
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      throw upgradeRunning(await this.#active.upgrades.running());
    }
    return id;
  }

  async #begin(kind: OperationKind, subject: string, input: Record<string, unknown>): Promise<string> {
    const id = `o${randomBytes(6).toString('hex')}`;
    await this.#active.tuner.apart(() => this.#active.journal.insert({ id, kind, subject, input }));
    await this.#database.audit.insertOne({ what: kind, subject, detail: id, at: new Date() });
    await this.#active.queue.enqueue(id);
    return id;
  }

  async #decide(upgrade: string, kind: DecisionDocument['kind'], what: string): Promise<void> {
    await this.#database.decisions.insertOne({ upgrade, kind, what, at: new Date() });
  }
}

function among(upgrade: UpgradeDocument, states: readonly UpgradeState[]): boolean {
  return states.includes(upgrade.state);
}

function verdictOf(report: ShadowReport | undefined): Verdict | 'none' {
  return report?.verdict ?? 'none';
}

function checkDifferences(report: ShadowReport | undefined, despite: readonly string[]): void {
  const differences = report?.differences ?? [];
  const unknown = despite.find((id) => !differences.some((difference) => difference.id === id));
  if (unknown !== undefined) throw differenceUnknown(unknown);
  const open = differences.filter(({ id, accepted }) => !accepted && !despite.includes(id));
  if (open.length > 0) throw differencesOpen(open);
}

/** Differences, if any, have been looked at. */
function checkVerdict(report: ShadowReport | undefined): void {
  if (report?.otherwise.verdict !== 'identical')
    throw verdictNeedsWord(verdictOf(report), report?.otherwise.because ?? 'nothing was compared yet');
}

function notReady(upgrade: UpgradeDocument): DharmaError {
  return new DharmaError({
    code: 'PROMOTE_NOT_READY',
    message: `upgrade ${upgrade._id} is still being prepared`,
    remedy: 'Wait until it replays: federate shadow status',
    httpStatus: 409,
  });
}
