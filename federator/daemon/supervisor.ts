import { rm } from 'node:fs/promises';
import { DharmaError, messageOf, type Logger, type ProxyIdentity } from '../../common/index.js';
import type { Home } from '../home/home.js';
import { takeLock, type HomeLock } from '../home/lock.js';
import { readRuntime, writeRuntime, type Runtime } from '../home/runtime.js';
import { loadSettings, type Settings } from '../home/settings.js';
import { Edge } from './edge.js';
import { Family } from './family.js';
import { FederatorChild } from './federator-child.js';
import { agentSpec, workerSpec } from './programs.js';
import type { EdgeConfig, SupervisorState } from './protocol.js';
import { cleanStale } from './stale.js';
import { FederationStores } from './stores.js';
import { UnixJsonServer, type JsonHandlers } from './unix-json-server.js';

/** How long each kind of child may take to end, ms. Agents drain their nodes, which drain their clients. */
const STOP_MS = { federator: 10_000, worker: 15_000, agent: 20_000 } as const;

export interface SupervisorOptions {
  readonly home: Home;
  readonly settings: Settings;
  readonly edgePort: number;
  readonly apiPort: number;
  readonly log: Logger;
  readonly onProgress: (text: string) => void;
}

/**
 * The root of a federation's processes on one machine. It decides nothing: it owns the stores, the edge, the federator
 * and, as the federator asks, agents and shadow workers; it restarts what ends, and when it ends, all of it ends.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #lock: HomeLock;
  readonly #agents: Family;
  readonly #workers: Family;
  readonly #startedAt = Date.now();
  #phase: SupervisorState['phase'] = 'starting';
  #control: UnixJsonServer | undefined;
  #stores: FederationStores | undefined;
  #edge: Edge | undefined;
  #federator: FederatorChild | undefined;
  #stopping: Promise<void> | undefined;
  #starting: Promise<Runtime> | undefined;
  readonly #abort = new AbortController();
  readonly #stopped: Promise<void>;
  #resolveStopped!: () => void;

  private constructor(options: SupervisorOptions, lock: HomeLock) {
    this.#options = options;
    this.#lock = lock;
    const { home, log } = options;
    this.#agents = new Family((name) => agentSpec(home, name), log);
    this.#workers = new Family((upgrade) => workerSpec(home, upgrade), log);
    this.#stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
  }

  /** The supervisor of this home; undefined when one runs already. Call `start()` next; `stop()` frees the home. */
  static async claim(options: SupervisorOptions): Promise<Supervisor | undefined> {
    const lock = await takeLock(options.home);
    return lock === undefined ? undefined : new Supervisor(options, lock);
  }

  /** Resolves once everything has ended, by whatever cause. */
  get stopped(): Promise<void> {
    return this.#stopped;
  }

  /** Brings everything up. On an error everything that was started has been stopped. Errors: those of the parts. */
  async start(): Promise<Runtime> {
    this.#starting = this.#bringUp();
    try {
      return await this.#starting;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Ends everything, in an order in which nobody loses what it still needs. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping ??= this.#takeDown();
    await this.#stopping;
  }

  async #bringUp(): Promise<Runtime> {
    const { home, settings, log, onProgress, edgePort, apiPort } = this.#options;
    const { signal } = this.#abort;
    if ((await cleanStale(home, settings.id, log)) > 0) onProgress('cleaned up after a killed run');
    this.#control = await UnixJsonServer.listen(home.supervisorSocket, this.#handlers(), log);
    onProgress('starting the stores');
    this.#stores = new FederationStores(home, settings, log);
    const uris = await this.#stores.start(signal);
    onProgress('starting the edge proxy');
    this.#edge = new Edge(home, { ...settings.edge, port: edgePort }, log);
    const edge = await this.#edge.start(signal);
    const runtime: Runtime = {
      federation: settings.id,
      ...uris,
      edge,
      api: { port: apiPort },
      rollbackWindowMs: settings.rollbackWindow,
    };
    await writeRuntime(home, runtime);
    onProgress('starting the federator');
    signal.throwIfAborted();
    this.#federator = new FederatorChild(home, apiPort, log, onProgress);
    const port = await orAborted(this.#federator.started, signal);
    const complete = { ...runtime, api: { port } };
    await writeRuntime(home, complete);
    this.#phase = 'up';
    log.info({ edge, api: port }, 'up');
    return complete;
  }

  async #takeDown(): Promise<void> {
    this.#phase = 'stopping';
    this.#abort.abort(
      new DharmaError({ code: 'STOPPED', message: 'stopped while it started', remedy: 'Run: federate up' }),
    );
    await this.#starting?.catch(() => undefined); // Its own caller gets the error.
    // The federator first, so that nobody asks for what we take down; the edge drains while its nodes still answer.
    await this.#step('federator', () => this.#federator?.stop(STOP_MS.federator));
    await this.#step('shadow workers', () => this.#workers.close(STOP_MS.worker));
    await this.#step('edge', () => this.#edge?.stop());
    await this.#step('agents', () => this.#agents.close(STOP_MS.agent));
    await this.#step('stores', () => this.#stores?.stop());
    await this.#step('control socket', () => this.#control?.close());
    await rm(this.#options.home.runtimeFile, { force: true });
    await this.#lock.release();
    this.#options.log.info('down');
    this.#resolveStopped();
  }

  /** One part of the way down: a failure there must not keep the others up. */
  async #step(what: string, stop: () => Promise<void> | undefined): Promise<void> {
    try {
      await stop();
    } catch (error) {
      this.#options.log.error({ what, error: messageOf(error) }, 'did not stop cleanly');
    }
  }

  #handlers(): JsonHandlers {
    return {
      'GET state': async () => this.state(),
      'GET edge-counts': async () => this.#edge?.counts ?? { since: 0, clusters: {} },
      'PUT agents': async ({ path }) => this.#agents.run(path[0]!),
      'DELETE agents': async ({ path }) => this.#agents.remove(path[0]!, STOP_MS.agent),
      'PUT workers': async ({ path }) => this.#workers.run(path[0]!),
      'DELETE workers': async ({ path }) => this.#removeWorker(path[0]!),
      // The federator is ours and the socket is 0600: the proxy itself checks the document.
      'PUT edge': async ({ body }) => this.#edge?.configure(body as EdgeConfig),
      'POST replace-edge': async () => this.#replaceEdge(),
      'POST purge': async ({ body }) => ({
        count: await this.#edge?.purgeAssets((body as { prefix: string }).prefix),
      }),
      'POST forget-app-assets': async () => this.#edge?.forgetAppAssets(),
      'POST stop': async () => {
        void this.stop();
      },
    };
  }

  /** The edge's part of federation.json may have changed since; a port that `up` was told stays. */
  async #replaceEdge(): Promise<ProxyIdentity> {
    const { home, settings, edgePort } = this.#options;
    const { edge } = await loadSettings(home);
    const told = edgePort !== settings.edge.port;
    const identity = await this.#edge!.replace(told ? { ...edge, port: edgePort } : edge);
    await writeRuntime(home, { ...(await readRuntime(home)), edge: this.#edge!.address() });
    return identity;
  }

  /** A worker removes what it made; one that was killed and not started again cannot, and it holds clones of live. */
  async #removeWorker(upgrade: string): Promise<void> {
    const { home } = this.#options;
    await this.#workers.remove(upgrade, STOP_MS.worker);
    await home.removeShadow(upgrade);
  }

  state(): SupervisorState {
    const { settings, edgePort } = this.#options;
    return {
      pid: process.pid,
      startedAt: this.#startedAt,
      phase: this.#phase,
      edge: this.#edge?.state() ?? { address: settings.edge.address, port: edgePort, restarts: 0 },
      federator: this.#federator?.state() ?? { name: 'federator', restarts: 0 },
      stores: this.#stores?.state() ?? [],
      agents: this.#agents.state(),
      workers: this.#workers.state(),
    };
  }
}

async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    promise.then(resolve, reject);
  });
}
