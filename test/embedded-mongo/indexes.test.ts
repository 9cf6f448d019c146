import { MongoServerError } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestMongo, type TestMongo } from './harness.js';

let mongo: TestMongo;
beforeAll(async () => {
  mongo = await startTestMongo();
});
afterAll(async () => {
  await mongo.close();
});

async function failure(promise: Promise<unknown>): Promise<MongoServerError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MongoServerError);
  return error as MongoServerError;
}

describe('unique indexes', () => {
  it('refuse a second document, and say which key', async () => {
    const c = mongo.db.collection('unique');
    await c.createIndex({ email: 1, 'org.id': 1 }, { unique: true });
    await c.insertOne({ email: 'a', org: { id: 1 } });
    const error = await failure(c.insertOne({ email: 'a', org: { id: 1 } }));
    expect(error.code).toBe(11000);
    expect(error.keyPattern).toEqual({ email: 1, 'org.id': 1 });
    expect(error.keyValue).toEqual({ email: 'a', 'org.id': 1 });
    await c.insertOne({ email: 'a', org: { id: 2 } });
    expect((await failure(c.updateOne({ 'org.id': 2 }, { $set: { 'org.id': 1 } }))).code).toBe(11000);
  });

  it('count equal numbers of different types as the same, and look into arrays', async () => {
    const c = mongo.db.collection('unique_numbers');
    await c.createIndex({ n: 1 }, { unique: true });
    await c.insertOne({ n: [1, 2] });
    const { Long, Double } = await import('mongodb');
    for (const n of [1, new Double(2), Long.fromNumber(2), [5, 1]])
      expect((await failure(c.insertOne({ n }))).code).toBe(11000);
    await c.insertOne({ n: 3 });
  });

  it('leave out what a sparse or partial index leaves out', async () => {
    const c = mongo.db.collection('partial');
    await c.createIndex({ token: 1 }, { unique: true, sparse: true });
    await c.createIndex({ slot: 1 }, { unique: true, partialFilterExpression: { live: true } });
    await c.insertMany([{}, {}, { slot: 1, live: false }, { slot: 1, live: true }, { slot: 1 }]);
    expect((await failure(c.insertOne({ slot: 1, live: true }))).code).toBe(11000);
    expect(await c.countDocuments({ slot: 1 })).toBe(3);
  });

  it('cannot be built over duplicates, and then are not there', async () => {
    const c = mongo.db.collection('duplicates');
    await c.insertMany([{ a: 1 }, { a: 1 }]);
    expect((await failure(c.createIndex({ a: 1 }, { unique: true }))).code).toBe(11000);
    expect((await c.indexes()).map(({ name }) => name)).toEqual(['_id_']);
  });
});

describe('index definitions', () => {
  it('are listed as given, dropped by name or key, and compared when made again', async () => {
    const c = mongo.db.collection('definitions');
    await c.createIndex({ a: 1, b: -1 }, { name: 'ab', expireAfterSeconds: 10 });
    await c.createIndex({ a: 1, b: -1 }, { name: 'ab', expireAfterSeconds: 10 });
    expect((await failure(c.createIndex({ a: 1, b: -1 }, { name: 'ab', unique: true }))).code).toBe(86);
    expect((await failure(c.createIndex({ z: 1 }, { name: 'ab' }))).code).toBe(86);
    expect((await c.indexes())[1]).toEqual({
      v: 2,
      key: { a: 1, b: -1 },
      name: 'ab',
      expireAfterSeconds: 10,
    });
    expect((await failure(c.dropIndex('_id_'))).code).toBe(72);
    await c.dropIndex('ab');
    expect((await failure(c.dropIndex('ab'))).code).toBe(27);
  });

  it('refuse parallel arrays and kinds that are not served', async () => {
    const c = mongo.db.collection('kinds');
    await c.createIndex({ a: 1, b: 1 });
    expect((await failure(c.insertOne({ a: [1], b: [2] }))).code).toBe(171);
    expect((await failure(c.createIndex({ t: 'text' }))).code).toBe(67);
  });
});

describe('planning', () => {
  const plan = async (
    filter: object,
    sort: object = {},
  ): Promise<{ stage: string; inputStage?: { indexName: string } }> => {
    const { queryPlanner } = await mongo.db.command({ explain: { find: 'planned', filter, sort } });
    return (queryPlanner as { winningPlan: never }).winningPlan;
  };

  it('uses _id, equal prefixes, ranges and orders of indexes', async () => {
    const c = mongo.db.collection('planned');
    await c.insertMany(Array.from({ length: 50 }, (_, n) => ({ _id: n as never, a: n % 5, b: n })));
    await c.createIndex({ a: 1, b: -1 });
    expect((await plan({ _id: 3 })).inputStage?.indexName).toBe('_id_');
    expect((await plan({ a: 3 })).inputStage?.indexName).toBe('a_1_b_-1');
    expect((await plan({ a: 3, b: { $gt: 4 } })).inputStage?.indexName).toBe('a_1_b_-1');
    expect((await plan({ b: 4 })).stage).toBe('COLLSCAN');
    expect((await plan({ a: 3 }, { b: -1 })).stage).toBe('FETCH');
    expect((await plan({}, { b: 1 })).stage).toBe('SORT');
    const found = await c
      .find({ a: 3, b: { $gte: 8, $lt: 40 } })
      .sort({ b: 1 })
      .limit(3)
      .toArray();
    expect(found.map(({ b }) => b as number)).toEqual([8, 13, 18]);
  });
});

describe('TTL indexes', () => {
  it('delete what has expired, and nothing else', async () => {
    const c = mongo.db.collection('ttl');
    await c.createIndex({ at: 1 }, { expireAfterSeconds: 1 });
    await c.insertMany([
      { _id: 'old', at: new Date(0) },
      { _id: 'none' },
      { _id: 'text', at: 'x' },
    ] as never[]);
    await c.insertOne({ _id: 'later' as never, at: new Date(Date.now() + 3_600_000) });
    await expect.poll(() => c.countDocuments({ _id: 'old' as never }), { timeout: 20_000 }).toBe(0);
    expect(await c.countDocuments()).toBe(3);
  });
});

describe('the definition of an index', () => {
  it('with another uniqueness is another index, which may not take the name', async () => {
    const c = mongo.db.collection('kinds');
    await c.createIndex({ a: 1 }, { unique: true });
    expect((await failure(c.createIndex({ a: 1 }))).code).toBe(86);
    expect((await failure(c.createIndex({ a: 1 }, { unique: true, name: 'other' }))).code).toBe(85);
    expect(await c.createIndex({ a: 1 }, { name: 'plain' })).toBe('plain');
  });

  it('is refused with a partial filter that mongod would refuse', async () => {
    const c = mongo.db.collection('partial_filters');
    for (const wrong of [{ a: { $ne: 1 } }, { a: { $exists: false } }, { a: /x/ }, { $nor: [{ a: 1 }] }])
      expect((await failure(c.createIndex({ a: 1 }, { partialFilterExpression: wrong }))).code).toBe(67);
    const right = { $or: [{ a: { $gt: 1, $type: 'int' } }, { b: { $in: [1, 2] } }], c: { $exists: true } };
    expect(await c.createIndex({ a: 1 }, { partialFilterExpression: right })).toBe('a_1');
  });
});

describe('an index that is made unique', () => {
  it('refuses new duplicates first, and is unique when the old ones are gone', async () => {
    const c = mongo.db.collection<{ _id: number; x: number; y?: number }>('prepared');
    await c.insertMany([1, 2, 3].map((_id) => ({ _id, x: _id === 3 ? 3 : 1 })));
    await c.createIndex({ x: 1 });
    const change = async (index: object): Promise<unknown> =>
      mongo.db.command({ collMod: 'prepared', index: { name: 'x_1', ...index } });
    expect((await failure(change({ unique: true }))).code).toBe(72);
    await change({ prepareUnique: true });
    expect((await failure(c.insertOne({ _id: 4, x: 1 }))).code).toBe(11000);
    // What is a duplicate already may change otherwise.
    await c.updateOne({ _id: 2 }, { $set: { y: 1 } });
    const refused = await failure(change({ unique: true }));
    expect(refused.code).toBe(359);
    expect(refused.errorResponse).toMatchObject({ violations: [{ ids: [1, 2] }] });
    await c.deleteOne({ _id: 2 });
    await change({ unique: true });
    expect(await c.indexes()).toMatchObject([{ name: '_id_' }, { name: 'x_1', unique: true }]);
    expect((await failure(c.insertOne({ _id: 5, x: 1 }))).code).toBe(11000);
  });
});
