import { serialize } from 'bson';
import fc from 'fast-check';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Long, ObjectId } from 'mongodb';
import { request } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { distPath, startRedis } from '../../../common/index.js';
import type { EffectEntry } from '../../../shadow/arms-contract.js';
import { idOfDocument } from '../../../shadow/effects/mongo-value.js';
import { Writers } from '../../../shadow/effects/writers.js';
import { MongoWrites } from '../../../shadow/preload/mongo-writes.js';
import { RespWrites, type RedisWrite } from '../../../shadow/preload/resp-writes.js';
import { startTestMongo } from '../clone/embedded-mongo.js';

const A = '00000000000000aa';
const B = '00000000000000bb';

it('tells for which exchange a key or a document was written, while another writes as well', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'dharma-writes-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const redis = await startRedis({ dir, persist: false, signal: AbortSignal.timeout(60_000) });
  onTestFinished(() => redis.close());
  const mongo = await startTestMongo();
  onTestFinished(() => mongo[Symbol.asyncDispose]());
  const log = join(dir, 'writes.jsonl');
  const portOf = (uri: string): string => new URL(uri).port;
  const app = fork(new URL('writing-app.mjs', import.meta.url), {
    execArgv: ['common/preload/context.js', 'shadow/preload/store-writes.js'].flatMap((preload) => [
      '--import',
      distPath(preload),
    ]),
    env: {
      REDIS_URL: redis.uri,
      MONGO_URL: mongo.uri,
      DHARMA_WRITES_LOG: log,
      DHARMA_WRITES_STORES: `mongo=${portOf(mongo.uri)},redis=${portOf(redis.uri)}`,
    },
  });
  onTestFinished(() => void app.kill('SIGKILL'));
  const [port] = (await once(app, 'message')) as [number];
  const ask = async (who: string, exchange: string): Promise<string> => {
    const answer = await request(`http://127.0.0.1:${port}/${who}`, {
      headers: { 'dharma-exchange': exchange },
    });
    return answer.body.text();
  };
  expect(await Promise.all([ask('a', A), ask('b', B)])).toEqual(['done', 'done']);

  const entry = (store: 'redis' | 'mongo', ...key: string[]): EffectEntry => ({
    ...{ store, key, before: undefined, after: 'something' },
  });
  const ofRedis = (who: string): EffectEntry[] =>
    ['count', 'bytes', 'p1', 'p2', 'p3', 'list', 'lua', 'm1', 'm2'].map((name) =>
      entry('redis', `${name}:${who}`),
    );
  const writers = new Writers(log, 'shop');
  const told = await writers.tell([
    ...ofRedis('a'),
    ...ofRedis('b'),
    entry('redis', '(published)', 'news:a'),
    entry('redis', 'read:a'),
    entry('redis', 'argument'),
    ...['"new:b"', '{"$numberLong":"2"}', '7.5', '{"shelf":"b"}'].map((id) => entry('mongo', 'items', id)),
    entry('mongo', 'items', '7'),
    entry('mongo', 'others', '7'),
  ]);
  expect(Object.fromEntries(told.map(({ key, writers }) => [key.join(' '), writers]))).toEqual({
    ...Object.fromEntries(ofRedis('a').map(({ key }) => [key[0], [A]])),
    ...Object.fromEntries(ofRedis('b').map(({ key }) => [key[0], [B]])),
    '(published) news:a': [A],
    'read:a': undefined,
    argument: undefined,
    // What a wrote by something else than their `_id` may have been any of the collection's.
    ...Object.fromEntries(
      ['"new:b"', '{"$numberLong":"2"}', '7.5', '{"shelf":"b"}'].map((id) => [`items ${id}`, [B, A]]),
    ),
    'items 7': [A],
    'others 7': undefined,
  });
  // What was told is forgotten.
  expect(await writers.tell([entry('redis', 'count:a')])).toEqual([entry('redis', 'count:a')]);
});

describe('what is written to Redis', () => {
  const command = (args: readonly Buffer[]): Buffer =>
    Buffer.concat([
      Buffer.from(`*${args.length}\r\n`),
      ...args.flatMap((arg) => [Buffer.from(`$${arg.length}\r\n`), arg, Buffer.from('\r\n')]),
    ]);
  const text = (...args: string[]): Buffer => command(args.map((arg) => Buffer.from(arg)));

  it('is read however the bytes are cut', () => {
    const argument = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.constantFrom('set', 'GET', 'Del', 'mset'), fc.array(argument, { minLength: 1 })),
        ),
        fc.infiniteStream(fc.integer({ min: 1, max: 30 })),
        (commands, cuts) => {
          const bytes = Buffer.concat(commands.map(([name, args]) => command([Buffer.from(name), ...args])));
          const wanted = new RespWrites().feed(bytes);
          const writes = new RespWrites();
          const found: RedisWrite[] = [];
          for (let at = 0; at < bytes.length;) {
            const end = at + (cuts.next().value as number);
            found.push(...writes.feed(bytes.subarray(at, end)));
            at = end;
          }
          expect(found).toEqual(wanted);
          const keys = commands.flatMap(([name, args]) => {
            if (name === 'GET') return [];
            if (name === 'set') return args.slice(0, 1);
            return name === 'Del' ? args : args.filter((_, i) => i % 2 === 0);
          });
          if (commands.every(([, args]) => args.length < 64))
            expect(wanted.flatMap((write) => write.keys)).toEqual(keys);
        },
      ),
    );
  });

  it('is not told of a client that writes for many at once, nor of what is not Redis', () => {
    const writes = new RespWrites();
    expect(writes.feed(text('CLIENT', 'SETINFO', 'LIB-NAME', 'node-redis'))).toEqual([]);
    expect(writes.feed(text('set', 'a', 'b'))).toEqual([]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        new RespWrites().feed(Buffer.from(bytes));
      }),
    );
  });
});

describe('what is written to Mongo', () => {
  const message = (body: object, sequence?: { name: string; documents: object[] }): Buffer => {
    const documents = sequence?.documents.map((document) => Buffer.from(serialize(document))) ?? [];
    const inside = Buffer.concat([Buffer.from(`${sequence?.name}\0`), ...documents]);
    const size = Buffer.alloc(4);
    size.writeInt32LE(inside.length + 4);
    const sections = [Buffer.from([0]), Buffer.from(serialize(body))];
    if (sequence !== undefined) sections.push(Buffer.from([1]), size, inside);
    const header = Buffer.alloc(20);
    const whole = Buffer.concat([header, ...sections]);
    whole.writeInt32LE(whole.length);
    whole.writeInt32LE(2013, 12);
    return whole;
  };
  const id = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.boolean(),
    fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }).map((n) => Long.fromBigInt(n)),
    fc.uint8Array({ minLength: 12, maxLength: 12 }).map((bytes) => new ObjectId(bytes)),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.date({ noInvalidDate: true }),
    fc.constant(null),
    fc.record({ x: fc.integer(), y: fc.string() }),
  );
  const named = (element: Buffer): string => {
    const document = Buffer.concat([
      Buffer.alloc(4),
      element.subarray(0, 1),
      Buffer.from('_id\0'),
      element.subarray(1),
      Buffer.alloc(1),
    ]);
    document.writeInt32LE(document.length);
    return idOfDocument(document);
  };

  it('names documents as their effects do, in the body and beside it', () => {
    const other = fc.anything({ maxDepth: 2, withDate: true, withNullPrototype: false });
    fc.assert(
      fc.property(fc.array(id, { minLength: 1 }), other, (ids, noise) => {
        const rest = {
          ordered: true,
          noise: { noise },
          pattern: /a\/b/i,
          lsid: { id: Buffer.alloc(16) },
          $db: 'shop',
        };
        const documents = ids.map((_id) => ({ before: noise, _id }));
        const deletes = ids.map((_id) => ({ q: { _id }, limit: 1 }));
        const wanted = ids.map((_id) => idOfDocument(serialize({ _id })));
        const bytes = Buffer.concat([
          message({ insert: 'items', documents, ...rest }),
          message({ insert: 'items', ...rest }, { name: 'documents', documents }),
          message({ find: 'items', filter: { _id: 1 }, ...rest }),
          message({ delete: 'items', ...rest }, { name: 'deletes', documents: deletes }),
        ]);
        const found = new MongoWrites().feed(bytes);
        expect(found.map(({ namespace, ids: raw, others }) => [namespace, raw.map(named), others])).toEqual(
          [1, 2, 3].map(() => ['shop.items', wanted, false]),
        );
      }),
    );
  });

  it('may be any document where none is named', () => {
    const update = (q: object): object => ({ update: 'items', updates: [{ q, u: {} }], $db: 'shop' });
    for (const q of [{}, { sku: 'x' }, { _id: { $in: [1, 2] } }])
      expect(new MongoWrites().feed(message(update(q)))).toEqual([
        { namespace: 'shop.items', ids: [], others: true },
      ]);
  });

  it('is passed over where it comes in pieces, and read on behind it', () => {
    const long = message({ insert: 'items', documents: [{ _id: 1, text: 'x'.repeat(1000) }], $db: 'shop' });
    const short = message({ insert: 'items', documents: [{ _id: 2 }], $db: 'shop' });
    const writes = new MongoWrites();
    expect(writes.feed(long.subarray(0, 300))).toEqual([]);
    expect(writes.feed(Buffer.concat([long.subarray(300), short]))).toHaveLength(1);
  });

  it('is nothing in what is not Mongo', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, framed) => {
        const whole = Buffer.concat([Buffer.alloc(20), Buffer.from(bytes)]);
        whole.writeInt32LE(framed ? whole.length : 7);
        whole.writeInt32LE(2013, 12);
        new MongoWrites().feed(whole);
      }),
    );
  });
});
