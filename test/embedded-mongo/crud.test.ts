import { Decimal128, Double, Long, MongoBulkWriteError, MongoServerError, ObjectId } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestMongo, type TestMongo } from './harness.js';

let mongo: TestMongo;
beforeAll(async () => {
  mongo = await startTestMongo();
});
afterAll(async () => {
  await mongo.close();
});

let collections = 0;
function fresh(): ReturnType<typeof mongo.db.collection> {
  return mongo.db.collection(`c${++collections}`);
}

describe('documents', () => {
  it('keeps every BSON type as it was written', async () => {
    const c = fresh();
    const doc = {
      _id: 1 as never,
      int: 1,
      double: new Double(1),
      long: Long.fromNumber(1),
      big: Long.MAX_VALUE,
      decimal: Decimal128.fromString('0.10'),
      date: new Date(5),
      id: new ObjectId(),
      nothing: null,
      text: 'zürich 🎉',
      nested: { b: 1, a: [1, { z: true }] },
    };
    await c.insertOne(doc);
    await c.updateOne({ _id: 1 as never }, { $set: { touched: true } });
    const found = await c.findOne({ _id: 1 as never }, { promoteValues: false });
    expect(found?.double).toBeInstanceOf(Double);
    expect(found?.long).toBeInstanceOf(Long);
    expect(found?.big).toEqual(Long.MAX_VALUE);
    expect(String(found?.decimal)).toBe('0.10');
    expect(Object.keys((found?.nested ?? {}) as object)).toEqual(['b', 'a']);
    expect(await c.findOne({ nested: { b: 1, a: [1, { z: true }] } })).not.toBeNull();
    expect(await c.findOne({ nested: { a: [1, { z: true }], b: 1 } })).toBeNull();
  });

  it('puts _id first wherever the client wrote it', async () => {
    const c = fresh();
    await c.insertOne({ a: 1 });
    expect(Object.keys((await c.findOne()) as object)[0]).toBe('_id');
    const after = await c.findOneAndUpdate({}, { $set: { b: 1 } }, { returnDocument: 'after' });
    expect(Object.keys(after as object)[0]).toBe('_id');
  });

  it('refuses a document that is too large', async () => {
    await expect(
      mongo.db.command({ insert: 'large', documents: [{ _id: 1, text: 'x'.repeat(17 * 2 ** 20) }] }),
    ).rejects.toThrow();
  });
});

describe('writes', () => {
  it('ends an ordered bulk at the first error, and goes on in an unordered one', async () => {
    for (const ordered of [true, false]) {
      const c = fresh();
      const error = await c
        .insertMany([{ _id: 1 }, { _id: 1 }, { _id: 2 }] as never[], { ordered })
        .catch((thrown: unknown) => thrown as MongoBulkWriteError);
      expect(error).toBeInstanceOf(MongoBulkWriteError);
      expect((error as MongoBulkWriteError).code).toBe(11000);
      expect(await c.countDocuments()).toBe(ordered ? 1 : 2);
    }
  });

  it('upserts from the equalities of the filter', async () => {
    const c = fresh();
    const filter = { 'a.b': 1, c: { $eq: 2 }, d: { $gt: 5 } };
    const { upsertedId } = await c.updateOne(
      filter,
      { $set: { e: 3 }, $setOnInsert: { f: 4 } },
      { upsert: true },
    );
    expect(await c.findOne({ _id: upsertedId as ObjectId })).toEqual({
      _id: upsertedId,
      a: { b: 1 },
      c: 2,
      e: 3,
      f: 4,
    });
  });

  it.each([
    ['$inc of a missing field', {}, { $inc: { n: 2 } }, { n: 2 }],
    ['$mul of a missing field', {}, { $mul: { n: 2 } }, { n: 0 }],
    ['$min', { n: 5 }, { $min: { n: 3 } }, { n: 3 }],
    ['$unset in an array', { a: [1, 2, 3] }, { $unset: { 'a.1': '' } }, { a: [1, null, 3] }],
    ['$rename', { a: 1, b: 2 }, { $rename: { a: 'c' } }, { b: 2, c: 1 }],
    [
      '$push with all its options',
      { a: [3] },
      { $push: { a: { $each: [1, 2], $sort: -1, $slice: 2 } } },
      { a: [3, 2] },
    ],
    [
      '$addToSet by value',
      { a: [{ x: 1 }] },
      { $addToSet: { a: { $each: [{ x: 1 }, { x: 2 }] } } },
      { a: [{ x: 1 }, { x: 2 }] },
    ],
    ['$pull by condition', { a: [1, 5, 9] }, { $pull: { a: { $gte: 5 } } }, { a: [1] }],
    ['$pull of documents', { a: [{ x: 1, y: 1 }, { x: 2 }] }, { $pull: { a: { x: 1 } } }, { a: [{ x: 2 }] }],
    ['$pop', { a: [1, 2] }, { $pop: { a: -1 } }, { a: [2] }],
    ['$bit', { n: 13 }, { $bit: { n: { and: 10 } } }, { n: 8 }],
    ['padding of an array', { a: [1] }, { $set: { 'a.3': 4 } }, { a: [1, null, null, 4] }],
    [
      '$[] in every element',
      { a: [{ n: 1 }, { n: 2 }] },
      { $inc: { 'a.$[].n': 1 } },
      { a: [{ n: 2 }, { n: 3 }] },
    ],
  ])('%s', async (_name, before, update, after) => {
    const c = fresh();
    await c.insertOne({ ...before });
    await c.updateOne({}, update as object);
    expect(await c.findOne({}, { projection: { _id: 0 } })).toEqual(after);
  });

  it('updates the element that matched ($) and those of arrayFilters', async () => {
    const c = fresh();
    await c.insertOne({
      items: [
        { sku: 'a', n: 1 },
        { sku: 'b', n: 1 },
      ],
    });
    await c.updateOne({ 'items.sku': 'b' }, { $set: { 'items.$.n': 7 } });
    await c.updateOne({}, { $set: { 'items.$[i].low': true } }, { arrayFilters: [{ 'i.n': { $lt: 5 } }] });
    const { items } = (await c.findOne({})) as unknown as { items: unknown };
    expect(items).toEqual([
      { sku: 'a', n: 1, low: true },
      { sku: 'b', n: 7 },
    ]);
  });

  it('updates by a pipeline, with the clock of the server', async () => {
    const c = fresh();
    await c.insertOne({ price: 2, count: 3 });
    await c.updateOne({}, [
      { $set: { total: { $multiply: ['$price', '$count'] }, at: '$$NOW' } },
      { $unset: 'count' },
    ]);
    const found = await c.findOne({});
    expect(found).toMatchObject({ price: 2, total: 6 });
    expect(found?.at).toBeInstanceOf(Date);
    expect(found).not.toHaveProperty('count');
  });

  it.each([
    [40, { $set: { a: 1 }, $inc: { a: 1 } }],
    [66, { $set: { _id: 5 } }],
    [28, { $set: { 's.x': 1 } }],
    [14, { $inc: { s: 1 } }],
    [2, { $set: { 'a.$[].x': 1 } }],
    [9, { $frob: { a: 1 } }],
  ])('answers error %i to an update that cannot be', async (code, update) => {
    const c = fresh();
    await c.insertOne({ _id: 1 as never, s: 'text' });
    const error = await c.updateOne({}, update as object).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(MongoServerError);
    expect((error as MongoServerError).code).toBe(code);
    expect(await c.findOne({})).toEqual({ _id: 1, s: 'text' });
  });

  it('makes find-and-modify atomic among many connections', async () => {
    const c = fresh();
    await c.insertOne({ _id: 'counter' as never, n: 0 });
    const seen = await Promise.all(
      Array.from({ length: 200 }, () =>
        c.findOneAndUpdate({ _id: 'counter' as never }, { $inc: { n: 1 } }, { returnDocument: 'after' }),
      ),
    );
    expect(new Set(seen.map((doc) => doc?.n as number)).size).toBe(200);
  });

  it('runs a bulk of every kind of operation', async () => {
    const c = fresh();
    const result = await c.bulkWrite([
      { insertOne: { document: { _id: 1 as never, n: 1 } } },
      { updateOne: { filter: { n: 1 }, update: { $inc: { n: 1 } } } },
      { replaceOne: { filter: { n: 9 }, replacement: { n: 10 }, upsert: true } },
      { deleteMany: { filter: { n: 2 } } },
    ]);
    expect(result).toMatchObject({ insertedCount: 1, modifiedCount: 1, upsertedCount: 1, deletedCount: 1 });
  });

  it('runs the bulkWrite command of MongoDB 8 over several collections', async () => {
    const result = await mongo.client.bulkWrite(
      [
        { name: 'insertOne', namespace: 'test.bulk_a', document: { _id: 1 as never } },
        { name: 'insertOne', namespace: 'test.bulk_b', document: { _id: 1 as never } },
        { name: 'updateOne', namespace: 'test.bulk_a', filter: {}, update: { $set: { x: 1 } } },
        { name: 'deleteMany', namespace: 'test.bulk_b', filter: {} },
      ],
      { verboseResults: true },
    );
    expect(result).toMatchObject({ insertedCount: 2, modifiedCount: 1, deletedCount: 1 });
  });
});

describe('reads', () => {
  it('sorts over all types in the order of MongoDB', async () => {
    const c = fresh();
    const inOrder = [
      null,
      -1,
      Long.fromNumber(2),
      2.5,
      'a',
      'b',
      { a: 1 },
      new ObjectId(),
      false,
      true,
      new Date(0),
    ];
    const docs = inOrder.map((v, _id) => ({ _id: _id as never, v }));
    await c.insertMany(docs.toReversed());
    expect((await c.find().sort({ v: 1 }).toArray()).map(({ _id }) => _id as unknown)).toEqual([
      ...inOrder.keys(),
    ]);
  });

  it('tells null from missing only where asked', async () => {
    const c = fresh();
    await c.insertMany([
      { _id: 1, a: null },
      { _id: 2 },
      { _id: 3, a: [] },
      { _id: 4, a: [null] },
    ] as never[]);
    const ids = async (filter: object): Promise<unknown[]> =>
      (await c.find(filter).sort({ _id: 1 }).toArray()).map(({ _id }) => _id);
    expect(await ids({ a: null })).toEqual([1, 2, 4]);
    expect(await ids({ a: { $exists: false } })).toEqual([2]);
    expect(await ids({ a: { $type: 'null' } })).toEqual([1, 4]);
    expect(await ids({ a: { $ne: null } })).toEqual([3]);
  });

  it('reads in batches, and closes what is killed', async () => {
    const c = fresh();
    await c.insertMany(Array.from({ length: 250 }, (_, _id) => ({ _id })) as never[]);
    expect(await c.find().batchSize(7).toArray()).toHaveLength(250);
    const cursor = c.find().batchSize(2);
    await cursor.next();
    const id = cursor.id as Long;
    await cursor.close();
    await expect(mongo.db.command({ getMore: id, collection: c.collectionName })).rejects.toMatchObject({
      code: 43,
    });
  });

  it('gives batches that fit into a reply, whatever the size asked for', async () => {
    const c = fresh();
    const text = 'x'.repeat(3 * 2 ** 20);
    for (let _id = 0; _id < 8; _id++) await c.insertOne({ _id: _id as never, text });
    expect(await c.find().batchSize(1000).toArray()).toHaveLength(8);
  });

  it.each([
    [{ a: 1 }, { _id: 1, a: 1 }],
    [
      { a: 0, _id: 0 },
      { b: { c: 2, d: 3 }, list: [1, 2, 3] },
    ],
    [{ 'b.c': 1 }, { _id: 1, b: { c: 2 } }],
    [{ list: { $slice: -2 } }, { _id: 1, a: 1, b: { c: 2, d: 3 }, list: [2, 3] }],
    [{ sum: { $add: ['$a', '$b.c'] }, _id: 0 }, { sum: 3 }],
  ])('projects by %j', async (projection, expected) => {
    const c = fresh();
    await c.insertOne({ _id: 1 as never, a: 1, b: { c: 2, d: 3 }, list: [1, 2, 3] });
    expect(await c.findOne({}, { projection })).toEqual(expected);
  });

  it('compares by a collation where one is given', async () => {
    const c = fresh();
    await c.insertMany([{ name: 'Ada' }, { name: 'ada' }, { name: 'Ádà' }]);
    const collation = { locale: 'en', strength: 2 };
    expect(await c.countDocuments({ name: 'ADA' })).toBe(0);
    expect(await c.countDocuments({ name: 'ADA' }, { collation })).toBe(2);
    expect(await c.distinct('name', {}, { collation })).toHaveLength(2);
    expect(await c.countDocuments({ name: 'ADA' }, { collation: { locale: 'en', strength: 1 } })).toBe(3);
  });
});
