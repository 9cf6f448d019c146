import { z } from 'zod';
import { DharmaError, type ProxyIdentity } from '../../common/index.js';
import type { Home } from '../home/home.js';
import { notRunning } from '../home/token.js';
import { edgeCountsSchema, type EdgeCounts } from './edge-counts.js';
import { identitySchema, supervisorStateSchema, type EdgeConfig, type SupervisorState } from './protocol.js';
import { unixJson } from './unix-json.js';

/** No answer of the supervisor's takes longer: it only starts and ends processes. */
const DEADLINE_MS = 30_000;

/** The supervisor, as its federator and the CLI see it. Errors: NOT_RUNNING. */
export class SupervisorClient {
  readonly #home: Home;

  constructor(home: Home) {
    this.#home = home;
  }

  async state(): Promise<SupervisorState> {
    return supervisorStateSchema.parse(await this.#call('GET', '/state'));
  }
  /** What clients saw of each cluster since the edge was started. */
  async edgeCounts(): Promise<EdgeCounts> {
    return edgeCountsSchema.parse(await this.#call('GET', '/edge-counts'));
  }
  async runAgent(name: string): Promise<void> {
    await this.#call('PUT', `/agents/${name}`);
  }
  async stopAgent(name: string): Promise<void> {
    await this.#call('DELETE', `/agents/${name}`);
  }
  async runWorker(upgrade: string): Promise<void> {
    await this.#call('PUT', `/workers/${upgrade}`);
  }
  async stopWorker(upgrade: string): Promise<void> {
    await this.#call('DELETE', `/workers/${upgrade}`);
  }
  async configureEdge(config: EdgeConfig): Promise<void> {
    await this.#call('PUT', '/edge', config);
  }
  /** Puts another process in the edge's place. Errors: those of Edge.replace, CONFIG_INVALID, CONFIG_NOT_JSON. */
  async replaceEdge(): Promise<ProxyIdentity> {
    return identitySchema.parse(await this.#call('POST', '/replace-edge'));
  }
  /** Resolves with how many stored answers went. Error: NO_ASSET_CACHE. */
  async purgeAssets(prefix: string): Promise<number> {
    return z.object({ count: z.int() }).parse(await this.#call('POST', '/purge', { prefix })).count;
  }
  /** What the edge has stored of the app's own assets goes: another release serves. */
  async forgetAppAssets(): Promise<void> {
    await this.#call('POST', '/forget-app-assets');
  }
  /** Asks it to stop everything; it goes on doing so after the answer. */
  async stop(): Promise<void> {
    await this.#call('POST', '/stop');
  }

  async #call(method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown> {
    try {
      return await unixJson(this.#home.supervisorSocket, {
        method,
        path,
        body,
        signal: AbortSignal.timeout(DEADLINE_MS),
      });
    } catch (error) {
      if (error instanceof DharmaError && error.code === 'NOT_ANSWERING') throw notRunning(this.#home);
      throw error;
    }
  }
}
