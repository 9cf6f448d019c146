import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { Lease, systemClock, systemCode, type Logger, type ReleaseStore } from '../../common/index.js';
import { migrate } from '../../migrations/index.js';
import { createApi } from '../api/app.js';
import type { ApiRole } from '../api/role.js';
import type { AgentPort } from '../clusters/agent-port.js';
import type { SupervisorClient } from '../daemon/client.js';
import type { Home } from '../home/home.js';
import { portTaken } from '../home/port-owner.js';
import type { Runtime } from '../home/runtime.js';
import { Database } from '../state/database.js';
import { ACTIVE_LEASE } from '../state/fence.js';
import { ActiveFederator } from './active.js';
import { Commands } from './commands.js';
import { Forwarder } from './forward.js';
import { Views } from './views.js';

/** An instance that dies is replaced by another after this; renewed three times within it. */
export const LEASE_TTL_MS = 6000;

/** How long a request waits for an instance that is just taking over. */
const TAKEOVER_MS = 5000;

export interface InstanceOptions {
  readonly home: Home;
  readonly runtime: Runtime;
  /** Unique among the instances of a federation, stable over restarts. */
  readonly name: string;
  readonly port: number;
  readonly token: string;
  readonly supervisor: SupervisorClient;
  readonly releases: ReleaseStore;
  readonly agent: (cluster: string) => AgentPort;
  readonly agentSocket: (cluster: string) => string;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly leaseTtlMs?: number;
}

/** One federator: it answers for the whole federation, by itself while it holds the lease, else through who does. */
export class FederatorInstance {
  readonly #options: InstanceOptions;
  readonly #database: Database;
  readonly #forwarder: Forwarder;
  #api: FastifyInstance | undefined;
  #lease: Lease | undefined;
  #active: { federator: ActiveFederator; role: Extract<ApiRole, { active: true }> } | undefined;
  /** Takeovers and losses, one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #port = 0;

  private constructor(options: InstanceOptions, database: Database) {
    this.#options = options;
    this.#database = database;
    this.#forwarder = new Forwarder(options.log);
  }

  /** Resolves when it answers requests. Errors: PORT_TAKEN, SCHEMA_TOO_NEW, the store's. */
  static async start(options: InstanceOptions): Promise<FederatorInstance> {
    const database = await Database.open(options.runtime.stores.mongo);
    const instance = new FederatorInstance(options, database);
    try {
      await migrate(database.db, { log: options.log, signal: options.signal });
      await instance.#listen();
      instance.#takePart();
      return instance;
    } catch (error) {
      await instance.close();
      throw error;
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }
  get port(): number {
    return this.#port;
  }
  get active(): boolean {
    return this.#active !== undefined;
  }

  /** Gives the lease back: what runs is interrupted, and taken up by whoever is active next. */
  async close(): Promise<void> {
    await this.#api?.close();
    await this.#lease?.close();
    await this.#turn;
    await this.#endActive();
    this.#forwarder.close();
    await this.#database.close();
  }

  async #listen(): Promise<void> {
    const { token, name, agentSocket, log, port } = this.#options;
    this.#api = await createApi({
      token,
      instance: { name },
      role: () => this.#role(),
      forwarder: this.#forwarder,
      agentSocket,
      log,
    });
    try {
      await this.#api.listen({ host: '127.0.0.1', port });
    } catch (error) {
      if (systemCode(error) !== 'EADDRINUSE') throw error;
      throw portTaken(
        'the API',
        port,
        'Take another port with --api-port N, or set api.port in federation.json.',
      );
    }
    const address = this.#api.server.address();
    this.#port = typeof address === 'object' && address !== null ? address.port : port;
  }

  #takePart(): void {
    const { name, log, leaseTtlMs = LEASE_TTL_MS } = this.#options;
    this.#lease = new Lease(
      this.#database.db,
      { name: ACTIVE_LEASE, holder: name, session: randomUUID(), ttlMs: leaseTtlMs, url: this.url },
      {
        onTaken: (epoch) => this.#then(() => this.#becomeActive(epoch)),
        onLost: () => this.#then(() => this.#endActive()),
      },
      log,
    );
  }

  #then(what: () => Promise<void>): void {
    this.#turn = this.#turn.then(what);
    // A takeover that fails is a bug or a store that is away: the process ends and is started again.
    this.#turn.catch((error: unknown) => {
      this.#options.log.fatal({ error: error instanceof Error ? error.stack : error }, 'takeover failed');
      process.exit(1);
    });
  }

  async #becomeActive(epoch: number): Promise<void> {
    const { home, runtime, supervisor, releases, agent, log } = this.#options;
    const lease = this.#lease;
    if (lease === undefined || !lease.held) return;
    log.info({ epoch }, 'this instance is active');
    const federator = await ActiveFederator.start({
      home,
      runtime,
      database: this.#database,
      lease,
      epoch,
      supervisor,
      releases,
      agent,
      log,
    });
    const commands = new Commands(federator, this.#database, supervisor);
    const views = new Views(federator, this.#database, runtime, supervisor);
    this.#active = { federator, role: { active: true, commands, views } };
  }

  async #endActive(): Promise<void> {
    const active = this.#active;
    this.#active = undefined;
    if (active === undefined) return;
    this.#options.log.warn('this instance is no longer active');
    await active.federator.close();
  }

  /** Who answers: this instance, the one the lease names, or (after waiting for a takeover) nobody. */
  async #role(): Promise<ApiRole> {
    const giveUpAt = systemClock.monotonic() + TAKEOVER_MS;
    for (;;) {
      if (this.#active !== undefined && this.#lease?.held) return this.#active.role;
      const seen = this.#lease?.seen;
      if (seen !== undefined && seen.holder !== this.#options.name) return { active: false, url: seen.url };
      if (systemClock.monotonic() > giveUpAt) return { active: false, url: undefined };
      await systemClock.sleep(20);
    }
  }
}
