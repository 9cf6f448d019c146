import type { Redis } from 'ioredis';
import type { EffectValue } from '../arms-contract.js';
import { callRaw } from '../clone/redis-connection.js';
import { nameOfBytes, valueOfBytes } from './text.js';

/** What a key holds, and until when. */
export interface RedisValue {
  readonly value: EffectValue;
  /** Milliseconds since 1970 at which it expires; undefined: never. */
  readonly expiresAt: number | undefined;
}

/** Elements of one value that are compared; a longer list, set or hash is compared by its length and its first ones. */
export const MAX_ELEMENTS = 10_000;

/** Reads one key of the selected database; undefined when there is none. */
export async function readRedisKey(redis: Redis, key: Buffer): Promise<RedisValue | undefined> {
  const [type, ttl] = await Promise.all([redis.type(key), redis.pttl(key)]);
  if (type === 'none') return undefined;
  const value = await readers[type]?.(redis, key);
  // Between TYPE and the read it may have expired, or become another type: it is read again at the next collection.
  if (value === undefined) return undefined;
  return { value, expiresAt: ttl < 0 ? undefined : Date.now() + ttl };
}

type Reader = (redis: Redis, key: Buffer) => Promise<EffectValue | undefined>;

const readers: Readonly<Record<string, Reader>> = {
  string: async (redis, key) => {
    const bytes = await redis.getBuffer(key);
    return bytes === null ? undefined : valueOfBytes(bytes);
  },
  hash: async (redis, key) => {
    const flat = (await callRaw(redis, 'HGETALL', key)) as Buffer[];
    const fields = pairsOf(flat).slice(0, MAX_ELEMENTS);
    return withLength(
      { hash: mapOf(fields.map(([f, v]) => [nameOfBytes(f), valueOfBytes(v)])) },
      flat.length / 2,
    );
  },
  set: async (redis, key) => {
    const members = (await callRaw(redis, 'SMEMBERS', key)) as Buffer[];
    const sorted = members.sort((a, b) => a.compare(b)).slice(0, MAX_ELEMENTS);
    return withLength({ set: sorted.map(valueOfBytes) }, members.length);
  },
  zset: async (redis, key) => {
    const [flat, length] = await Promise.all([
      callRaw(redis, 'ZRANGE', key, 0, MAX_ELEMENTS - 1, 'WITHSCORES') as Promise<Buffer[]>,
      redis.zcard(key),
    ]);
    return withLength(
      { zset: mapOf(pairsOf(flat).map(([m, score]) => [nameOfBytes(m), Number(score.toString())])) },
      length,
    );
  },
  list: async (redis, key) => {
    const [elements, length] = await Promise.all([
      redis.lrangeBuffer(key, 0, MAX_ELEMENTS - 1),
      redis.llen(key),
    ]);
    return withLength({ list: elements.map(valueOfBytes) }, length);
  },
  stream: async (redis, key) => {
    const [entries, groups, length] = await Promise.all([
      callRaw(redis, 'XRANGE', key, '-', '+', 'COUNT', MAX_ELEMENTS) as Promise<[Buffer, Buffer[]][]>,
      callRaw(redis, 'XINFO', 'GROUPS', key) as Promise<(Buffer | number)[][]>,
      redis.xlen(key),
    ]);
    const stream = entries.map(([id, fields]) => ({
      id: id.toString(),
      fields: pairsOf(fields).map(([f, v]) => [nameOfBytes(f), valueOfBytes(v)]),
    }));
    return withLength(groups.length === 0 ? { stream } : { stream, groups: groups.map(groupOf) }, length);
  },
};

/** XINFO GROUPS tells names and values in turn. */
function groupOf(flat: readonly (Buffer | number | null)[]): EffectValue {
  const entries: [string, EffectValue][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const value = flat[i + 1]!;
    entries.push([String(flat[i]), Buffer.isBuffer(value) ? valueOfBytes(value) : value]);
  }
  return mapOf(entries);
}

function withLength(value: { readonly [key: string]: EffectValue }, length: number): EffectValue {
  return length > MAX_ELEMENTS ? { ...value, length } : value;
}

function pairsOf(flat: readonly Buffer[]): [Buffer, Buffer][] {
  const pairs: [Buffer, Buffer][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i]!, flat[i + 1]!]);
  return pairs;
}

/** Without a prototype's meaning for names such as `__proto__`. */
function mapOf(entries: readonly (readonly [string, EffectValue])[]): { [key: string]: EffectValue } {
  return Object.fromEntries(entries);
}
