import { join } from 'node:path';
import { DharmaError } from '../errors.js';
import { baseEnv } from '../process/child.js';
import {
  findExecutable,
  onPort,
  prepareDir,
  startStore,
  type StartedStore,
  type StartStoreOptions,
} from './started.js';

/** One try to reach a redis that is starting, ms. */
const TRY_MS = 1000;

/**
 * Starts the machine's redis-server, on loopback alone. With `persist` every write goes to its append-only file.
 * Errors: REDIS_SERVER_MISSING, STORE_NOT_STARTED.
 */
export async function startRedis(options: StartStoreOptions): Promise<StartedStore> {
  const command = findExecutable('redis-server') ?? missing();
  prepareDir(options.dir);
  return onPort(options.port, (port) => startOn(port, command, options));
}

async function startOn(port: number, command: string, options: StartStoreOptions): Promise<StartedStore> {
  const logFile = join(options.dir, 'redis.log');
  const spec = {
    name: 'redis-server',
    command,
    args: redisArgs(options, port),
    cwd: options.dir,
    env: baseEnv(),
    logFile,
  };
  const uri = `redis://127.0.0.1:${port}`;
  const [child, version] = await startStore(spec, () => redisVersion(uri), options.signal);
  return {
    uri,
    socketPath: options.socket,
    pid: child.pid,
    version,
    logFile,
    exited: child.exited,
    close: async () => {
      await child.stop();
    },
  };
}

function missing(): never {
  throw new DharmaError({
    code: 'REDIS_SERVER_MISSING',
    message: 'there is no redis-server on this machine',
    remedy: 'Run: apt install redis-server (or give a URI of a Redis of your own)',
  });
}

function redisArgs({ dir, socket, persist }: StartStoreOptions, port: number): string[] {
  return [
    ...['--bind', '127.0.0.1', '--port', String(port), '--dir', dir],
    ...['--appendonly', persist ? 'yes' : 'no', '--save', ''],
    // A full memory must be an error to who writes, and never silently lost keys.
    ...['--maxmemory-policy', 'noeviction', '--daemonize', 'no'],
    ...(socket === undefined ? [] : ['--unixsocket', socket, '--unixsocketperm', '600']),
  ];
}

/** The version of the Redis at `uri`. Rejects with the client's error when it does not answer within `withinMs`. */
export async function askRedisVersion(uri: string, withinMs: number): Promise<string> {
  const { Redis } = await import('ioredis'); // Only who asks loads it.
  const redis = new Redis(uri, {
    lazyConnect: true,
    connectTimeout: withinMs,
    commandTimeout: withinMs,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
  });
  // Says why, where the rejection below only says that the connection is closed.
  let why: Error | undefined;
  redis.on('error', (error: Error) => {
    why ??= error;
  });
  try {
    await redis.connect();
    await redis.ping();
    return /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? 'unknown';
  } catch (error) {
    throw why ?? error;
  } finally {
    redis.disconnect();
  }
}

/** The same while a server starts and reads its data: undefined as long as it does not answer. */
async function redisVersion(uri: string): Promise<string | undefined> {
  return askRedisVersion(uri, TRY_MS).catch(() => undefined);
}
