import { MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestMongo, type TestMongo } from './harness.js';

let mongo: TestMongo;
beforeAll(async () => {
  mongo = await startTestMongo();
});
afterAll(async () => {
  await mongo.close();
});

describe('the Stable API', () => {
  it('holds a strict client to what version 1 has', async () => {
    const client = new MongoClient(mongo.uri, { serverApi: { version: '1', strict: true } });
    try {
      const c = client.db('test').collection('strict');
      await c.insertOne({ a: 1 });
      expect(await c.countDocuments({ a: 1 })).toBe(1);
      const refused = { code: 323, codeName: 'APIStrictError' };
      await expect(c.distinct('a')).rejects.toMatchObject(refused);
      await expect(c.aggregate([{ $indexStats: {} }]).toArray()).rejects.toMatchObject(refused);
    } finally {
      await client.close();
    }
  });

  it('has one version, which must be said', async () => {
    await expect(mongo.db.command({ ping: 1, apiVersion: '2' })).rejects.toMatchObject({ code: 322 });
    await expect(mongo.db.command({ ping: 1, apiStrict: true })).rejects.toMatchObject({ code: 4886600 });
    expect(await mongo.db.command({ ping: 1, apiVersion: '1' })).toMatchObject({ ok: 1 });
  });
});

describe('a read concern', () => {
  it('is met, except for snapshots, which are refused', async () => {
    const find = (readConcern: unknown): Promise<unknown> => mongo.db.command({ find: 'any', readConcern });
    for (const level of ['local', 'available', 'majority', 'linearizable'])
      expect(await find({ level })).toMatchObject({ ok: 1 });
    expect(await find({})).toMatchObject({ ok: 1 });
    await expect(find({ level: 'snapshot' })).rejects.toMatchObject({ code: 123 });
    await expect(find({ level: 'no such' })).rejects.toMatchObject({ code: 9 });
    const session = mongo.client.startSession({ snapshot: true });
    const read = mongo.db.collection('any').find({}, { session }).toArray();
    await expect(read).rejects.toMatchObject({ code: 123 });
    await session.endSession();
  });
});
