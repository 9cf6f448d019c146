import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentClient, createLauncher } from '../../cluster-agent/index.js';
import {
  baseEnv,
  distPath,
  messageOf,
  ProxyExchangeSource,
  Supervised,
  systemClock,
  type ChildSpec,
  type Logger,
} from '../../common/index.js';
import { fixedBudget, freeDisk, Keeper, prepareArms, shareOfFree } from '../../shadow/index.js';
import { SHADOW_NODE_FLAGS } from '../daemon/programs.js';
import type { Home } from '../home/home.js';
import type { Runtime } from '../home/runtime.js';
import { Database } from '../state/database.js';
import type { UpgradeDocument } from '../state/documents.js';
import { MergedOutbound } from './merged-outbound.js';

/** How often it looks for clusters that were added while the shadow runs. */
const CLUSTERS_EVERY_MS = 2000;

/** How long the process that compares may take to end its trial and write its last word, ms. */
const COMPARER_STOP_MS = 8000;

export interface WorkerOptions {
  readonly home: Home;
  readonly runtime: Runtime;
  readonly upgrade: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Runs one shadow upgrade: keeps its arms and what is captured at the edge and the agents, and has a process of its own
 * compare, which is started again when it is killed and goes on with the same arms.
 */
export class ShadowWorker {
  /** Rejects when it cannot go on: all has to begin anew. */
  readonly failed: Promise<never>;
  readonly #options: WorkerOptions;
  readonly #database: Database;
  readonly #agents = new Map<string, AgentClient>();
  readonly #outbound = new MergedOutbound();
  #keeper: Keeper | undefined;
  #comparer: Supervised | undefined;
  #serving: Promise<void> = Promise.resolve();
  #joining: NodeJS.Timeout | undefined;
  #joined: Promise<void> = Promise.resolve();
  #fail!: (error: unknown) => void;

  private constructor(options: WorkerOptions, database: Database) {
    this.#options = options;
    this.#database = database;
    this.failed = new Promise<never>((_, reject) => (this.#fail = reject));
    this.failed.catch(() => undefined); // Whoever asks for it gets it.
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

  /** Ends the comparing, the arms and the copying; the copies of requests are removed. */
  async close(): Promise<void> {
    clearInterval(this.#joining);
    await this.#joined;
    await this.#comparer?.stop(COMPARER_STOP_MS);
    await this.#serving;
    await this.#keeper?.close();
    await this.#outbound.close();
    for (const agent of this.#agents.values()) await agent.close();
    await this.#database.close();
    await this.#options.home.removeShadow(this.#options.upgrade);
  }

  async #start(): Promise<void> {
    const { home, upgrade: id, log, signal } = this.#options;
    const upgrade = await this.#database.upgrades.findOne({ _id: id });
    if (upgrade === null) throw new Error(`no upgrade ${id}`);
    await this.#joinAgents();
    // What workers that crashed left, of whatever upgrade: a comparison begins anew, from stores cloned anew.
    for (const left of await readdir(home.shadowDir)) await home.removeShadow(left);
    await mkdir(home.shadow(id), { recursive: true, mode: 0o700 });
    const exchanges = new ProxyExchangeSource({ path: home.edgeSocket, log });
    await exchanges.connected(signal);
    this.#keeper = new Keeper({
      exchanges,
      outbound: this.#outbound,
      prepare: prepareArms,
      own: { launcher: createLauncher(), clock: systemClock, log },
      logFile: join(home.shadow(id), 'log.spool'),
      budget: this.#budget(upgrade),
      log,
    });
    this.#keeper.failed.catch((error: unknown) => this.#fail(error));
    this.#comparer = new Supervised({
      spec: () => this.#comparerSpec(),
      onStart: ({ channel }) => {
        this.#serving = this.#keeper!.serve(channel);
      },
      log,
    });
    this.#joining = setInterval(() => {
      this.#joined = this.#joinAgents().catch((error: unknown) => {
        log.warn({ error: messageOf(error) }, 'could not look for new clusters');
      });
    }, CLUSTERS_EVERY_MS);
  }

  #budget({ options }: UpgradeDocument): ConstructorParameters<typeof Keeper>[0]['budget'] {
    const dir = this.#options.home.shadow(this.#options.upgrade);
    return options?.spoolBytes === undefined
      ? shareOfFree(() => freeDisk(dir))
      : fixedBudget(options.spoolBytes);
  }

  /** The next process that compares, once the last one has been heard to its end. */
  async #comparerSpec(): Promise<ChildSpec> {
    const { home, upgrade } = this.#options;
    await this.#serving;
    if (!this.#keeper!.canGoOn)
      this.#fail(new Error('what compared was killed, and what it had learnt is not kept'));
    await home.removeTrial(upgrade);
    return {
      name: `comparer-${upgrade}`,
      command: process.execPath,
      args: [
        ...SHADOW_NODE_FLAGS,
        distPath('federator/shadow-worker/compare.js'),
        ...['--home', home.dir, '--upgrade', upgrade],
      ],
      env: baseEnv(),
      logFile: home.log(`shadow-${upgrade}`),
      ipc: true,
    };
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
