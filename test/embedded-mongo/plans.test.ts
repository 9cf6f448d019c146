import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestMongo, type TestMongo } from './harness.js';

let mongo: TestMongo;
beforeAll(async () => {
  mongo = await startTestMongo();
});
afterAll(async () => {
  await mongo.close();
});

describe('a compound index over fields of one array', () => {
  const all = [
    {
      _id: 1,
      x: [
        { a: 1, b: 9 },
        { a: 9, b: 2 },
      ],
      c: 1,
    },
    { _id: 2, x: [{ a: 1, b: 3 }], c: 2 },
  ];

  it('finds documents of which different elements meet the conditions', async () => {
    const c = mongo.db.collection<{ _id: number }>('planned');
    await c.createIndex({ 'x.a': 1, 'x.b': 1, c: 1 });
    await c.insertMany(all);
    const ids = async (filter: object): Promise<number[]> =>
      (await c.find(filter).sort({ _id: 1 }).toArray()).map(({ _id }) => _id);
    expect(await ids({ 'x.a': 1, 'x.b': 2 })).toEqual([1]);
    expect(await ids({ 'x.a': 1, 'x.b': { $lt: 5 } })).toEqual([1, 2]);
    expect(await ids({ 'x.a': 9, 'x.b': 9, c: 1 })).toEqual([1]);
    expect(await ids({ x: { $elemMatch: { a: 1, b: 2 } } })).toEqual([]);
  });
});

describe('$natural', () => {
  it('reads records in their order, or the other way, as a sort and as a hint', async () => {
    const c = mongo.db.collection<{ _id: number }>('natural');
    await c.insertMany([{ _id: 3 }, { _id: 1 }, { _id: 2 }]);
    const ids = async (sort: 1 | -1): Promise<number[]> =>
      (
        await c
          .find({ _id: { $gt: 0 } })
          .sort({ $natural: sort })
          .toArray()
      ).map(({ _id }) => _id);
    expect(await ids(1)).toEqual([3, 1, 2]);
    expect(await ids(-1)).toEqual([2, 1, 3]);
    expect((await c.find().hint({ $natural: -1 }).limit(2).toArray()).map(({ _id }) => _id)).toEqual([2, 1]);
    expect((await c.find().sort({ $natural: -1 }).explain()).executionStats).toMatchObject({ nReturned: 3 });
    for (const sort of [{ $natural: 2 }, { $natural: 1, k: 1 }])
      await expect(mongo.db.command({ find: 'natural', sort })).rejects.toMatchObject({ code: 2 });
  });
});
