import { Redis } from 'ioredis';
import { DharmaError, messageOf } from '../../common/index.js';

/**
 * A connection for copying and reading: fails at once instead of queueing and retrying, since a store that goes away
 * ends the copy. `uri`: `redis://…`, `rediss://…`, or the path of a unix socket. The caller must `disconnect()` it.
 * Error: STORE_UNREACHABLE.
 */
export async function connectRedis(uri: string, role: string): Promise<Redis> {
  const redis = new Redis(uri, {
    lazyConnect: true,
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let last: unknown;
  // Each command rejects by itself; without a listener ioredis would print connection errors.
  redis.on('error', (error) => (last = error));
  try {
    await redis.connect();
  } catch (error) {
    redis.disconnect();
    throw new DharmaError({
      code: 'STORE_UNREACHABLE',
      message: `cannot reach ${role}'s Redis: ${messageOf(last ?? error)}`,
      remedy: 'Check that redis-server runs and that its URI and password are right.',
      httpStatus: 503,
      cause: error,
    });
  }
  return redis;
}

/** One command's reply with bulk strings as Buffers. */
export async function callRaw(
  redis: Redis,
  command: string,
  ...args: (string | number | Buffer)[]
): Promise<unknown> {
  return redis.callBuffer(command, ...args);
}

/** Sends commands in one write; each reply, or the Error it failed with, in order. Bulk strings are Buffers. */
export async function pipelineRaw(
  redis: Redis,
  commands: readonly (readonly (string | number | Buffer)[])[],
): Promise<unknown[]> {
  if (commands.length === 0) return [];
  return Promise.all(
    commands.map(([name, ...args]) =>
      redis.callBuffer(String(name), ...args).catch((error: unknown) => {
        if (error instanceof Error && error.name === 'ReplyError') return error;
        throw error;
      }),
    ),
  );
}

/** The databases that hold keys, and how many. */
export async function keyspaces(redis: Redis): Promise<{ db: number; keys: number }[]> {
  const info = await redis.info('keyspace');
  return [...info.matchAll(/^db(\d+):keys=(\d+)/gm)].map((m) => ({ db: Number(m[1]), keys: Number(m[2]) }));
}
