import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cloneRedis, measureRedis } from '../../../shadow/clone/redis.js';
import type { CloneProgress } from '../../../shadow/clone/progress.js';
import { startTestRedis, type TestRedis } from './redis-server.js';

type Command = (string | number | Buffer)[];

const bytes = fc
  .uint8Array({ minLength: 0, maxLength: 40 })
  .map((b) => Buffer.from(b.buffer, b.byteOffset, b.byteLength));
const score = fc.double({ noNaN: true, noDefaultInfinity: true });

/** Commands that make one key of each type out of arbitrary bytes. */
const valueCommands = (key: Buffer): fc.Arbitrary<Command[]> =>
  fc.oneof(
    bytes.map((v): Command[] => [['SET', key, v]]),
    fc.integer().map((v): Command[] => [['SET', key, v]]),
    fc.array(bytes, { minLength: 1 }).map((vs): Command[] => [['RPUSH', key, ...vs]]),
    fc.array(bytes, { minLength: 1 }).map((vs): Command[] => [['SADD', key, ...vs]]),
    fc.array(fc.integer(), { minLength: 1 }).map((vs): Command[] => [['SADD', key, ...vs]]),
    fc
      .array(fc.tuple(score, bytes), { minLength: 1 })
      .map((vs): Command[] => [['ZADD', key, ...vs.flatMap(([s, m]) => [String(s), m])]]),
    fc.array(fc.tuple(bytes, bytes), { minLength: 1 }).map((vs): Command[] => [['HSET', key, ...vs.flat()]]),
    fc
      .array(fc.tuple(bytes, bytes), { minLength: 1, maxLength: 5 })
      .map((vs): Command[] => [
        ...vs.map(([f, v]): Command => ['XADD', key, '*', f, v]),
        ['XGROUP', 'CREATE', key, 'readers', '0'],
        ['XREADGROUP', 'GROUP', 'readers', 'one', 'COUNT', 1, 'STREAMS', key, '>'],
      ]),
    fc.array(bytes, { minLength: 1 }).map((vs): Command[] => [['PFADD', key, ...vs]]),
    fc.nat(5000).map((bit): Command[] => [['SETBIT', key, bit, 1]]),
  );

const keyCommands = fc
  .record({
    db: fc.nat(3),
    key: bytes.filter((b) => b.length > 0),
    // Far enough away that nothing expires while the test runs.
    ttl: fc.option(fc.integer({ min: 3_600_000, max: 2 ** 40 })),
  })
  .chain(({ db, key, ttl }) =>
    valueCommands(key).map((commands) => ({
      db,
      commands: [['DEL', key], ...commands, ...(ttl === null ? [] : [['PEXPIRE', key, ttl]])] as Command[],
    })),
  );

async function fill(redis: Redis, keys: readonly { db: number; commands: Command[] }[]): Promise<void> {
  for (const { db, commands } of keys) {
    await redis.select(db);
    for (const [name, ...args] of commands) await redis.call(String(name), ...args);
  }
}

/** Everything a database holds, comparable: values by DEBUG DIGEST-VALUE (streams in full), and expiry times. */
async function contents(redis: Redis): Promise<Map<string, { value: unknown; expires: number }>> {
  const all = new Map<string, { value: unknown; expires: number }>();
  for (let db = 0; db < 4; db++) {
    await redis.select(db);
    for (const key of (await redis.callBuffer('KEYS', '*')) as Buffer[]) {
      const type = await redis.type(key);
      const value: unknown =
        type === 'stream'
          ? await redis.callBuffer('XINFO', 'STREAM', key, 'FULL')
          : await redis.call('DEBUG', 'DIGEST-VALUE', key);
      all.set(`${db}:${type}:${key.toString('hex')}`, {
        value,
        expires: Number(await redis.call('PEXPIRETIME', key)),
      });
    }
  }
  return all;
}

describe('cloneRedis', () => {
  let live: TestRedis;
  let golden: TestRedis;
  let source: Redis;
  let target: Redis;
  beforeAll(async () => {
    [live, golden] = await Promise.all([startTestRedis(), startTestRedis()]);
    source = new Redis(live.uri);
    target = new Redis(golden.uri);
  });
  beforeEach(async () => {
    for (const redis of [source, target]) {
      await redis.select(0);
      await redis.flushall();
    }
  });
  afterAll(async () => {
    source.disconnect();
    target.disconnect();
    await live[Symbol.asyncDispose]();
    await golden[Symbol.asyncDispose]();
  });

  it('copies every type, time to live and database', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(keyCommands, { maxLength: 25 }), async (keys) => {
        await source.flushall();
        await target.flushall();
        await fill(source, keys);
        await cloneRedis(live.uri, golden.uri, { signal: new AbortController().signal });
        const before = await contents(source);
        const after = await contents(target);
        expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
        for (const [key, { value, expires }] of before) {
          expect(after.get(key)!.value).toEqual(value);
          // The remaining time is carried over, so a copy may only live the copying's own time longer.
          if (expires < 0) expect(after.get(key)!.expires).toBe(expires);
          else expect(Math.abs(after.get(key)!.expires - expires)).toBeLessThan(60_000);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('copies functions, and tells how far it has come', async () => {
    await source.call(
      'FUNCTION',
      'LOAD',
      'REPLACE',
      "#!lua name=l\nredis.register_function('f', function() return 7 end)",
    );
    const pipeline = source.pipeline();
    for (let i = 0; i < 2000; i++) pipeline.set(`key:${i}`, randomBytes(i));
    await pipeline.exec();
    const seen: CloneProgress[] = [];
    const summary = await cloneRedis(live.uri, golden.uri, {
      signal: new AbortController().signal,
      onProgress: (progress) => seen.push(progress),
    });
    expect(await target.call('FCALL', 'f', 0)).toBe(7);
    expect(await target.dbsize()).toBe(2000);
    expect(seen.at(-1)).toMatchObject({ store: 'redis', scope: 'db0', items: 2000, totalItems: 2000 });
    expect(summary.bytes).toBeGreaterThan(1_000_000);
    expect(await measureRedis(live.uri)).toBeGreaterThan(2_000_000);
  });

  it('only reads live', async () => {
    await source.set('a', '1', 'EX', 1000);
    await source.call('CONFIG', 'RESETSTAT');
    const dirty = async (): Promise<string | undefined> =>
      /rdb_changes_since_last_save:(\d+)/.exec(await source.info('persistence'))?.[1];
    const before = await dirty();
    await cloneRedis(live.uri, golden.uri, { signal: new AbortController().signal });
    expect(await dirty()).toBe(before);
    const used = [...(await source.info('commandstats')).matchAll(/cmdstat_([a-z|_]+)/g)].map((m) => m[1]);
    expect(
      used.filter(
        (name) =>
          !/^(scan|dump|pttl|multi|exec|select|info|memory\|usage|function\|dump|client\|setinfo|config\|resetstat|command)$/.test(
            name!,
          ),
      ),
    ).toEqual([]);
  });

  it('keeps each key whole while others write', async () => {
    for (let i = 0; i < 500; i++) await source.mset(`pair:${i}`, '0'.repeat(1000));
    const writer = new Redis(live.uri);
    let going = true;
    // Each write replaces the whole value by one repeated digit: a torn copy would hold two.
    const writing = (async () => {
      for (let n = 1; going; n++) await writer.set(`pair:${(n * 7) % 500}`, String(n % 10).repeat(1000));
    })();
    try {
      const summary = await cloneRedis(live.uri, golden.uri, { signal: new AbortController().signal });
      expect(summary.caveats.join()).toContain('different moments');
    } finally {
      going = false;
      await writing;
      writer.disconnect();
    }
    for (let i = 0; i < 500; i++) expect(await target.get(`pair:${i}`)).toMatch(/^(\d)\1{999}$/);
  });

  it('names what is wrong when a store cannot be reached, and stops when told to', async () => {
    await expect(
      cloneRedis('redis://127.0.0.1:1', golden.uri, { signal: new AbortController().signal }),
    ).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    await source.set('a', '1');
    await expect(
      cloneRedis(live.uri, golden.uri, { signal: AbortSignal.abort(new Error('told to stop')) }),
    ).rejects.toThrow('told to stop');
  });
});
