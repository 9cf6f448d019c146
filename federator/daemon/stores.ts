import { join } from 'node:path';
import { z } from 'zod';
import {
  accepts,
  DharmaError,
  messageOf,
  askMongoVersion,
  askRedisVersion,
  startMongo,
  startRedis,
  withoutCredentials,
  type Logger,
} from '../../common/index.js';
import { readIfThere, writePrivateFile } from '../home/files.js';
import type { Home } from '../home/home.js';
import type { Runtime } from '../home/runtime.js';
import type { Settings } from '../home/settings.js';
import { KeptStore } from './kept-store.js';
import type { ChildState } from './protocol.js';

type Uris = Pick<Runtime, 'stores' | 'app' | 'mongoKind'>;

/** How long a store that was given may take to answer, ms. */
const REACH_MS = 10_000;

/** Which port each store had last: the same again keeps URIs, and with them running agents' specs, as they were. */
const portsSchema = z.record(z.string(), z.int().min(1).max(65535));

/**
 * The stores of a federation: given by URI, else servers of its own. The app has a Redis of its own, so that nothing
 * it does there (FLUSHALL) can touch the federation's queues; in Mongo it has a database of its own.
 */
export class FederationStores {
  readonly #home: Home;
  readonly #settings: Settings;
  readonly #log: Logger;
  readonly #kept: KeptStore[] = [];
  #ports: Record<string, number> = {};
  #mongoKind = 'given';

  constructor(home: Home, settings: Settings, log: Logger) {
    this.#home = home;
    this.#settings = settings;
    this.#log = log;
  }

  /** Errors: STORE_UNREACHABLE, STORE_NOT_STARTED, REDIS_SERVER_MISSING. What was started is ended by `stop()`. */
  async start(signal: AbortSignal): Promise<Uris> {
    const { stores, app } = this.#settings;
    this.#ports = await this.#readPorts();
    const started = await Promise.allSettled([
      stores.mongo === undefined || app.mongo === undefined ? this.#ownMongo(signal) : undefined,
      stores.redis === undefined ? this.#ownRedis('redis', signal) : undefined,
      app.redis === undefined ? this.#ownRedis('redis-app', signal) : undefined,
      ...[stores.mongo, app.mongo].map((uri) => reach('MongoDB', uri, askMongoVersion)),
      ...[stores.redis, app.redis].map((uri) => reach('Redis', uri, askRedisVersion)),
    ]);
    const failed = started.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const own = new Map(this.#kept.map((store) => [store.state().name, store]));
    await this.#writePorts();
    const mongo = own.get('mongo')?.uri.replace(/\/$/, '');
    return {
      stores: { mongo: stores.mongo ?? `${mongo}/dharma`, redis: stores.redis ?? own.get('redis')!.uri },
      app: { mongo: app.mongo ?? `${mongo}/app`, redis: app.redis ?? own.get('redis-app')!.uri },
      mongoKind: this.#mongoKind,
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#kept.map((store) => store.close()));
  }

  state(): ChildState[] {
    return this.#kept.map((store) => store.state());
  }

  async #ownMongo(signal: AbortSignal): Promise<void> {
    await this.#keep('mongo', signal, async (options) => {
      const mongo = await startMongo(options);
      this.#mongoKind = mongo.kind;
      return mongo;
    });
  }

  async #ownRedis(name: string, signal: AbortSignal): Promise<void> {
    await this.#keep(name, signal, startRedis);
  }

  async #keep(name: string, signal: AbortSignal, start: typeof startRedis): Promise<void> {
    const dir = join(this.#home.storesDir, name);
    const remembered = this.#ports[name] ?? 0;
    const free = remembered !== 0 && !(await accepts({ host: '127.0.0.1', port: remembered }));
    const store = await KeptStore.open(
      name,
      free ? remembered : 0,
      (port, until) => start({ dir, port, persist: true, signal: until }),
      this.#log,
      signal,
    );
    this.#kept.push(store);
  }

  get #portsFile(): string {
    return join(this.#home.storesDir, 'ports.json');
  }

  async #readPorts(): Promise<Record<string, number>> {
    const text = await readIfThere(this.#portsFile);
    return text === undefined ? {} : portsSchema.parse(JSON.parse(text));
  }

  async #writePorts(): Promise<void> {
    const ports = Object.fromEntries(this.#kept.map((store) => [store.state().name, store.port]));
    await writePrivateFile(this.#portsFile, JSON.stringify({ ...this.#ports, ...ports }));
  }
}

async function reach(
  store: string,
  uri: string | undefined,
  version: (uri: string, withinMs: number) => Promise<string>,
): Promise<void> {
  if (uri === undefined) return;
  try {
    await version(uri, REACH_MS);
  } catch (error) {
    throw new DharmaError({
      code: 'STORE_UNREACHABLE',
      message: `the ${store} that federation.json names does not answer: ${messageOf(error)}`,
      found: withoutCredentials(uri),
      remedy: 'Check that it runs, that this machine may reach it, and that the credentials are right.',
      httpStatus: 503,
      cause: error,
    });
  }
}
