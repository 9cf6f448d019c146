import { createLauncher, createReleaseStore } from '../../cluster-agent/index.js';
import { DharmaError, type EarlierRuns, type Logger, type Release } from '../../common/index.js';
import {
  startShadow,
  type KeptRun,
  type LiveAttributionOptions,
  type RunningShadow,
} from '../../shadow/index.js';
import type { Home } from '../home/home.js';
import type { Runtime } from '../home/runtime.js';
import { Database } from '../state/database.js';
import type { ReportDocument, UpgradeDocument } from '../state/documents.js';
import { earlierRuns } from './earlier.js';
import { liveSurroundings } from './live.js';
import { Reporter } from './reporter.js';

export interface ComparerOptions {
  readonly home: Home;
  readonly runtime: Runtime;
  readonly upgrade: string;
  /** What the worker keeps. */
  readonly kept: KeptRun;
  readonly log: Logger;
}

/** Compares what the worker's arms make of live's requests, and tells what it finds. The owner must `close()` it. */
export class Comparer {
  readonly #options: ComparerOptions;
  readonly #database: Database;
  #run: RunningShadow | undefined;
  #reporting: Promise<Reporter> | undefined;

  private constructor(options: ComparerOptions, database: Database) {
    this.#options = options;
    this.#database = database;
  }

  static async start(options: ComparerOptions): Promise<Comparer> {
    const comparer = new Comparer(options, await Database.open(options.runtime.stores.mongo));
    try {
      await comparer.#start();
      return comparer;
    } catch (error) {
      await comparer.close();
      throw error;
    }
  }

  /** Rejects when it cannot go on where the one before it was killed: then nobody can. */
  get failed(): Promise<unknown> {
    return Promise.resolve(this.#reporting).then(() => new Promise(() => undefined));
  }

  /** The report's last word is written. */
  async close(): Promise<void> {
    await this.#run?.stop();
    await (await this.#reporting?.catch(() => undefined))?.close(); // Told by `failed`.
    await this.#database.close();
  }

  async #start(): Promise<void> {
    const { home, runtime, upgrade: id, kept, log } = this.#options;
    const upgrade = await this.#upgrade();
    const [old, next] = await this.#releases(upgrade);
    const told = await this.#database.reports.findOne({ _id: id });
    const earlier = await this.#earlier(told);
    const { attributeMs, ...how } = upgrade.options ?? {};
    this.#run = await startShadow(
      {
        upgrade: id,
        workDir: home.shadowWork(id),
        old,
        new: next,
        live: runtime.app,
        ...liveSurroundings(
          old.manifest,
          await this.#database.clusters.find().toArray(),
          home.writableDir,
          upgrade.configs,
        ),
        ...kept.options,
        launcher: createLauncher(),
        ...(earlier === undefined ? {} : { earlier }),
        ...how,
        log,
      },
      // All that a config changes changes at once, as what a cron does: beside them no part of a release could be tried apart.
      attributeMs === 0 || upgrade.configs !== undefined || how.cron !== undefined
        ? undefined
        : this.#attribution(attributeMs, told),
    );
    this.#reporting = this.#report(this.#run);
  }

  /** One that goes on has nothing to tell until it knows what the one before it knew. */
  async #report(run: RunningShadow): Promise<Reporter> {
    const { kept, upgrade, log } = this.#options;
    if (kept.earlierLives > 0) {
      // Arms that could not be had are told as ever; those that stand and cannot be gone on with are not.
      const stand = await run.ready().then(
        () => true,
        () => false,
      );
      const { error } = run.status();
      if (stand && error !== undefined) throw new DharmaError(error);
    }
    return new Reporter(this.#database, upgrade, run, log);
  }

  /** What runs found whose arms are gone; this one begins anew then. One that goes on has their word from the first. */
  async #earlier(told: ReportDocument | null): Promise<EarlierRuns | undefined> {
    const { upgrade: id, kept } = this.#options;
    if (kept.earlierLives > 0) return told?.earlier;
    const earlier = earlierRuns(told);
    if (earlier !== undefined)
      await this.#database.reports.updateOne(
        { _id: id },
        // Its counts are in `earlier` now: killed again before it tells anything, this worker must not count them twice.
        { $set: { earlier, report: null, 'status.ledger.compared': 0, 'status.phase': 'preparing' } },
      );
    return earlier;
  }

  #attribution(deadlineMs: number | undefined, last: ReportDocument | null): LiveAttributionOptions {
    const { home, upgrade, kept } = this.#options;
    const told = kept.earlierLives > 0 ? last?.report?.attribution : undefined;
    return {
      ...(told === undefined ? {} : { told }),
      // Of its own: a mix that a killed process leaves goes with the rest.
      releases: createReleaseStore({ dir: home.shadowMixes(upgrade) }),
      trialDir: home.shadowTrial(upgrade),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    };
  }

  async #upgrade(): Promise<UpgradeDocument> {
    const upgrade = await this.#database.upgrades.findOne({ _id: this.#options.upgrade });
    if (upgrade === null) throw new Error(`no upgrade ${this.#options.upgrade}`);
    return upgrade;
  }

  async #releases({ base, next }: UpgradeDocument): Promise<[Release, Release]> {
    const store = createReleaseStore({ dir: this.#options.home.releasesDir });
    const [old, updated] = await Promise.all([store.get(base), next === null ? undefined : store.get(next)]);
    if (old === undefined || updated === undefined)
      throw new Error(`release ${base} or ${next} is not installed`);
    return [old, updated];
  }
}
