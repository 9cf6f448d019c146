import { isDeepStrictEqual } from 'node:util';
import type { Redis } from 'ioredis';
import type { EffectEntry, EffectValue } from '../arms-contract.js';
import { connectRedis, keyspaces } from '../clone/redis-connection.js';
import { MAX_ELEMENTS, readRedisKey, type RedisValue } from './redis-value.js';
import { nameOfBytes, valueOfBytes } from './text.js';

/** A time to live that moved by less than this, ms, has not changed: arms reach the same step at different moments. */
export const TTL_TOLERANCE_MS = 3000;

/**
 * What an app changes in its mirror Redis, and what it publishes. The server itself tells which keys were touched (client tracking in broadcast
 * mode), so that a reading costs what changed, not what is stored; what a key held before is read from golden, which
 * nobody writes. The owner must `close()` it.
 */
export class RedisEffects {
  readonly #redis: Redis;
  readonly #listener: Redis;
  readonly #golden: Redis;
  /** Touched since the last reading: hex of the key. Tracking does not tell the database. */
  #touched = new Set<string>();
  #flushed = false;
  /** Channel → what was published on it since the last reading. */
  #published = new Map<string, EffectValue[]>();
  /** What this arm's keys held at the last reading, where that is not what golden holds. `db:hex` → value. */
  readonly #known = new Map<string, RedisValue | undefined>();

  private constructor(redis: Redis, listener: Redis, golden: Redis) {
    this.#redis = redis;
    this.#listener = listener;
    this.#golden = golden;
  }

  /** Begins to watch; what is written from now on is told. `golden` holds what the arm began with. */
  static async start(uri: string, goldenUri: string): Promise<RedisEffects> {
    const connections = await Promise.all([
      connectRedis(uri, 'the mirror'),
      connectRedis(uri, 'the mirror'),
      connectRedis(goldenUri, 'golden'),
    ]);
    const [redis, listener, golden] = connections;
    const effects = new RedisEffects(redis, listener, golden);
    try {
      await effects.#watch();
    } catch (error) {
      effects.close();
      throw error;
    }
    return effects;
  }

  close(): void {
    for (const connection of [this.#redis, this.#listener, this.#golden]) connection.disconnect();
  }

  /** What changed since the last call, in no particular order. */
  async collect(): Promise<EffectEntry[]> {
    await this.#hearAll();
    const touched = this.#touched;
    this.#touched = new Set();
    if (this.#flushed) for (const key of await this.#everyKnownKey()) touched.add(key);
    this.#flushed = false;
    const entries = this.#takePublished();
    if (touched.size === 0) return entries;
    for (const db of await this.#databases()) {
      await this.#redis.select(db);
      await this.#golden.select(db);
      const read = await Promise.all([...touched].map((hex) => this.#changeOf(db, Buffer.from(hex, 'hex'))));
      entries.push(...read.filter((entry) => entry !== undefined));
    }
    return entries;
  }

  async #watch(): Promise<void> {
    this.#listener.on('messageBuffer', (_channel: Buffer, keys: Buffer[] | null) => {
      // null: the whole database was flushed.
      if (keys === null) this.#flushed = true;
      else for (const key of keys) this.#touched.add(key.toString('hex'));
    });
    this.#listener.on('pmessageBuffer', (_pattern: string, channel: Buffer, message: Buffer) => {
      this.#hear(nameOfBytes(channel), message);
    });
    const id = await this.#listener.client('ID');
    await this.#listener.subscribe('__redis__:invalidate');
    await this.#listener.psubscribe('*');
    await this.#redis.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST');
  }

  #hear(channel: string, message: Buffer): void {
    // The server's own word of what changed, where an app has asked for it: what changed is read by itself.
    if (/^__key(?:space|event)@\d+__:/.test(channel)) return;
    const messages = this.#published.get(channel) ?? [];
    if (messages.length < MAX_ELEMENTS) messages.push(valueOfBytes(message));
    this.#published.set(channel, messages);
  }

  #takePublished(): EffectEntry[] {
    const published = [...this.#published];
    this.#published = new Map();
    return published.map(([channel, messages]) => ({
      store: 'redis',
      key: ['(published)', channel],
      before: undefined,
      after: messages,
      appends: true,
    }));
  }

  /**
   * Waits until everything written before now has been told. The server tells at the end of each turn of its loop, after
   * it has answered what it read in that turn: so the second answer comes after all that was written before the first.
   */
  async #hearAll(): Promise<void> {
    await this.#listener.ping();
    await this.#listener.ping();
  }

  /** Databases that hold or held something. */
  async #databases(): Promise<number[]> {
    const now = (await Promise.all([keyspaces(this.#redis), keyspaces(this.#golden)])).flat();
    const before = [...this.#known.keys()].map((id) => Number(id.slice(0, id.indexOf(':'))));
    return [...new Set([...now.map(({ db }) => db), ...before])].sort((a, b) => a - b);
  }

  /** After a flush: every key that was there. */
  async #everyKnownKey(): Promise<Set<string>> {
    const keys = new Set([...this.#known.keys()].map((id) => id.slice(id.indexOf(':') + 1)));
    for (const { db } of await keyspaces(this.#golden)) {
      await this.#golden.select(db);
      for (const key of (await this.#golden.callBuffer('KEYS', '*')) as Buffer[])
        keys.add(key.toString('hex'));
    }
    return keys;
  }

  async #changeOf(db: number, key: Buffer): Promise<EffectEntry | undefined> {
    const id = `${db}:${key.toString('hex')}`;
    const [before, after] = await Promise.all([
      this.#known.has(id) ? this.#known.get(id) : readRedisKey(this.#golden, key),
      readRedisKey(this.#redis, key),
    ]);
    const now = Date.now();
    // What has only expired by itself is no effect of anybody's; by when, the arms' clocks decide.
    const expired = after === undefined && before?.expiresAt !== undefined && before.expiresAt <= now + 50;
    const same = isDeepStrictEqual(before?.value, after?.value) && sameExpiry(before, after);
    if (same) return undefined;
    this.#known.set(id, after);
    if (expired) return undefined;
    const name = nameOfBytes(key);
    return {
      store: 'redis',
      key: db === 0 ? [name] : [`db${db}`, name],
      before: before?.value,
      after: after?.value,
      ...(before?.expiresAt === undefined ? {} : { ttlBeforeMs: Math.max(0, before.expiresAt - now) }),
      ...(after?.expiresAt === undefined ? {} : { ttlAfterMs: Math.max(0, after.expiresAt - now) }),
    };
  }
}

function sameExpiry(before: RedisValue | undefined, after: RedisValue | undefined): boolean {
  const [a, b] = [before?.expiresAt, after?.expiresAt];
  if (a === undefined || b === undefined) return a === b;
  return Math.abs(a - b) <= TTL_TOLERANCE_MS;
}
