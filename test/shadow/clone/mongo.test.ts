import fc from 'fast-check';
import {
  Binary,
  BSONRegExp,
  Code,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  MongoClient,
  ObjectId,
  Timestamp,
  UUID,
  type Document,
} from 'mongodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cloneMongo, databaseInUri, measureMongo } from '../../../shadow/clone/mongo.js';
import type { CloneProgress } from '../../../shadow/clone/progress.js';
import { startTestMongo, type TestMongo } from './embedded-mongo.js';

const signal = new AbortController().signal;

const name = fc.string({ maxLength: 8 }).filter((k) => !k.startsWith('$') && !/[.\0]/.test(k) && k !== '_id');
const leaf = fc.oneof(
  fc.string(),
  fc.boolean(),
  fc.constant(null),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map((n) => new Int32(n)),
  fc.double({ noNaN: true }).map((n) => new Double(n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => Long.fromBigInt(n)),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 20 }).map((b) => new Binary(b)),
  fc.constant(0).map(() => new UUID()),
  fc.constant(0).map(() => new ObjectId()),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((n) => new Timestamp(n)),
  fc.integer().map((n) => Decimal128.fromString(`${n}.250`)),
  fc.constantFrom(new MinKey(), new MaxKey(), new Code('return 1'), new BSONRegExp('^a.*b$', 'ix')),
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));
const documents = fc.array(fc.dictionary(name, value, { maxKeys: 6, noNullPrototype: true }), {
  maxLength: 12,
});

describe('cloneMongo', () => {
  let live: TestMongo;
  let golden: TestMongo;
  let source: MongoClient;
  let target: MongoClient;
  beforeAll(async () => {
    [live, golden] = await Promise.all([startTestMongo(), startTestMongo()]);
    [source, target] = [new MongoClient(live.uri), new MongoClient(golden.uri)];
  });
  afterAll(async () => {
    await source.close();
    await target.close();
    await live[Symbol.asyncDispose]();
    await golden[Symbol.asyncDispose]();
  });
  const wipe = async (): Promise<void> => {
    for (const client of [source, target])
      for (const database of ['shop', 'other']) await client.db(database).dropDatabase();
  };
  beforeEach(wipe);

  const raw = async (client: MongoClient, collection: string): Promise<string[]> => {
    const found = await client.db('shop').collection(collection).find({}, { raw: true }).toArray();
    return found.map((d) => Buffer.from(d as unknown as Uint8Array).toString('hex'));
  };

  it('copies documents of every type byte for byte, in their order', async () => {
    await fc.assert(
      fc.asyncProperty(documents, async (docs) => {
        await wipe();
        const collection = source.db('shop').collection('things');
        await collection.insertOne({ first: true });
        if (docs.length > 0) await collection.insertMany(docs);
        const summary = await cloneMongo(`${live.uri}/shop`, golden.uri, { signal });
        expect(summary.items).toBe(docs.length + 1);
        expect(await raw(target, 'things')).toEqual(await raw(source, 'things'));
      }),
      { numRuns: 25 },
    );
  });

  it('copies collections with their options, and indexes with theirs', async () => {
    const db = source.db('shop');
    await db.createCollection('strict', { validator: { qty: { $gte: 0 } }, validationAction: 'error' });
    await db.collection('strict').insertOne({ qty: -1 }, { bypassDocumentValidation: true });
    await db.collection('strict').createIndexes([
      { key: { email: 1 }, unique: true, sparse: true, name: 'by_email' },
      { key: { at: 1 }, expireAfterSeconds: 3600 },
      { key: { b: -1, a: 1 }, partialFilterExpression: { a: { $exists: true } } },
    ]);
    await db.createCollection('empty');
    await cloneMongo(`${live.uri}/shop`, golden.uri, { signal });
    const shape = async (client: MongoClient): Promise<unknown> => {
      const infos = await client.db('shop').listCollections().toArray();
      return Promise.all(
        infos
          .sort((a, b) => (a.name < b.name ? -1 : 1))
          .map(async (info) => ({
            name: info.name,
            type: info.type,
            options: (info as Document).options as unknown,
            indexes: await client.db('shop').collection(info.name).listIndexes().toArray(),
          })),
      );
    };
    expect(await shape(target)).toEqual(await shape(source));
    await expect(target.db('shop').collection('strict').insertOne({ qty: -2 })).rejects.toThrow(/validation/);
  });

  it('copies the database its URI names, or all, and tells how far it has come', async () => {
    const padding = 'x'.repeat(3000);
    const many = Array.from({ length: 3000 }, (_, i) => ({ i, padding }));
    await source.db('shop').collection('big').insertMany(many);
    await source.db('other').collection('one').insertOne({ n: 1 });
    const seen: CloneProgress[] = [];
    const summary = await cloneMongo(`${live.uri}/shop`, golden.uri, {
      signal,
      onProgress: (p) => seen.push(p),
    });
    expect(summary.items).toBe(3000);
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.at(-1)).toMatchObject({ store: 'mongo', scope: 'shop.big', items: 3000, totalItems: 3000 });
    expect(seen.at(-1)!.bytes).toBeGreaterThan(8_000_000);
    expect(await target.db('other').collection('one').countDocuments()).toBe(0);
    await target.db('shop').dropDatabase();
    expect((await cloneMongo(live.uri, golden.uri, { signal })).items).toBe(3001);
    expect(await measureMongo(`${live.uri}/shop`)).toMatchObject({ documents: 3000, indexEntries: 0 });
    expect((await measureMongo(`${live.uri}/shop`)).dataBytes).toBeGreaterThan(8_000_000);
  });

  it('keeps the later of two documents that meet at one unique key while others write', async () => {
    const users = source.db('shop').collection('users');
    await users.createIndex({ email: 1 }, { unique: true });
    const padding = 'x'.repeat(4000);
    await users.insertMany(Array.from({ length: 1500 }, (_, i) => ({ email: `user${i}`, padding, turn: 0 })));
    let going = true;
    // Gives addresses to new documents, at the end of the collection, while it is read.
    const writing = (async () => {
      for (let i = 0; going; i = (i + 1) % 1500) {
        await users.deleteOne({ email: `user${i}` });
        await users.insertOne({ email: `user${i}`, padding, turn: 1 });
      }
    })();
    try {
      const summary = await cloneMongo(`${live.uri}/shop`, golden.uri, { signal });
      expect(summary.caveats.join()).toContain('different moments');
    } finally {
      going = false;
      await writing;
    }
    const copied = target.db('shop').collection('users');
    expect(await copied.distinct('email')).toHaveLength(await copied.countDocuments());
    expect(await copied.countDocuments()).toBeGreaterThan(1400);
  });

  it('stops when told to, and names a store that cannot be reached', async () => {
    await source.db('shop').collection('one').insertOne({ n: 1 });
    await expect(
      cloneMongo(`${live.uri}/shop`, golden.uri, { signal: AbortSignal.abort(new Error('told to stop')) }),
    ).rejects.toThrow('told to stop');
    await expect(cloneMongo('mongodb://127.0.0.1:1/shop', golden.uri, { signal })).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
    });
  });
});

describe('databaseInUri', () => {
  it.each([
    ['mongodb://h:1/shop', 'shop'],
    ['mongodb://u:p@h1,h2/shop?replicaSet=r', 'shop'],
    ['mongodb+srv://h/a%20b', 'a b'],
    ['mongodb://h:1', undefined],
    ['mongodb://h:1/?x=1', undefined],
  ])('%s → %s', (uri, expected) => expect(databaseInUri(uri)).toBe(expected));
});
