import { setTimeout as pause } from 'node:timers/promises';
import type { z } from 'zod';
import {
  acceptedRuleSchema,
  acceptedRulesSchema,
  DharmaError,
  ExitCode,
  systemCode,
  type AcceptedRule,
  type DharmaErrorJson,
  type ProxyIdentity,
  type ShadowReport,
  type ShadowStatus,
  type SizeQuestion,
} from '../../common/index.js';
import {
  endpointsSchema,
  explanationsSchema,
  operationSchema,
  statusSchema,
  upgradeSchema,
  type acceptSchema,
  type addClusterSchema,
  type ClusterEndpoints,
  type Explanations,
  type configureSchema,
  type deploySchema,
  type FederationStatus,
  type Operation,
  type promoteSchema,
  type purgeSchema,
  type startShadowSchema,
  type tuningOrderSchema,
  type Upgrade,
} from '../api/schemas.js';
import { identitySchema } from '../daemon/protocol.js';
import type { Home } from '../home/home.js';
import { tuningSchema, type TuningView } from '../tuning/view.js';
import { readRuntime } from '../home/runtime.js';
import { notRunning, readToken } from '../home/token.js';

/** How often a piece of long work is looked at: often enough that its steps can be followed. */
const POLL_MS = 100;

/** How long a federator may be away before whoever follows its work gives up: restarts take a few seconds. */
const AWAY_MS = 30_000;

/** Exit codes of the errors the API tells: they do not travel. */
const EXIT_CODES: Readonly<Record<string, ExitCode>> = {
  DIFFERENCES_OPEN: ExitCode.inputNeeded,
  VERDICT_NEEDS_WORD: ExitCode.inputNeeded,
  REPORT_NOT_READY: ExitCode.degraded,
  CONFIG_INVALID: ExitCode.usage,
  REQUEST_INVALID: ExitCode.usage,
};

export interface ShadowTold {
  readonly upgrade: string;
  readonly at: string;
  readonly status: ShadowStatus;
  readonly report: ShadowReport | null;
}

/** The federation's API as the CLI (and whoever drives a federation from Node) calls it. */
export class FederationClient {
  readonly #url: string;
  readonly #token: string;
  readonly #home: Home;

  constructor(url: string, token: string, home: Home) {
    this.#url = url;
    this.#token = token;
    this.#home = home;
  }

  /** The client of the federation that runs in `home`. Error: NOT_RUNNING. */
  static async connect(home: Home): Promise<FederationClient> {
    const { api } = await readRuntime(home);
    return new FederationClient(`http://127.0.0.1:${api.port}`, await readToken(home), home);
  }

  async status(signal: AbortSignal): Promise<FederationStatus> {
    return statusSchema.parse(await this.#call('GET', '/v1/status', undefined, signal));
  }
  /** The route map of all clusters, or of one. */
  async endpoints(cluster: string | undefined, signal: AbortSignal): Promise<ClusterEndpoints[]> {
    return endpointsSchema.parse(await this.#call('GET', `/v1/endpoints${of(cluster)}`, undefined, signal));
  }
  /** The last decisions on size, or those that would be taken now. */
  async explanations(
    question: SizeQuestion,
    cluster: string | undefined,
    signal: AbortSignal,
  ): Promise<Explanations> {
    const page = question === 'next' ? 'plan' : 'explain';
    return explanationsSchema.parse(await this.#call('GET', `/v1/${page}${of(cluster)}`, undefined, signal));
  }
  async addCluster(body: z.input<typeof addClusterSchema>, signal: AbortSignal): Promise<string> {
    return this.#begin('POST', '/v1/clusters', body, signal);
  }
  async removeCluster(name: string, signal: AbortSignal): Promise<string> {
    return this.#begin('DELETE', `/v1/clusters/${encodeURIComponent(name)}`, undefined, signal);
  }
  /** Of the edge where no cluster is named. */
  async replaceProxy(cluster: string | undefined, signal: AbortSignal): Promise<ProxyIdentity> {
    const whose = cluster === undefined ? 'edge' : `clusters/${encodeURIComponent(cluster)}`;
    return identitySchema.parse(await this.#call('POST', `/v1/${whose}/proxy/replace`, undefined, signal));
  }
  async configure(name: string, body: z.input<typeof configureSchema>, signal: AbortSignal): Promise<string> {
    return this.#begin('PATCH', `/v1/clusters/${encodeURIComponent(name)}`, body, signal);
  }
  async deploy(body: z.input<typeof deploySchema>, signal: AbortSignal): Promise<string> {
    return this.#begin('POST', '/v1/deploys', body, signal);
  }
  async startShadow(body: z.input<typeof startShadowSchema>, signal: AbortSignal): Promise<string> {
    return this.#begin('POST', '/v1/upgrades', body, signal);
  }
  async stopShadow(signal: AbortSignal): Promise<string> {
    return this.#begin('POST', '/v1/upgrades/current/stop', undefined, signal);
  }
  async promote(body: z.input<typeof promoteSchema>, signal: AbortSignal): Promise<string> {
    return this.#begin('POST', '/v1/upgrades/current/promote', body, signal);
  }
  async rollback(signal: AbortSignal): Promise<string> {
    return this.#begin('POST', '/v1/rollback', undefined, signal);
  }
  async tuning(signal: AbortSignal): Promise<TuningView> {
    return tuningSchema.parse(await this.#call('GET', '/v1/tuning', undefined, signal));
  }
  /** Errors: CLUSTER_UNKNOWN, TUNING_NOTHING_TAKEN. */
  async orderTuning(body: z.input<typeof tuningOrderSchema>, signal: AbortSignal): Promise<TuningView> {
    return tuningSchema.parse(await this.#call('POST', '/v1/tuning', body, signal));
  }
  async accept(body: z.input<typeof acceptSchema>, signal: AbortSignal): Promise<AcceptedRule> {
    return acceptedRuleSchema.parse(await this.#call('POST', '/v1/upgrades/current/accept', body, signal));
  }
  async acceptedRules(signal: AbortSignal): Promise<readonly AcceptedRule[]> {
    return acceptedRulesSchema.parse(await this.#call('GET', '/v1/accepted', undefined, signal));
  }
  async unaccept(id: string, signal: AbortSignal): Promise<void> {
    await this.#call('DELETE', `/v1/accepted/${encodeURIComponent(id)}`, undefined, signal);
  }
  /** Resolves with how many stored answers went. Error: NO_ASSET_CACHE. */
  async purgeAssets(prefix: string, signal: AbortSignal): Promise<number> {
    const body: z.input<typeof purgeSchema> = { prefix };
    return ((await this.#call('POST', '/v1/assets/purge', body, signal)) as { count: number }).count;
  }
  async upgrade(id: string, signal: AbortSignal): Promise<Upgrade> {
    return upgradeSchema.parse(await this.#call('GET', `/v1/upgrades/${id}`, undefined, signal));
  }
  /** What the shadow told last. Errors: UPGRADE_UNKNOWN, REPORT_NOT_READY. */
  async shadow(id: string, signal: AbortSignal): Promise<ShadowTold> {
    // The engine's own document, from a worker of this version.
    return (await this.#call('GET', `/v1/upgrades/${id}/shadow`, undefined, signal)) as ShadowTold;
  }

  /** Waits for the end of long work, telling each thing it does. Error: the operation's own. */
  async follow(id: string, onDoing: (doing: string) => void, signal: AbortSignal): Promise<Operation> {
    let lastSeen = performance.now();
    for (;;) {
      const operation = await this.#operation(id, signal);
      if (operation?.state === 'done') return operation;
      if (operation?.state === 'failed') throw operationError(operation);
      if (operation !== undefined) {
        onDoing(operation.doing);
        lastSeen = performance.now();
      } else if (performance.now() - lastSeen > AWAY_MS) throw notRunning(this.#home);
      await pause(POLL_MS, undefined, { signal });
    }
  }

  /** Undefined while the federator is being restarted: the work goes on when it is back. */
  async #operation(id: string, signal: AbortSignal): Promise<Operation | undefined> {
    try {
      return operationSchema.parse(await this.#once('GET', `/v1/operations/${id}`, undefined, signal));
    } catch (error) {
      if (error instanceof DharmaError && TRANSIENT.has(error.code)) return undefined;
      throw error;
    }
  }

  async #begin(method: string, path: string, body: unknown, signal: AbortSignal): Promise<string> {
    const answer = (await this.#call(method, path, body, signal)) as { operation: string };
    return answer.operation;
  }

  /** Asks again while no instance is active: nothing has been done then, and one takes over within seconds. */
  async #call(method: string, path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    const giveUpAt = performance.now() + AWAY_MS;
    for (;;) {
      try {
        return await this.#once(method, path, body, signal);
      } catch (error) {
        const isAway = error instanceof DharmaError && error.code === 'NO_ACTIVE_INSTANCE';
        if (!isAway || performance.now() > giveUpAt) throw error;
      }
      await pause(POLL_MS, undefined, { signal });
    }
  }

  async #once(method: string, path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    let response: Response;
    try {
      response = await fetch(`${this.#url}${path}`, {
        method,
        signal,
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw this.#unreachable(error);
    }
    const text = await response.text();
    const value: unknown = text === '' ? undefined : JSON.parse(text);
    if (response.ok) return value;
    throw remoteError((value as { error?: DharmaErrorJson } | undefined)?.error ?? unknownError(path));
  }

  #unreachable(error: unknown): DharmaError {
    const code = systemCode(error instanceof Error ? error.cause : error);
    if (code === 'ECONNREFUSED') return notRunning(this.#home);
    return new DharmaError({
      code: 'API_UNREACHABLE',
      message: `the federation's API at ${this.#url} does not answer`,
      ...(code === undefined ? {} : { found: code }),
      remedy: 'It is restarted by itself; try again, and see: federate logs federator',
      cause: error,
    });
  }
}

function of(cluster: string | undefined): string {
  return cluster === undefined ? '' : `?cluster=${encodeURIComponent(cluster)}`;
}

/** What an API that restarts answers meanwhile. */
const TRANSIENT: ReadonlySet<string> = new Set([
  'NOT_RUNNING',
  'API_UNREACHABLE',
  'NO_ACTIVE_INSTANCE',
  'LEASE_LOST',
  'STORE_UNAVAILABLE',
]);

function operationError({ id, error }: Operation): DharmaError {
  if (error === undefined) return remoteError(unknownError(id));
  const { found, ...rest } = error;
  return remoteError({ ...rest, ...(found === undefined ? {} : { found }) });
}

function remoteError(error: DharmaErrorJson): DharmaError {
  const exitCode = EXIT_CODES[error.code];
  return new DharmaError({ ...error, ...(exitCode === undefined ? {} : { exitCode }) });
}

function unknownError(what: string): DharmaErrorJson {
  return {
    code: 'INTERNAL',
    message: `${what} failed without a word`,
    remedy: 'See: federate logs federator',
  };
}
