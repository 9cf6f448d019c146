import { Decimal128, Double, Long, ObjectId, type Document } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestMongo, type TestMongo } from './harness.js';

let mongo: TestMongo;
beforeAll(async () => {
  mongo = await startTestMongo();
  await mongo.db.collection('orders').insertMany([
    {
      _id: 1,
      who: 'ada',
      total: 10,
      lines: [
        { sku: 'a', n: 2 },
        { sku: 'b', n: 1 },
      ],
    },
    { _id: 2, who: 'bob', total: 5, lines: [{ sku: 'a', n: 1 }] },
    { _id: 3, who: 'ada', total: 7.5, lines: [] },
  ] as never[]);
  await mongo.db.collection('people').insertMany([
    { _id: 'ada', name: 'Ada' },
    { _id: 'bob', name: 'Bob' },
  ] as never[]);
});
afterAll(async () => {
  await mongo.close();
});

const run = async (pipeline: object[]): Promise<unknown[]> =>
  mongo.db.collection('orders').aggregate(pipeline).toArray();

describe('stages', () => {
  it.each<[string, object[], unknown[]]>([
    [
      '$group',
      [{ $group: { _id: '$who', sum: { $sum: '$total' }, n: { $count: {} } } }, { $sort: { _id: 1 } }],
      [
        { _id: 'ada', sum: 17.5, n: 2 },
        { _id: 'bob', sum: 5, n: 1 },
      ],
    ],
    [
      '$unwind',
      [
        { $unwind: '$lines' },
        { $group: { _id: '$lines.sku', n: { $sum: '$lines.n' } } },
        { $sort: { _id: 1 } },
      ],
      [
        { _id: 'a', n: 3 },
        { _id: 'b', n: 1 },
      ],
    ],
    [
      '$unwind that preserves',
      [{ $unwind: { path: '$lines', preserveNullAndEmptyArrays: true } }, { $count: 'n' }],
      [{ n: 4 }],
    ],
    [
      '$lookup',
      [
        { $match: { _id: 1 } },
        { $lookup: { from: 'people', localField: 'who', foreignField: '_id', as: 'p' } },
        { $project: { p: 1, _id: 0 } },
      ],
      [{ p: [{ _id: 'ada', name: 'Ada' }] }],
    ],
    [
      '$lookup with a pipeline',
      [
        { $match: { _id: 2 } },
        {
          $lookup: {
            from: 'people',
            let: { w: '$who' },
            pipeline: [{ $match: { $expr: { $eq: ['$_id', '$$w'] } } }, { $project: { _id: 0 } }],
            as: 'p',
          },
        },
        { $project: { p: 1, _id: 0 } },
      ],
      [{ p: [{ name: 'Bob' }] }],
    ],
    [
      '$facet',
      [
        {
          $facet: {
            n: [{ $count: 'n' }],
            top: [{ $sort: { total: -1 } }, { $limit: 1 }, { $project: { _id: 1 } }],
          },
        },
      ],
      [{ n: [{ n: 3 }], top: [{ _id: 1 }] }],
    ],
    [
      '$sortByCount',
      [{ $sortByCount: '$who' }],
      [
        { _id: 'ada', count: 2 },
        { _id: 'bob', count: 1 },
      ],
    ],
    [
      '$bucket',
      [{ $bucket: { groupBy: '$total', boundaries: [0, 6, 20] } }],
      [
        { _id: 0, count: 1 },
        { _id: 6, count: 2 },
      ],
    ],
    ['$unionWith', [{ $unionWith: 'people' }, { $count: 'n' }], [{ n: 5 }]],
    [
      '$replaceRoot',
      [{ $match: { _id: 1 } }, { $replaceRoot: { newRoot: { $arrayElemAt: ['$lines', 0] } } }],
      [{ sku: 'a', n: 2 }],
    ],
    [
      '$setWindowFields',
      [
        {
          $setWindowFields: {
            sortBy: { _id: 1 },
            output: { r: { $sum: '$total', window: { documents: ['unbounded', 'current'] } } },
          },
        },
        { $project: { r: 1 } },
      ],
      [
        { _id: 1, r: 10 },
        { _id: 2, r: 15 },
        { _id: 3, r: 22.5 },
      ],
    ],
  ])('%s', async (_name, pipeline, expected) => {
    expect(await run(pipeline)).toEqual(expected);
  });

  it('write by $out and $merge', async () => {
    await run([{ $match: { who: 'ada' } }, { $out: 'out' }]);
    expect(await mongo.db.collection('out').countDocuments()).toBe(2);
    await run([
      { $project: { seen: { $literal: true } } },
      { $merge: { into: 'out', whenNotMatched: 'discard' } },
    ]);
    expect(await mongo.db.collection('out').find({}).sort({ _id: 1 }).toArray()).toMatchObject([
      { _id: 1, who: 'ada', seen: true },
      { _id: 3, who: 'ada', seen: true },
    ]);
    expect(await mongo.db.listCollections({ name: /tmp/ }).toArray()).toEqual([]);
  });
});

describe('expressions', () => {
  const value = async (expression: unknown, options = {}): Promise<unknown> => {
    const [doc] = await mongo.db
      .aggregate(
        [
          { $documents: [{ list: [3, 1, 2], s: 'Hello', d: new Date(0), n: null }] },
          { $project: { v: expression } },
        ],
        options,
      )
      .toArray();
    return doc?.v as unknown;
  };

  it.each<[unknown, unknown]>([
    [{ $add: [1, 2.5] }, 3.5],
    [{ $divide: [5, 2] }, 2.5],
    [{ $round: [2.5] }, 2],
    [{ $round: [1.255, 2] }, 1.25],
    [{ $concat: ['$s', '!'] }, 'Hello!'],
    [{ $toUpper: '$s' }, 'HELLO'],
    [{ $substrCP: ['$s', 1, 3] }, 'ell'],
    [{ $split: ['a-b', '-'] }, ['a', 'b']],
    [{ $dateToString: { date: '$d', format: '%Y-%m-%d' } }, '1970-01-01'],
    [{ $year: '$d' }, 1970],
    [{ $map: { input: '$list', as: 'x', in: { $multiply: ['$$x', 2] } } }, [6, 2, 4]],
    [{ $filter: { input: '$list', cond: { $gt: ['$$this', 1] } } }, [3, 2]],
    [{ $reduce: { input: '$list', initialValue: 0, in: { $add: ['$$value', '$$this'] } } }, 6],
    [{ $cond: [{ $eq: ['$n', null] }, 'yes', 'no'] }, 'yes'],
    [{ $ifNull: ['$missing', 'x'] }, 'x'],
    [{ $switch: { branches: [{ case: false, then: 1 }], default: 2 } }, 2],
    [{ $let: { vars: { a: 1 }, in: { $add: ['$$a', 1] } } }, 2],
    [{ $mergeObjects: [{ a: 1 }, { b: 2 }] }, { a: 1, b: 2 }],
    [{ $sortArray: { input: '$list', sortBy: 1 } }, [1, 2, 3]],
    [{ $max: '$list' }, 3],
    [{ $type: '$list' }, 'array'],
    [{ $toString: 5 }, '5'],
    [{ $toInt: '7' }, 7],
    [{ $regexMatch: { input: '$s', regex: '^hel', options: 'i' } }, true],
    [
      {
        $setUnion: [
          [1, 2],
          [2, 3],
        ],
      },
      [1, 2, 3],
    ],
    [{ $literal: '$s' }, '$s'],
  ])('%j', async (expression, expected) => {
    expect(await value(expression)).toEqual(expected);
  });

  it('keeps the types of numbers', async () => {
    const raw = { promoteValues: false };
    expect(await value({ $add: [Long.fromNumber(1), 1] }, raw)).toBeInstanceOf(Long);
    expect(await value({ $multiply: [new Double(2), 1] }, raw)).toBeInstanceOf(Double);
    expect(await value({ $add: [2147483647, 1] }, raw)).toEqual(Long.fromNumber(2147483648));
  });

  it.each<[number, object]>([
    [17276, { $project: { v: '$$nobody' } }],
    [168, { $project: { v: { $frobnicate: 1 } } }],
    [40324, { $frobnicate: {} }],
    [40573, { $changeStream: {} }],
    [2, { $project: { v: { $divide: [1, 0] } } }],
  ])('answers error %i to %j', async (code, stage) => {
    await expect(run([stage])).rejects.toMatchObject({ code });
  });
});

describe('conversions', () => {
  const stored = {
    id: new ObjectId('0123456789ab0123456789ab'),
    hex: '0123456789ab0123456789ab',
    long: Long.fromString('9007199254740993'),
    decimal: Decimal128.fromString('1.10'),
    none: null,
  };

  async function results(expressions: Record<string, unknown>): Promise<Document> {
    const c = mongo.db.collection('conversions');
    await c.replaceOne({}, stored, { upsert: true });
    const stages = [{ $project: { _id: 0, ...expressions } }];
    const [found] = await c.aggregate(stages).toArray();
    return found as Document;
  }

  it('between ids, texts and dates are exact', async () => {
    const found = await results({
      idText: { $toString: '$id' },
      textId: { $toObjectId: '$hex' },
      longText: { $toString: '$long' },
      decimalText: { $toString: '$decimal' },
      idDate: { $toDate: '$id' },
      converted: { $convert: { input: '$hex', to: 'objectId' } },
      saved: { $convert: { input: 'no id', to: 7, onError: 'saved' } },
      none: { $toObjectId: '$none' },
    });
    expect(found).toEqual({
      idText: stored.hex,
      textId: stored.id,
      longText: '9007199254740993',
      decimalText: '1.10',
      idDate: stored.id.getTimestamp(),
      converted: stored.id,
      saved: 'saved',
      none: null,
    });
  });

  it('to numbers give the type that was asked for', async () => {
    const types = await results({
      long: { $type: { $toLong: 1 } },
      double: { $type: { $toDouble: 1 } },
      decimal: { $type: { $toDecimal: '1.5' } },
      int: { $type: { $toInt: 1.9 } },
    });
    expect(types).toEqual({ long: 'long', double: 'double', decimal: 'decimal', int: 'int' });
  });

  it('that cannot be are failures of their own', async () => {
    for (const wrong of [{ $toInt: 'x' }, { $toInt: 2 ** 31 }, { $toObjectId: 'x' }, { $toString: [[1]] }])
      await expect(results({ wrong })).rejects.toMatchObject({ code: 241 });
  });

  it('to upper and lower case know ASCII letters, and make nothing an empty text', async () => {
    const found = await results({
      none: { $toUpper: '$none' },
      missing: { $toLower: '$no' },
      text: { $toLower: 'ÀB' },
    });
    expect(found).toEqual({ none: '', missing: '', text: 'Àb' });
  });
});

describe('$redact', () => {
  it('leaves out the documents it prunes', async () => {
    const c = mongo.db.collection<{ _id: number; level: number }>('redacted');
    await c.insertMany([1, 5].map((level) => ({ _id: level, level })));
    const rule = { $cond: [{ $gt: ['$level', 3] }, '$$PRUNE', '$$KEEP'] };
    expect(await c.aggregate([{ $redact: rule }]).toArray()).toEqual([{ _id: 1, level: 1 }]);
  });
});

describe('a $group with an accumulator of another kind', () => {
  it('leaves the others as exact as they are without it', async () => {
    const c = mongo.db.collection('mixed_group');
    await c.insertMany([1, 3].map((a) => ({ a, big: Long.fromString('9007199254740993') })));
    const fields = {
      spread: { $stdDevPop: '$a' },
      merged: { $mergeObjects: { x: '$a' } },
      top: { $top: { sortBy: { a: -1 }, output: '$a' } },
      pair: { $bottom: { sortBy: { a: -1 }, output: ['$a', 'x'] } },
      big: { $max: '$big' },
    };
    const found = await c
      .aggregate([{ $group: { _id: null, ...fields } }], { promoteLongs: false })
      .toArray();
    expect(found).toEqual([
      {
        _id: null,
        spread: 1,
        merged: { x: 3 },
        top: 3,
        pair: [1, 'x'],
        big: Long.fromString('9007199254740993'),
      },
    ]);
    for (const [wrong, code] of [
      [{ $nope: 1 }, 15952],
      [{ $accumulator: {} }, 238],
    ] as const)
      await expect(c.aggregate([{ $group: { _id: null, wrong } }]).toArray()).rejects.toMatchObject({ code });
  });
});
