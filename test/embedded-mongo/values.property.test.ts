import {
  BSONRegExp,
  Binary,
  Decimal128,
  Double,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
  serialize,
} from 'bson';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, encode } from '../../common/stores/embedded-mongo/bson/codec.js';
import { compareValues } from '../../common/stores/embedded-mongo/bson/compare.js';
import { invertKey, keyString } from '../../common/stores/embedded-mongo/bson/keystring.js';
import {
  ADDITION,
  MULTIPLICATION,
  SUBTRACTION,
  arithmetic,
} from '../../common/stores/embedded-mongo/bson/numbers.js';
import { SortedKeys } from '../../common/stores/embedded-mongo/storage/sorted-keys.js';

/** Numbers near each other and near the edges, in all four types. */
const number = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.integer({ min: -5, max: 5 }),
  fc.integer({ min: -5, max: 5 }).map((n) => new Double(n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => Long.fromBigInt(n)),
  fc.integer({ min: -5, max: 5 }).map((n) => Long.fromBigInt(2n ** 53n + BigInt(n))),
  fc.integer({ min: -5, max: 5 }).map((n) => 2 ** 53 + n),
  fc
    .tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.integer({ min: -30, max: 30 }))
    .map(([digits, exponent]) => Decimal128.fromString(`${digits}E${exponent}`)),
  fc
    .constantFrom('0.1', '1E-6176', '1E6111', '-1E6111', 'NaN', 'Infinity', '-Infinity', '-0')
    .map((text) => Decimal128.fromString(text)),
  fc.constantFrom(0.1, -0, NaN, Infinity, -Infinity, Number.MAX_VALUE, Number.MIN_VALUE),
);
const scalar = fc.oneof(
  number,
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', 'a', 'a\0', 'a\0b', 'ab', '\uffff', '\u{10000}'),
  fc.boolean(),
  fc.constant(null),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ minLength: 12, maxLength: 12 }).map((bytes) => new ObjectId(bytes)),
  fc.uint8Array({ maxLength: 5 }).map((bytes) => new Binary(bytes)),
  fc.tuple(fc.nat(), fc.nat()).map(([t, i]) => new Timestamp({ t, i })),
  fc.constantFrom('a', 'b').map((pattern) => new BSONRegExp(pattern, 'i')),
  fc.constantFrom(new MinKey(), new MaxKey()),
);
const value = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3 }),
  ),
})).value;

describe('key strings', () => {
  it('sort as the values do, also turned around', () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        const order = Math.sign(compareValues(a, b));
        const [keyA, keyB] = [keyString(a), keyString(b)];
        expect(keyA < keyB ? -1 : keyA > keyB ? 1 : 0).toBe(order);
        const [downA, downB] = [invertKey(keyA), invertKey(keyB)];
        expect(Math.abs(downA < downB ? 1 : downA > downB ? -1 : 0)).toBe(Math.abs(order));
        if (order !== 0) expect(downA < downB ? 1 : -1).toBe(order);
      }),
      { numRuns: 2000 },
    );
  });

  it('stay in order when one follows another', () => {
    fc.assert(
      fc.property(value, value, value, value, (a, b, c, d) => {
        const order = Math.sign(compareValues(a, c)) || Math.sign(compareValues(b, d));
        const [x, y] = [keyString(a) + keyString(b), keyString(c) + keyString(d)];
        expect(x < y ? -1 : x > y ? 1 : 0).toBe(order);
      }),
    );
  });
});

describe('compareValues', () => {
  it('is a total order', () => {
    fc.assert(
      fc.property(value, value, value, (a, b, c) => {
        expect(compareValues(a, a)).toBe(0);
        expect(Math.sign(compareValues(a, b)) + Math.sign(compareValues(b, a))).toBe(0);
        if (compareValues(a, b) <= 0 && compareValues(b, c) <= 0)
          expect(compareValues(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});

describe('the codec', () => {
  const doc = fc.dictionary(
    fc.string({ maxLength: 5 }).filter((name) => !name.includes('\0')),
    value,
    { maxKeys: 5 },
  );

  it('reads what the bson package writes, and writes the same bytes again', () => {
    fc.assert(
      fc.property(doc, (given) => {
        const bytes = Buffer.from(serialize(given));
        expect(encode(decode(bytes)).equals(bytes)).toBe(true);
      }),
    );
  });

  it('gives a fault, and no other error, for bytes that are no BSON', () => {
    fc.assert(
      fc.property(doc, fc.nat(), fc.integer({ min: 0, max: 255 }), (given, at, byte) => {
        const bytes = Buffer.from(serialize(given));
        bytes[at % bytes.length] = byte;
        try {
          decode(bytes);
        } catch (error) {
          expect((error as Error).name).toBe('MongoServerFault');
        }
      }),
    );
  });
});

describe('arithmetic', () => {
  it('agrees with whole numbers, and never narrows a type', () => {
    const whole = fc.oneof(
      fc.integer(),
      fc.bigInt({ min: -(2n ** 31n), max: 2n ** 31n }).map((n) => Long.fromBigInt(n)),
    );
    const exact = (number: unknown): bigint => BigInt((number as { toString(): string }).toString());
    fc.assert(
      fc.property(whole, whole, (a, b) => {
        expect(exact(arithmetic(ADDITION, a, b))).toBe(exact(a) + exact(b));
        expect(exact(arithmetic(SUBTRACTION, a, b))).toBe(exact(a) - exact(b));
        expect(exact(arithmetic(MULTIPLICATION, a, b))).toBe(exact(a) * exact(b));
        if (a instanceof Long || b instanceof Long) expect(arithmetic(ADDITION, a, b)).toBeInstanceOf(Long);
      }),
    );
  });

  it('adds decimals without the errors of doubles', () => {
    expect(String(arithmetic(ADDITION, Decimal128.fromString('0.1'), Decimal128.fromString('0.2')))).toBe(
      '0.3',
    );
    expect(String(arithmetic(MULTIPLICATION, Decimal128.fromString('19.99'), 3))).toBe('59.97');
  });
});

describe('SortedKeys', () => {
  it('holds what a sorted list holds', () => {
    const key = fc.integer({ min: 0, max: 40 }).map((n) => String.fromCharCode(n + 40));
    const step = fc.record({ key, id: fc.nat({ max: 30 }), remove: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.tuple(key, key), (steps, ends) => {
        const keys = new SortedKeys();
        let model: { key: string; id: number }[] = [];
        for (const { key, id, remove } of steps) {
          const there = model.some((entry) => entry.key === key && entry.id === id);
          if (remove) {
            expect(keys.delete(key, id)).toBe(there);
            model = model.filter((entry) => entry.key !== key || entry.id !== id);
          } else if (!there) {
            keys.insert(key, id);
            model.push({ key, id });
          }
        }
        const [lower = '', upper = ''] = ends.toSorted();
        const wanted = model
          .filter((entry) => entry.key >= lower && entry.key <= upper)
          .sort((a, b) => (a.key === b.key ? a.id - b.id : a.key < b.key ? -1 : 1))
          .map((entry) => [entry.key, entry.id]);
        expect([...keys.entries(lower, upper)]).toEqual(wanted);
        expect([...keys.entriesReversed(lower, upper)]).toEqual(wanted.toReversed());
        expect(keys.size).toBe(model.length);
      }),
    );
  });

  it('keeps its order over many chunks', () => {
    const keys = new SortedKeys();
    const order = Array.from({ length: 5000 }, (_, n) => (n * 2654435761) % 5000);
    for (const n of order) keys.insert(String(n).padStart(5, '0'), n);
    expect([...keys.entries('', '9')].map(([, id]) => id)).toEqual(
      [...new Set(order)].sort((a, b) => a - b).flatMap((n) => order.filter((other) => other === n)),
    );
  });
});
