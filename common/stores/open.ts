import { join } from 'node:path';
import { DharmaError, messageOf } from '../errors.js';
import { askMongoVersion, startMongo, type MongoKind } from './mongo.js';
import { askRedisVersion, startRedis } from './redis.js';
import type { StartedStore } from './started.js';

export interface OpenStoresOptions {
  /** A MongoDB of the user's own; none starts one on this machine. */
  readonly mongoUri?: string | undefined;
  /** A Redis of the user's own; none starts one on this machine. */
  readonly redisUri?: string | undefined;
  /** Folder for the data of stores that are started. */
  readonly dir: string;
  /** How long a given store may take to answer, ms. */
  readonly reachWithinMs?: number;
  readonly signal?: AbortSignal;
}

/** A store in use: given by the user, or started here (then with its process). */
export interface OpenStore<K extends string> {
  readonly uri: string;
  readonly kind: K | 'given';
  readonly version: string;
  readonly started: StartedStore | undefined;
}

export interface Stores {
  readonly mongo: OpenStore<MongoKind>;
  readonly redis: OpenStore<'redis-server'>;
  /** Ends the stores that were started here. Idempotent. */
  close(): Promise<void>;
}

/** Long enough for a far server's TLS handshake on a slow day; a user waits for it only when something is wrong. */
const REACH_WITHIN_MS = 10_000;

/**
 * The federation's MongoDB and Redis. Errors: STORE_UNREACHABLE for a given URI that does not answer, and those of
 * `startMongo` and `startRedis`. When one fails, the other is not left running.
 */
export async function openStores(options: OpenStoresOptions): Promise<Stores> {
  const [mongo, redis] = await Promise.allSettled([openMongo(options), openRedis(options)]);
  const close = async (): Promise<void> => {
    for (const store of [mongo, redis]) if (store.status === 'fulfilled') await store.value.started?.close();
  };
  if (mongo.status === 'fulfilled' && redis.status === 'fulfilled')
    return { mongo: mongo.value, redis: redis.value, close };
  await close();
  throw (mongo.status === 'rejected' ? mongo : (redis as PromiseRejectedResult)).reason;
}

async function openMongo({
  mongoUri: uri,
  dir,
  reachWithinMs,
  signal,
}: OpenStoresOptions): Promise<OpenStore<MongoKind>> {
  if (uri === undefined) {
    const started = await startMongo({
      dir: join(dir, 'mongo'),
      persist: true,
      ...(signal ? { signal } : {}),
    });
    return { uri: started.uri, kind: started.kind, version: started.version, started };
  }
  checkScheme('MongoDB', uri, ['mongodb:', 'mongodb+srv:']);
  const version = await askMongoVersion(uri, reachWithinMs ?? REACH_WITHIN_MS).catch((error: unknown) =>
    unreachable('MongoDB', uri, error),
  );
  return { uri, kind: 'given', version, started: undefined };
}

async function openRedis({
  redisUri: uri,
  dir,
  reachWithinMs,
  signal,
}: OpenStoresOptions): Promise<OpenStore<'redis-server'>> {
  if (uri === undefined) {
    const started = await startRedis({
      dir: join(dir, 'redis'),
      persist: true,
      ...(signal ? { signal } : {}),
    });
    return { uri: started.uri, kind: 'redis-server', version: started.version, started };
  }
  checkScheme('Redis', uri, ['redis:', 'rediss:']);
  const version = await askRedisVersion(uri, reachWithinMs ?? REACH_WITHIN_MS).catch((error: unknown) =>
    unreachable('Redis', uri, error),
  );
  return { uri, kind: 'given', version, started: undefined };
}

function checkScheme(store: string, uri: string, allowed: readonly string[]): void {
  if (allowed.some((scheme) => uri.startsWith(`${scheme}//`))) return;
  throw new DharmaError({
    code: 'STORE_URI_INVALID',
    message: `this is not a URI of a ${store}`,
    found: withoutCredentials(uri),
    remedy: `Give one that begins with ${allowed.map((scheme) => `${scheme}//`).join(' or ')}`,
  });
}

function unreachable(store: string, uri: string, error: unknown): never {
  // A URI that cannot be read is the user's to correct; its text, which may hold a password, is not repeated.
  const unreadable =
    error instanceof TypeError || (error instanceof Error && error.name === 'MongoParseError');
  throw new DharmaError({
    code: unreadable ? 'STORE_URI_INVALID' : 'STORE_UNREACHABLE',
    message: unreadable
      ? `the URI of the ${store} that was given cannot be read`
      : `the ${store} that was given does not answer: ${messageOf(error)}`,
    found: withoutCredentials(uri),
    remedy: unreadable
      ? 'Correct the URI.'
      : 'Check that it runs, that this machine may reach it, and that the credentials are right.',
    httpStatus: unreadable ? 400 : 503,
    ...(unreadable ? {} : { cause: error }),
  });
}

/** A URI as it may be shown: without user, password and query. */
export function withoutCredentials(uri: string): string {
  return uri.replace(/\/\/.*@/, '//').replace(/\?.*$/, '');
}
