import { mkdir, readdir } from 'node:fs/promises';
import { AgentClient, createLauncher, createReleaseStore } from '../../cluster-agent/index.js';
import { messageOf, ProxyExchangeSource, type Logger, type Release } from '../../common/index.js';
import { startShadow, type ShadowRun } from '../../shadow/index.js';
import type { Home } from '../home/home.js';
import type { Runtime } from '../home/runtime.js';
import { Database } from '../state/database.js';
import type { UpgradeDocument } from '../state/documents.js';
import { earlierRuns } from './earlier.js';
import { liveSurroundings } from './live.js';
import { MergedOutbound } from './merged-outbound.js';
import { Reporter } from './reporter.js';

/** How often it looks for clusters that were added while the shadow runs. */
const CLUSTERS_EVERY_MS = 2000;

export interface WorkerOptions {
  readonly home: Home;
  readonly runtime: Runtime;
  readonly upgrade: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Runs one shadow upgrade: wires the engine to the edge, the agents and the stores, and tells what it finds. */
export class ShadowWorker {
  readonly #options: WorkerOptions;
  readonly #database: Database;
  readonly #agents = new Map<string, AgentClient>();
  readonly #outbound = new MergedOutbound();
  #run: ShadowRun | undefined;
  #reporter: Reporter | undefined;
  #joining: NodeJS.Timeout | undefined;
  #joined: Promise<void> = Promise.resolve();

  private constructor(options: WorkerOptions, database: Database) {
    this.#options = options;
    this.#database = database;
  }

  /** Resolves when the capture has begun. What keeps the arms from starting is told in the status. */
  static async start(options: WorkerOptions): Promise<ShadowWorker> {
    const worker = new ShadowWorker(options, await Database.open(options.runtime.stores.mongo));
    try {
      await worker.#start();
      return worker;
    } catch (error) {
      await worker.close();
      throw error;
    }
  }

  /** Ends the arms and the copying; the report's last word is written, the copies of requests are removed. */
  async close(): Promise<void> {
    clearInterval(this.#joining);
    await this.#joined;
    await this.#run?.stop();
    await this.#reporter?.close();
    await this.#outbound.close();
    for (const agent of this.#agents.values()) await agent.close();
    await this.#database.close();
    await this.#options.home.removeShadow(this.#options.upgrade);
  }

  get #workDir(): string {
    return this.#options.home.shadowWork(this.#options.upgrade);
  }

  async #start(): Promise<void> {
    const { home, runtime, upgrade: id, log, signal } = this.#options;
    const upgrade = await this.#upgrade();
    const [old, next] = await this.#releases(upgrade);
    await this.#joinAgents();
    // What workers that crashed left, of whatever upgrade: a comparison begins anew, from stores cloned anew.
    for (const left of await readdir(home.shadowDir)) await home.removeShadow(left);
    await mkdir(home.shadow(id), { recursive: true, mode: 0o700 });
    const exchanges = new ProxyExchangeSource({ path: home.edgeSocket, log });
    await exchanges.connected(signal);
    const earlier = earlierRuns(await this.#database.reports.findOne({ _id: id }));
    if (earlier !== undefined)
      await this.#database.reports.updateOne(
        { _id: id },
        // Its counts are in `earlier` now: killed again before it tells anything, this worker must not count them twice.
        { $set: { earlier, report: null, 'status.ledger.compared': 0, 'status.phase': 'preparing' } },
      );
    this.#run = await startShadow({
      upgrade: id,
      workDir: this.#workDir,
      old,
      new: next,
      live: runtime.app,
      ...liveSurroundings(old.manifest, await this.#database.clusters.find().toArray(), home.writableDir),
      exchanges,
      outbound: this.#outbound,
      launcher: createLauncher(),
      ...(earlier === undefined ? {} : { earlier }),
      ...(upgrade.options ?? {}),
      log,
    });
    this.#reporter = new Reporter(this.#database, id, this.#run, log);
    this.#joining = setInterval(() => {
      this.#joined = this.#joinAgents().catch((error: unknown) => {
        log.warn({ error: messageOf(error) }, 'could not look for new clusters');
      });
    }, CLUSTERS_EVERY_MS);
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

  /** Reads the outbound calls of every cluster there is. */
  async #joinAgents(): Promise<void> {
    const { home, log } = this.#options;
    for (const { _id: name } of await this.#database.clusters.find().toArray()) {
      if (this.#outbound.has(name)) continue;
      const agent = new AgentClient({ dir: home.cluster(name), log });
      this.#agents.set(name, agent);
      this.#outbound.add(name, agent.outbound());
    }
  }
}
