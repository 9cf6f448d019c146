/**
 * Keeps a worker's claims on its tasks alive from a thread of its own: a handler may block the main thread for as long as it
 * likes, and is not taken for dead. When the process dies this thread dies with it, and the claims run out.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Redis } from 'ioredis';
import { DEFINED_KEY } from './cron-key.js';

export interface ClaimThreadData {
  readonly redis: string;
  readonly claimMs: number;
}

/** `key` holds `token` while the claim stands; `define`: this process defines the cron `name`. */
export type ClaimMessage =
  | { readonly kind: 'keep' | 'leave'; readonly key: string; readonly token: string }
  | { readonly kind: 'define'; readonly name: string };

/** Only the holder renews: a claim that another worker took over is left alone. */
const RENEW = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0`;

/** By Redis' own clock: those of processes need not agree. */
const DEFINE = `local time = redis.call('time')
return redis.call('zadd', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])`;

const { redis: uri, claimMs } = workerData as ClaimThreadData;
const redis = new Redis(uri, { maxRetriesPerRequest: null });
const claims = new Map<string, string>();
const crons = new Set<string>();
const define = (name: string): void => void redis.eval(DEFINE, 1, DEFINED_KEY, name).catch(() => undefined);

// Redis may be away for a while: the client comes back by itself, and who cannot renew loses the claim, as it must be.
redis.on('error', () => undefined);
redis.once('ready', () => parentPort!.postMessage('ready'));
parentPort!.on('message', (message: ClaimMessage) => {
  if (message.kind === 'define') {
    crons.add(message.name);
    define(message.name);
  } else if (message.kind === 'keep') claims.set(message.key, message.token);
  else claims.delete(message.key);
});
setInterval(() => {
  for (const [key, token] of claims) redis.eval(RENEW, 1, key, token, claimMs).catch(() => undefined);
  for (const name of crons) define(name);
}, claimMs / 4);
