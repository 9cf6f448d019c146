import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Double, Long, MongoClient, ObjectId } from 'mongodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../common/index.js';
import type { EffectEntry } from '../../../shadow/arms-contract.js';
import { EffectCollector } from '../../../shadow/effects/collector.js';
import { FileEffects } from '../../../shadow/effects/files.js';
import { GoldenMongo } from '../../../shadow/effects/golden-mongo.js';
import { MongoEffects } from '../../../shadow/effects/mongo.js';
import { RedisEffects } from '../../../shadow/effects/redis.js';
import { startTestMongo } from '../clone/embedded-mongo.js';
import { startTestRedis } from '../clone/redis-server.js';

const stack: (() => PromiseLike<unknown>)[] = [];
afterEach(async () => {
  while (stack.length > 0) await stack.pop()!();
});

describe('RedisEffects', () => {
  let redis: Redis;
  let effects: RedisEffects;
  beforeEach(async () => {
    const [arm, golden] = await Promise.all([startTestRedis(), startTestRedis()]);
    stack.push(
      () => arm[Symbol.asyncDispose](),
      () => golden[Symbol.asyncDispose](),
    );
    redis = new Redis(arm.uri);
    const base = new Redis(golden.uri);
    for (const r of [redis, base]) {
      await r.hset('user', { name: 'ana', age: '3' });
      await r.set('session', 's', 'EX', 1000);
      await r.set('gone', '1');
    }
    base.disconnect();
    effects = await RedisEffects.start(arm.uri, golden.uri);
    stack.push(
      async () => effects.close(),
      async () => redis.disconnect(),
    );
  });

  const collect = async (): Promise<EffectEntry[]> =>
    (await effects.collect()).sort((a, b) => (a.key.join() < b.key.join() ? -1 : 1));

  it('tells nothing while nothing is written', async () => {
    await redis.get('user-not-there');
    await redis.hgetall('user');
    expect(await collect()).toEqual([]);
  });

  it('tells each type, with what was there before', async () => {
    await redis.hset('user', { age: '4' });
    await redis.del('gone');
    await redis.zadd('board', 1, 'a', 2.5, 'b');
    await redis.sadd('tags', 'y', 'x');
    await redis.rpush('queue', 'one', 'two');
    await redis.xadd('log', '1-1', 'k', 'v');
    await redis.set(Buffer.from([0xff, 0x61]), Buffer.from([0xfe]));
    expect(await collect()).toEqual([
      { store: 'redis', key: ['\\xffa'], before: undefined, after: { $binary: '/g==' } },
      { store: 'redis', key: ['board'], before: undefined, after: { zset: { a: 1, b: 2.5 } } },
      { store: 'redis', key: ['gone'], before: '1', after: undefined },
      {
        store: 'redis',
        key: ['log'],
        before: undefined,
        after: { stream: [{ id: '1-1', fields: [['k', 'v']] }] },
      },
      { store: 'redis', key: ['queue'], before: undefined, after: { list: ['one', 'two'] } },
      { store: 'redis', key: ['tags'], before: undefined, after: { set: ['x', 'y'] } },
      {
        ...{ store: 'redis', key: ['user'] },
        before: { hash: { name: 'ana', age: '3' } },
        after: { hash: { name: 'ana', age: '4' } },
      },
    ]);
    await redis.hset('user', { age: '5' });
    expect(await collect()).toMatchObject([
      { before: { hash: { age: '4' } }, after: { hash: { age: '5' } } },
    ]);
  });

  it('tells a time to live that changed, not one that runs down or is written again as it was', async () => {
    await redis.set('session', 's', 'EX', 1000);
    expect(await collect()).toEqual([]);
    await redis.expire('session', 5000);
    const [entry] = await collect();
    expect(entry).toMatchObject({ key: ['session'], before: 's', after: 's' });
    expect(entry!.ttlAfterMs! - entry!.ttlBeforeMs!).toBeGreaterThan(3_900_000);
    await redis.persist('session');
    expect((await collect())[0]).not.toHaveProperty('ttlAfterMs');
  });

  it('tells what is published, once, and not what the server says of its keys', async () => {
    await redis.config('SET', 'notify-keyspace-events', 'KEA');
    await redis.publish('news', 'one');
    await redis.publish('news', 'two');
    await redis.set('k', 'v');
    const message = (after: string[]): Partial<EffectEntry> => ({
      key: ['(published)', 'news'],
      after,
      appends: true,
    });
    expect(await collect()).toMatchObject([message(['one', 'two']), { key: ['k'], after: 'v' }]);
    await redis.publish('news', Buffer.from([0xff]));
    expect(await collect()).toMatchObject([{ ...message([]), after: [{ $binary: '/w==' }] }]);
    expect(await collect()).toEqual([]);
  });

  it('does not take what expired by itself for an effect', async () => {
    await redis.set('short', '1', 'PX', 30);
    await collect();
    await systemClock.sleep(120);
    await redis.get('short');
    expect(await collect()).toEqual([]);
  });

  it('tells other databases, scripts, transactions and a flush', async () => {
    await redis.multi().select(2).set('x', '1').select(0).exec();
    await redis.eval("redis.call('set', KEYS[1], ARGV[1])", 1, 'scripted', 'v');
    expect(await collect()).toMatchObject([{ key: ['db2', 'x'] }, { key: ['scripted'], after: 'v' }]);
    await redis.flushall();
    expect((await collect()).map(({ key, after }) => [...key, after])).toEqual([
      ['db2', 'x', undefined],
      ['gone', undefined],
      ['scripted', undefined],
      ['session', undefined],
      ['user', undefined],
    ]);
  });
});

interface Item {
  _id: ObjectId | string;
  n?: number;
  big?: Long;
  whole?: Double;
  part?: number;
  at?: Date;
}

describe('MongoEffects', () => {
  it('tells documents added, changed and removed, and indexes', async () => {
    const [arm, goldenServer] = await Promise.all([startTestMongo(), startTestMongo()]);
    stack.push(
      () => arm[Symbol.asyncDispose](),
      () => goldenServer[Symbol.asyncDispose](),
    );
    const [client, base] = [new MongoClient(arm.uri), new MongoClient(goldenServer.uri)];
    const [one, two] = [new ObjectId(), new ObjectId()];
    for (const c of [client, base])
      await c
        .db('shop')
        .collection<{ _id: unknown }>('items')
        .insertMany([{ _id: one, n: 1 } as never, { _id: two }]);
    await base.close();
    const golden = await GoldenMongo.open(goldenServer.uri);
    const effects = await MongoEffects.start(arm.uri, golden, 'shop');
    stack.push(
      () => effects.close(),
      () => golden.close(),
      () => client.close(),
    );
    expect(await effects.collect()).toEqual([]);

    const items = client.db('shop').collection<Item>('items');
    await items.updateOne({ _id: one }, { $set: { n: 2 } });
    await items.deleteOne({ _id: two });
    await items.insertOne({
      _id: 'text',
      big: Long.fromNumber(5),
      whole: new Double(2),
      part: 0.5,
      at: new Date(0),
    });
    expect(await effects.collect()).toEqual([
      {
        ...{ store: 'mongo', key: ['items', `{"$oid":"${one.toHexString()}"}`] },
        before: { _id: { $oid: one.toHexString() }, n: 1 },
        after: { _id: { $oid: one.toHexString() }, n: 2 },
      },
      {
        ...{ store: 'mongo', key: ['items', '"text"'], before: undefined },
        after: {
          ...{ _id: 'text', big: { $numberLong: '5' }, whole: { $numberDouble: '2.0' }, part: 0.5 },
          at: { $date: '1970-01-01T00:00:00.000Z' },
        },
      },
      {
        ...{ store: 'mongo', key: ['items', `{"$oid":"${two.toHexString()}"}`] },
        before: { _id: { $oid: two.toHexString() } },
        after: undefined,
      },
    ]);
    expect(await effects.collect()).toEqual([]);

    await items.createIndex({ n: 1 }, { unique: true });
    expect(await effects.collect()).toMatchObject([
      { key: ['items', '#indexes'], after: { indexes: { n_1: { unique: true, key: ['n:1'] } } } },
    ]);
    await client.db('elsewhere').collection<{ _id: string }>('new').insertOne({ _id: 'x' });
    expect((await effects.collect()).map(({ key }) => key)).toEqual([
      ['elsewhere.new', '#indexes'],
      ['elsewhere.new', '"x"'],
    ]);
    await client.db('elsewhere').dropDatabase();
    expect((await effects.collect()).map(({ key, after }) => [...key, after])).toEqual([
      ['elsewhere.new', '#indexes', undefined],
      ['elsewhere.new', '"x"', undefined],
    ]);
  });
});

describe('FileEffects', () => {
  it('tells files written, changed, moved and removed below its folders', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'dharma-test-files-'));
    stack.push(() => rm(dir, { recursive: true }));
    for (const side of ['arm', 'golden']) {
      await mkdir(join(dir, side, 'sub'), { recursive: true });
      await writeFile(join(dir, side, 'sub', 'a.txt'), 'old');
      await writeFile(join(dir, side, 'b.bin'), Buffer.from([0xff, 0]));
    }
    const arm = join(dir, 'arm');
    const effects = new FileEffects();
    await effects.watch({ name: 'UP', path: arm, goldenPath: join(dir, 'golden') });
    expect(await effects.collect()).toEqual([]);
    await writeFile(join(arm, 'sub', 'a.txt'), 'new!');
    await rename(join(arm, 'b.bin'), join(arm, 'c.bin'));
    await symlink('/etc/passwd', join(arm, 'link'));
    const entries = await effects.collect();
    expect(entries).toMatchObject([
      { key: ['UP/c.bin'], before: undefined, after: { size: 2 } },
      { key: ['UP/link'], after: { link: '/etc/passwd' } },
      { key: ['UP/sub/a.txt'], before: { text: 'old' }, after: { text: 'new!', size: 4 } },
      { key: ['UP/b.bin'], before: { size: 2 }, after: undefined },
    ]);
    expect(entries[0]!.after).not.toHaveProperty('text');
    expect(await effects.collect()).toEqual([]);
  });
});

describe('EffectCollector', () => {
  it('joins what is published within one collection', async () => {
    const said = [['a'], ['b', 'c'], []];
    const published = (after: string[]): EffectEntry => ({
      store: 'redis',
      key: ['(published)', 'news'],
      before: undefined,
      after,
      appends: true,
    });
    const collector = new EffectCollector({
      sources: [{ collect: async () => (said.length > 0 ? [published(said.shift()!)] : []) }],
      takeCalls: () => [],
      clock: systemClock,
    });
    const { entries } = await collector.collect(AbortSignal.timeout(10_000));
    expect(entries).toMatchObject([{ after: ['a', 'b', 'c'] }]);
  });

  it('reads until nothing more happens, and tells a place once', async () => {
    const readings: EffectEntry[][] = [
      [{ store: 'redis', key: ['a'], before: undefined, after: '1' }],
      [{ store: 'redis', key: ['a'], before: '1', after: '2', ttlAfterMs: 5 }],
      [],
      [
        { store: 'redis', key: ['b'], before: undefined, after: 'x' },
        { store: 'redis', key: ['c'], before: undefined, after: undefined },
      ],
    ];
    const collector = new EffectCollector({
      sources: [{ collect: async () => readings.shift() ?? [], notRead: ['mongo big: too large'] }],
      takeCalls: () => [],
      clock: systemClock,
    });
    expect(await collector.collect(new AbortController().signal)).toEqual({
      entries: [
        { store: 'redis', key: ['a'], before: undefined, after: '2', ttlAfterMs: 5 },
        { store: 'redis', key: ['b'], before: undefined, after: 'x' },
      ],
      calls: [],
      notRead: ['mongo big: too large'],
    });
    expect(readings).toEqual([]);
    await expect(collector.collect(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});
