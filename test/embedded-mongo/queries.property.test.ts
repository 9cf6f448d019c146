import fc from 'fast-check';
import type { Document } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestMongo, type TestMongo } from './harness.js';

/*
 * Finds, sorts and updates over the wire, against models that are plain to see. Collections with and without indexes
 * must answer alike: that is what tells a wrong plan.
 */
let mongo: TestMongo;
beforeAll(async () => {
  mongo = await startTestMongo();
  await mongo.db.collection('indexed').createIndexes([
    { key: { a: 1, b: -1 }, name: 'ab' },
    { key: { b: 1 }, name: 'b', sparse: true },
    { key: { 'a.x': -1 }, name: 'ax' },
  ]);
});
afterAll(async () => {
  await mongo.close();
});

const small = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constantFrom('x', 'y', null, true));
const field = fc.oneof(
  small,
  fc.array(small, { maxLength: 3 }),
  fc.record({ x: small }),
  fc.array(fc.record({ x: small }), { maxLength: 2 }),
);
// Two arrays could not be indexed together.
const doc = fc.record({ a: field, b: fc.oneof(small, fc.record({ x: small })) }, { requiredKeys: [] });
const docs = fc
  .array(doc, { maxLength: 12 })
  .map((list) => list.map((fields, _id): Document => ({ _id, ...fields })));
const path = fc.constantFrom('a', 'b', 'a.x', '_id');
const condition = fc.oneof(
  small,
  fc.record({ $gte: small, $lt: small }),
  fc.record({ $gt: small }),
  fc.record({ $lte: small }),
  fc.record({ $in: fc.array(small, { maxLength: 3 }) }),
  fc.record({ $ne: small }),
  fc.record({ $exists: fc.boolean() }),
);
const clause = fc.tuple(path, condition).map(([name, test]) => ({ [name]: test }));
const filter = fc.oneof(
  clause,
  fc.array(clause, { minLength: 1, maxLength: 3 }).map(($and) => ({ $and })),
  fc.array(clause, { minLength: 1, maxLength: 3 }).map(($or) => ({ $or })),
);

async function fill(list: readonly Document[]): Promise<void> {
  for (const name of ['indexed', 'plain']) {
    await mongo.db.collection(name).deleteMany({});
    if (list.length > 0) await mongo.db.collection(name).insertMany(list.map((one) => ({ ...one })));
  }
}

describe('indexes', () => {
  it('never change what is found, nor its order under a sort', async () => {
    await fc.assert(
      fc.asyncProperty(
        docs,
        filter,
        path,
        fc.constantFrom(1 as const, -1 as const),
        async (list, query, by, direction) => {
          await fill(list);
          const sort = { [by]: direction, _id: direction };
          const find = (name: string): Promise<Document[]> =>
            mongo.db
              .collection(name)
              .find(query as never)
              .sort(sort)
              .toArray();
          expect(await find('indexed')).toEqual(await find('plain'));
          const unsorted = await mongo.db
            .collection('indexed')
            .find(query as never)
            .toArray();
          expect(unsorted.map(({ _id }) => Number(_id)).sort((a, b) => a - b)).toEqual(
            (await find('plain')).map(({ _id }) => Number(_id)).sort((a, b) => a - b),
          );
          const limited = await mongo.db
            .collection('indexed')
            .find(query as never)
            .sort(sort)
            .skip(1)
            .limit(3)
            .toArray();
          expect(limited).toEqual((await find('plain')).slice(1, 4));
        },
      ),
      { numRuns: 30 },
    );
  });
});

/** Equality and order on one field, as the manual describes them, for numbers, strings, null and arrays of them. */
function holds(value: unknown, operator: string, operand: unknown): boolean {
  const candidates = Array.isArray(value) ? (value as unknown[]) : [value];
  const missingIsNull = value === undefined ? [null] : candidates;
  return missingIsNull.some((one) => {
    if (operator === '$eq') return one === operand;
    if (typeof one !== typeof operand || one === null || operand === null)
      return one === operand && (operator === '$gte' || operator === '$lte');
    const order = (one as number) < (operand as number) ? -1 : one === operand ? 0 : 1;
    return { $gt: order > 0, $gte: order >= 0, $lt: order < 0, $lte: order <= 0 }[operator] ?? false;
  });
}

describe('find', () => {
  it('agrees with a plain model of each comparison', async () => {
    const simple = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom('x', 'y', null));
    const values = fc.array(fc.oneof(simple, fc.array(simple, { maxLength: 3 }), fc.constant(undefined)), {
      maxLength: 10,
    });
    const operator = fc.constantFrom('$eq', '$gt', '$gte', '$lt', '$lte');
    await fc.assert(
      fc.asyncProperty(values, operator, simple, async (list, name, operand) => {
        await fill(list.map((a, _id) => (a === undefined ? { _id } : { _id, a })));
        const found = await mongo.db
          .collection('indexed')
          .find({ a: { [name]: operand } } as never)
          .sort({ _id: 1 })
          .toArray();
        const wanted = list.flatMap((value, at) => (holds(value, name, operand) ? [at] : []));
        expect(found.map(({ _id }) => Number(_id))).toEqual(wanted);
      }),
      { numRuns: 30 },
    );
  });
});

describe('updates', () => {
  it('agree with a plain model of a counter, a set and a list', async () => {
    const item = fc.integer({ min: 0, max: 5 });
    const step = fc.oneof(
      item.map((n) => ({ update: { $inc: { count: n } }, model: (m: Model) => void (m.count += n) })),
      item.map((n) => ({
        update: { $addToSet: { set: n } },
        model: (m: Model) => void (m.set.includes(n) || m.set.push(n)),
      })),
      item.map((n) => ({ update: { $push: { list: n } }, model: (m: Model) => void m.list.push(n) })),
      item.map((n) => ({
        update: { $pull: { list: n } },
        model: (m: Model) => void (m.list = m.list.filter((one) => one !== n)),
      })),
      item.map((n) => ({
        update: { $push: { list: { $each: [n], $position: 0, $slice: 4 } } },
        model: (m: Model) => void (m.list = [n, ...m.list].slice(0, 4)),
      })),
      fc.constant({ update: { $pop: { list: 1 as const } }, model: (m: Model) => void m.list.pop() }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const model: Model = { count: 0, set: [], list: [] };
        await fill([{ _id: 0, count: 0, set: [], list: [] }]);
        const c = mongo.db.collection<Model>('plain');
        for (const { update, model: change } of steps) {
          change(model);
          await c.updateOne({}, update);
        }
        expect(await c.findOne({}, { projection: { _id: 0 } })).toEqual(model);
      }),
      { numRuns: 25 },
    );
  });
});

interface Model {
  count: number;
  set: number[];
  list: number[];
}
