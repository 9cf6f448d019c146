import { Client, Pool } from 'undici';
import {
  DharmaError,
  messageOf,
  sizingExplanationSchema,
  systemClock,
  systemCode,
  throwIfAborted,
  type ClusterSpec,
  type ClusterStatus,
  type DharmaErrorJson,
  type Logger,
  type SizeQuestion,
  type SizingExplanation,
  type ProxyIdentity,
} from '../../common/index.js';
import type { NodeLog } from '../agent/logs.js';
import { AgentCallSource } from './call-source.js';
import { agentSocket } from './socket.js';

/** How often `waitUntil` asks, ms: a status costs the agent next to nothing. */
const ASK_EVERY_MS = 50;

/** An agent over its unix socket. The owner must `close()` it. */
export class AgentClient {
  readonly #socketPath: string;
  readonly #pool: Pool;
  readonly #log: Logger;

  /** `dir`: the cluster's folder. */
  constructor(options: { readonly dir: string; readonly log: Logger }) {
    this.#socketPath = agentSocket(options.dir);
    this.#log = options.log;
    this.#pool = new Pool('http://agent', { socketPath: this.#socketPath, connections: 4 });
  }

  /** Errors: NOT_ANSWERING, SPEC_OUTDATED, WRONG_CLUSTER, NOT_BUILT_YET, CONFIG_INVALID. */
  async putSpec(spec: ClusterSpec, signal: AbortSignal): Promise<void> {
    await this.#call('PUT', '/spec', signal, spec);
  }

  /** Errors: NOT_ANSWERING, PROXY_NOT_RUNNING, those of ProxyProcess.replace. */
  async replaceProxy(signal: AbortSignal): Promise<ProxyIdentity> {
    return (await this.#call('POST', '/proxy/replace', signal)) as ProxyIdentity;
  }

  /** Error: NOT_ANSWERING. Generation 0 before the agent has been told a spec. */
  async status(signal: AbortSignal): Promise<ClusterStatus> {
    return (await this.#call('GET', '/status', signal)) as ClusterStatus;
  }

  /** Why it has so many nodes, or what would be decided now. Errors: NOT_ANSWERING, NOTHING_DECIDED. */
  async explanation(of: SizeQuestion, signal: AbortSignal): Promise<SizingExplanation> {
    const page = of === 'next' ? '/size-plan' : '/explanation';
    return sizingExplanationSchema.parse(await this.#call('GET', page, signal));
  }

  /** Resolves with the first status for which `arrived` holds. Rejects with the signal's reason. */
  async waitUntil(arrived: (status: ClusterStatus) => boolean, signal: AbortSignal): Promise<ClusterStatus> {
    for (;;) {
      throwIfAborted(signal);
      const status = await this.status(signal).catch((error: unknown) => {
        // It starts, or restarts.
        if (error instanceof DharmaError && error.code === 'NOT_ANSWERING') return undefined;
        throw error;
      });
      if (status !== undefined && arrived(status)) return status;
      await systemClock.sleep(ASK_EVERY_MS, signal);
    }
  }

  /** The ends of the logs: of one node (or `proxy`), or of all. Errors: NOT_ANSWERING, LOG_NOT_FOUND. */
  async logs(
    signal: AbortSignal,
    options: { readonly node?: string; readonly bytes?: number } = {},
  ): Promise<NodeLog[]> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(options)) query.set(name, String(value));
    return (await this.#call('GET', `/logs?${query.toString()}`, signal)) as NodeLog[];
  }

  /** The outbound calls its nodes make from now on, while they are recorded. Connects again whenever it is cut off. */
  outbound(): AgentCallSource {
    return new AgentCallSource(
      () => new Client('http://agent', { socketPath: this.#socketPath, bodyTimeout: 0 }),
      this.#log,
    );
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #call(
    method: 'GET' | 'PUT' | 'POST',
    path: string,
    signal: AbortSignal,
    body?: unknown,
  ): Promise<unknown> {
    try {
      const answer = await this.#pool.request({
        method,
        path,
        signal,
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
      const value: unknown = await answer.body.json();
      if (answer.statusCode < 400) return value;
      throw new DharmaError({
        ...(value as { error: DharmaErrorJson }).error,
        httpStatus: answer.statusCode,
      });
    } catch (error) {
      throwIfAborted(signal);
      throw this.#translated(error);
    }
  }

  #translated(error: unknown): unknown {
    const gone = ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'];
    if (!gone.includes(systemCode(error) ?? '')) return error;
    return new DharmaError({
      code: 'NOT_ANSWERING',
      message: 'the agent does not answer',
      found: `${this.#socketPath}: ${messageOf(error)}`,
      remedy: 'It is started again by itself; see federate status',
      httpStatus: 503,
      cause: error,
    });
  }
}
