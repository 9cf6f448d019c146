import { Decimal128, Double, Int32, Long, double, isInt32, typeName } from './types.js';

/**
 * Exact arithmetic over BSON's four number types. The result's type follows MongoDB: decimal beats double beats long
 * beats int, and an int that overflows becomes a long.
 */

/** `coefficient × 10^exponent`, exactly; or what has no digits. */
export type Exact =
  { readonly coefficient: bigint; readonly exponent: number } | 'NaN' | 'Infinity' | '-Infinity';

const LONG_MIN = -(2n ** 63n);
const LONG_MAX = 2n ** 63n - 1n;

export function exactOf(value: unknown): Exact {
  if (value instanceof Long) return { coefficient: value.toBigInt(), exponent: 0 };
  if (value instanceof Decimal128) return parseDecimal(value.toString());
  return exactDouble(value instanceof Double || value instanceof Int32 ? value.valueOf() : (value as number));
}

function exactDouble(value: number): Exact {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (Number.isInteger(value)) return { coefficient: BigInt(value), exponent: 0 };
  // value = mantissa × 2^-shift, and 2^-1 = 5 × 10^-1.
  let mantissa = value;
  let shift = 0;
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2;
    shift += 1;
  }
  return { coefficient: BigInt(mantissa) * 5n ** BigInt(shift), exponent: -shift };
}

function parseDecimal(text: string): Exact {
  if (text === 'NaN' || text === 'Infinity' || text === '-Infinity') return text;
  const [digits = '', exponent = '0'] = text.split(/e/i);
  const [whole = '', fraction = ''] = digits.split('.');
  return { coefficient: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length };
}

/** Order of two numbers of any types, exactly; NaN equals itself and sorts before every other number. */
export function compareNumbers(a: unknown, b: unknown): number {
  const plainA = plainDouble(a);
  const plainB = plainDouble(b);
  if (plainA !== undefined && plainB !== undefined) return compareDoubles(plainA, plainB);
  if (a instanceof Long && b instanceof Long) return a.compare(b);
  return compareExact(exactOf(a), exactOf(b));
}

/** The value as a JS number where that loses nothing and costs nothing. */
function plainDouble(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return value instanceof Double || value instanceof Int32 ? value.valueOf() : undefined;
}

function compareDoubles(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
}

const SPECIAL_RANK = { NaN: -2, '-Infinity': -1, Infinity: 1 } as const;

export function compareExact(a: Exact, b: Exact): number {
  const rankA = typeof a === 'string' ? SPECIAL_RANK[a] : 0;
  const rankB = typeof b === 'string' ? SPECIAL_RANK[b] : 0;
  if (typeof a === 'string' || typeof b === 'string') return rankA - rankB;
  const [x, y] = aligned(a, b);
  return x < y ? -1 : x > y ? 1 : 0;
}

type Finite = Exclude<Exact, string>;

function aligned(a: Finite, b: Finite): readonly [bigint, bigint, number] {
  const exponent = Math.min(a.exponent, b.exponent);
  return [
    a.coefficient * 10n ** BigInt(a.exponent - exponent),
    b.coefficient * 10n ** BigInt(b.exponent - exponent),
    exponent,
  ];
}

/** `a - b`, both finite. */
export function subtractExact(a: Finite, b: Finite): Finite {
  const [x, y, exponent] = aligned(a, b);
  return { coefficient: x - y, exponent };
}

const DECIMAL_DIGITS = 34;

/** The nearest Decimal128, ties to even. */
export function toDecimal(value: Exact): Decimal128 {
  if (typeof value === 'string') return Decimal128.fromString(value);
  let { coefficient, exponent } = value;
  const negative = coefficient < 0n;
  if (negative) coefficient = -coefficient;
  const excess = coefficient.toString().length - DECIMAL_DIGITS;
  if (excess > 0) {
    coefficient = divideRounded(coefficient, 10n ** BigInt(excess));
    exponent += excess;
  }
  return Decimal128.fromString(`${negative ? '-' : ''}${coefficient}E${exponent}`);
}

/** The nearest whole quotient, ties to even. The divisor is positive. */
export function divideRounded(dividend: bigint, divisor: bigint): bigint {
  if (dividend < 0n) return -divideRounded(-dividend, divisor);
  const quotient = dividend / divisor;
  const twice = (dividend % divisor) * 2n;
  return twice > divisor || (twice === divisor && quotient % 2n === 1n) ? quotient + 1n : quotient;
}

/** Why an arithmetic result cannot be had. */
export class LongOverflow extends Error {
  override readonly name = 'LongOverflow';
}

export interface Arithmetic {
  readonly doubles: (a: number, b: number) => number;
  readonly integers: (a: bigint, b: bigint) => bigint;
  readonly exacts: (a: Finite, b: Finite) => Finite;
}

export const ADDITION: Arithmetic = {
  doubles: (a, b) => a + b,
  integers: (a, b) => a + b,
  exacts: (a, b) => {
    const [x, y, exponent] = aligned(a, b);
    return { coefficient: x + y, exponent };
  },
};

export const SUBTRACTION: Arithmetic = {
  doubles: (a, b) => a - b,
  integers: (a, b) => a - b,
  exacts: subtractExact,
};

export const MULTIPLICATION: Arithmetic = {
  doubles: (a, b) => a * b,
  integers: (a, b) => a * b,
  exacts: (a, b) => ({ coefficient: a.coefficient * b.coefficient, exponent: a.exponent + b.exponent }),
};

/** Applies an operation to two numbers. Throws LongOverflow when an integer result needs more than 64 bits. */
export function arithmetic(operation: Arithmetic, a: unknown, b: unknown): unknown {
  const typeA = typeName(a);
  const typeB = typeName(b);
  if (typeA === 'decimal' || typeB === 'decimal') return decimalArithmetic(operation, a, b);
  if (typeA === 'double' || typeB === 'double') return double(operation.doubles(asDouble(a), asDouble(b)));
  if (typeA === 'int' && typeB === 'int') {
    const result = operation.doubles(asDouble(a), asDouble(b));
    // Products of two int32 can pass 2^53; everything else is exact as a double.
    if (isInt32(result)) return result;
    if (Number.isSafeInteger(result)) return Object.is(result, -0) ? 0 : Long.fromNumber(result);
  }
  return longArithmetic(operation, a, b);
}

function longArithmetic(operation: Arithmetic, a: unknown, b: unknown): Long {
  const result = operation.integers(asBigInt(a), asBigInt(b));
  if (result < LONG_MIN || result > LONG_MAX) throw new LongOverflow('integer overflow');
  return Long.fromBigInt(result);
}

function decimalArithmetic(operation: Arithmetic, a: unknown, b: unknown): Decimal128 {
  const x = exactOf(a);
  const y = exactOf(b);
  if (typeof x !== 'string' && typeof y !== 'string') return toDecimal(operation.exacts(x, y));
  // Infinities and NaN follow the same rules as doubles.
  return Decimal128.fromString(String(operation.doubles(asDouble(a), asDouble(b))));
}

function asBigInt(value: unknown): bigint {
  return value instanceof Long ? value.toBigInt() : BigInt(value as number);
}

/** The value as a double, rounded where it must be. */
export function asDouble(value: unknown): number {
  if (typeof value === 'number') return value;
  if (value instanceof Double || value instanceof Int32) return value.valueOf();
  if (value instanceof Long) return value.toNumber();
  return Number(String(value));
}
