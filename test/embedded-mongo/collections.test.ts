import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestMongo, type TestMongo } from './harness.js';

let mongo: TestMongo;
beforeAll(async () => {
  mongo = await startTestMongo();
});
afterAll(async () => {
  await mongo.close();
});

describe('a collection', () => {
  it('that is capped drops its oldest documents for new ones', async () => {
    const c = await mongo.db.createCollection<{ _id: number; s?: string }>('capped', {
      capped: true,
      size: 8192,
      max: 3,
    });
    await c.insertMany([1, 2, 3, 4, 5].map((_id) => ({ _id })));
    expect(await c.find().toArray()).toEqual([{ _id: 3 }, { _id: 4 }, { _id: 5 }]);
    await c.insertMany([6, 7].map((_id) => ({ _id, s: 'x'.repeat(5000) })));
    expect((await c.find().toArray()).map(({ _id }) => _id)).toEqual([7]);
    expect(await mongo.db.command({ collStats: 'capped' })).toMatchObject({
      capped: true,
      maxSize: 8192,
      max: 3,
    });
    mongo = await mongo.restart();
    const again = mongo.db.collection<{ _id: number }>('capped');
    await again.insertOne({ _id: 8 });
    expect((await again.find().toArray()).map(({ _id }) => _id)).toEqual([7, 8]);
  });

  it('may be created again with options that are off by default', async () => {
    await mongo.db.createCollection('again', { capped: false });
    expect(await mongo.db.command({ create: 'again' })).toMatchObject({ ok: 1 });
  });
});

describe('maxTimeMS', () => {
  it('must be a time', async () => {
    for (const [maxTimeMS, code] of [
      [-1, 2],
      [2 ** 31, 2],
      ['x', 14],
    ])
      await expect(mongo.db.command({ ping: 1, maxTimeMS })).rejects.toMatchObject({ code });
    expect(await mongo.db.command({ ping: 1, maxTimeMS: 5 })).toMatchObject({ ok: 1 });
  });
});
