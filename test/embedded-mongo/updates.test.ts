import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestMongo, type TestMongo } from './harness.js';

let mongo: TestMongo;
beforeAll(async () => {
  mongo = await startTestMongo();
});
afterAll(async () => {
  await mongo.close();
});

describe('an upsert', () => {
  async function made(name: string, filter: object, update: object | object[]): Promise<object | null> {
    const c = mongo.db.collection(name);
    await c.updateOne(filter, update, { upsert: true });
    return c.findOne({}, { projection: { _id: 0 } });
  }

  it('takes the fields its filter fixes, and no patterns', async () => {
    expect(await made('regex', { a: /x/, b: 1, c: { $all: [/y/] } }, { $set: { z: 1 } })).toEqual({
      b: 1,
      z: 1,
    });
    expect(await made('or_one', { $or: [{ a: 1 }] }, { $set: { z: 1 } })).toEqual({ a: 1, z: 1 });
    expect(await made('or_two', { $or: [{ a: 1 }, { b: 1 }] }, { $set: { z: 1 } })).toEqual({ z: 1 });
  });

  it('refuses two values for one place', async () => {
    const update = { $set: { z: 1 } };
    for (const filter of [
      { a: { b: 1 }, 'a.c': 2 },
      { 'a.c': 2, a: { b: 1 } },
      { a: 1, $and: [{ a: 2 }] },
    ])
      await expect(made('twice', filter, update)).rejects.toMatchObject({ code: 54 });
  });

  it('by replacement takes the _id only, so that the rest may be odd', async () => {
    const c = mongo.db.collection<{ _id: number; y?: number }>('replaced');
    await c.replaceOne({ _id: 7, x: 1, $and: [{ x: 2 }] }, { y: 1 }, { upsert: true });
    expect(await c.findOne()).toEqual({ _id: 7, y: 1 });
  });
});

describe('the positional operator', () => {
  it('stands for the element that a clause of $or matched', async () => {
    const c = mongo.db.collection('positional');
    await c.insertOne({ a: [1, 2], b: 5 });
    await c.updateOne({ $or: [{ a: 7 }, { a: 2 }] }, { $set: { 'a.$': 9 } });
    expect(await c.findOne({}, { projection: { _id: 0 } })).toEqual({ a: [1, 9], b: 5 });
    const byOther = c.updateOne({ $or: [{ a: 7 }, { b: 5 }] }, { $set: { 'a.$': 0 } });
    await expect(byOther).rejects.toMatchObject({ code: 2 });
  });
});

describe('the _id', () => {
  it('cannot be taken away by a modifier, and is kept by a pipeline', async () => {
    const c = mongo.db.collection<{ _id: number; a?: number }>('keeps_id');
    await c.insertOne({ _id: 1, a: 2 });
    for (const update of [{ $unset: { _id: 1 } }, { $rename: { _id: 'other' } }])
      await expect(c.updateOne({}, update as object)).rejects.toMatchObject({ code: 66 });
    await c.updateOne({}, [{ $unset: ['_id', 'a'] }]);
    expect(await c.findOne()).toEqual({ _id: 1 });
  });
});

describe('operators', () => {
  it('that are unknown are refused, also when they would change nothing or are names of JS', async () => {
    const c = mongo.db.collection('unknown');
    await c.insertOne({ a: 1 });
    const update = async (u: object): Promise<unknown> =>
      (await mongo.db.command({ update: 'unknown', updates: [{ q: {}, u }] })).writeErrors;
    expect(await update({ $foo: {} })).toMatchObject([{ code: 9 }]);
    expect(await update({ $set: { a: 1 }, constructor: { b: 1 } })).toMatchObject([{ code: 9 }]);
    expect(await update({ $bit: { a: { constructor: 1 } } })).toMatchObject([{ code: 2 }]);
    for (const a of [{ $gt: 0, constructor: 1 }, { $options: 'i' }])
      await expect(c.findOne({ a })).rejects.toMatchObject({ code: 2 });
  });

  it('$elemMatch takes an array within the array as a document of its positions', async () => {
    const c = mongo.db.collection<{ _id: number; a: unknown }>('nested');
    await c.insertMany([
      { _id: 1, a: [[{ b: 1 }]] },
      { _id: 2, a: [{ b: 1 }] },
    ]);
    expect(await c.find({ a: { $elemMatch: { '0.b': 1 } } }).toArray()).toMatchObject([{ _id: 1 }]);
    expect(await c.find({ a: { $elemMatch: { b: 1 } } }).toArray()).toMatchObject([{ _id: 2 }]);
  });
});
