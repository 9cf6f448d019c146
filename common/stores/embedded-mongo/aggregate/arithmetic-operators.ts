import { compareValues } from '../bson/compare.js';
import {
  ADDITION,
  LongOverflow,
  MULTIPLICATION,
  SUBTRACTION,
  arithmetic,
  asDouble,
  divideRounded,
  exactOf,
  toDecimal,
  type Arithmetic,
} from '../bson/numbers.js';
import { Decimal128, Long, double, isInt32, isNumeric, typeName } from '../bson/types.js';
import { fault } from '../errors.js';
import type { ValueOperator } from './value-operators.js';

type Args = readonly unknown[];

function define(least: number, most: number, apply: (args: Args) => unknown): ValueOperator {
  return { arity: [least, most], apply };
}

function isNullish(value: unknown): boolean {
  return value === null || value === undefined;
}

/** Two numbers under an operation; an integer that outgrows 64 bits goes on as a double. */
function combine(operation: Arithmetic, a: unknown, b: unknown): unknown {
  try {
    return arithmetic(operation, a, b);
  } catch (error) {
    if (error instanceof LongOverflow) return double(operation.doubles(asDouble(a), asDouble(b)));
    throw error;
  }
}

function number(name: string, value: unknown): unknown {
  return isNumeric(value) ? value : fault(14, `${name} only supports numeric types, not ${typeName(value)}`);
}

function add(args: Args): unknown {
  if (args.some(isNullish)) return null;
  const dates = args.filter((value) => value instanceof Date);
  if (dates.length > 1) return fault(16612, 'only one date allowed in an $add expression');
  const sum = args
    .filter((value) => !(value instanceof Date))
    .map((value) =>
      isNumeric(value)
        ? value
        : fault(16554, `$add only supports numeric or date types, not ${typeName(value)}`),
    )
    .reduce<unknown>((total, value) => combine(ADDITION, total, value), 0);
  const [date] = dates;
  return date === undefined ? sum : new Date(date.getTime() + Math.trunc(asDouble(sum)));
}

function subtract([a, b]: Args): unknown {
  if (isNullish(a) || isNullish(b)) return null;
  if (a instanceof Date)
    return b instanceof Date
      ? Long.fromNumber(a.getTime() - b.getTime())
      : new Date(a.getTime() - Math.trunc(asDouble(number('$subtract', b))));
  if (!isNumeric(a) || !isNumeric(b))
    return fault(16556, `can't $subtract ${typeName(b)} from ${typeName(a)}`);
  return combine(SUBTRACTION, a, b);
}

function divide([a, b]: Args): unknown {
  if (isNullish(a) || isNullish(b)) return null;
  if (!isNumeric(a) || !isNumeric(b))
    return fault(16609, `$divide only supports numeric types, not ${typeName(a)} and ${typeName(b)}`);
  const divisor = asDouble(b);
  if (divisor === 0) return fault(2, "can't $divide by zero");
  const quotient = asDouble(a) / divisor;
  return isDecimal(a) || isDecimal(b) ? Decimal128.fromString(String(quotient)) : double(quotient);
}

function isDecimal(value: unknown): boolean {
  return typeName(value) === 'decimal';
}

function modulo([a, b]: Args): unknown {
  if (isNullish(a) || isNullish(b)) return null;
  if (!isNumeric(a) || !isNumeric(b))
    return fault(16611, `$mod only supports numeric types, not ${typeName(a)} and ${typeName(b)}`);
  if (asDouble(b) === 0) return fault(16610, "can't $mod by zero");
  return combine(
    { ...SUBTRACTION, doubles: (x, y) => x % y, integers: (x, y) => x % y, exacts: exactModulo },
    a,
    b,
  );
}

type Finite = Parameters<Arithmetic['exacts']>[0];

function exactModulo(a: Finite, b: Finite): Finite {
  const exponent = Math.min(a.exponent, b.exponent);
  const scaled = (value: Finite): bigint => value.coefficient * 10n ** BigInt(value.exponent - exponent);
  return { coefficient: scaled(a) % scaled(b), exponent };
}

/** Operators that keep whole numbers as they are. */
function rounding(name: string, round: (value: number) => number): ValueOperator {
  return define(1, 1, ([value]) => {
    if (isNullish(value)) return null;
    number(name, value);
    const type = typeName(value);
    if (type === 'int' || type === 'long') return value;
    const rounded = round(asDouble(value));
    return type === 'decimal' ? Decimal128.fromString(String(rounded)) : double(rounded);
  });
}

/** Rounds to decimal places, exactly: a double is taken at its true value and not at its printed one. */
function toPlaces(name: string, divide: (dividend: bigint, divisor: bigint) => bigint): ValueOperator {
  return define(1, 2, ([value, places = 0]) => {
    if (isNullish(value) || isNullish(places)) return null;
    const type = typeName(number(name, value));
    const at = asDouble(places);
    const exact = exactOf(value);
    if (typeof exact === 'string' || -exact.exponent <= at) return value;
    const coefficient = divide(exact.coefficient, 10n ** BigInt(-exact.exponent - at));
    const rounded = { coefficient, exponent: -at };
    if (type === 'decimal') return toDecimal(rounded);
    const result = Number(`${coefficient}e${-at}`);
    if (type === 'double') return double(result);
    return type === 'long' || !isInt32(result) ? Long.fromNumber(result) : result;
  });
}

function absolute([value]: Args): unknown {
  if (isNullish(value)) return null;
  number('$abs', value);
  if (typeName(value) === 'decimal') return Decimal128.fromString(String(value).replace(/^-/, ''));
  return compareValues(value, 0) < 0 ? combine(SUBTRACTION, 0, value) : value;
}

function power([base, exponent]: Args): unknown {
  if (isNullish(base) || isNullish(exponent)) return null;
  const result = asDouble(number('$pow', base)) ** asDouble(number('$pow', exponent));
  const types = [typeName(base), typeName(exponent)];
  if (types.includes('decimal')) return Decimal128.fromString(String(result));
  if (types.includes('double') || !Number.isSafeInteger(result)) return double(result);
  return types.includes('long')
    ? Long.fromNumber(result)
    : combine(ADDITION, 0, Long.fromNumber(result).toInt() === result ? result : Long.fromNumber(result));
}

/** The numbers an accumulator works on as an expression: its arguments, or the elements of a single array. */
function values(args: Args): Args {
  return args.length === 1 && Array.isArray(args[0]) ? (args[0] as Args) : args;
}

export function sumOf(items: Args): unknown {
  return items.filter(isNumeric).reduce<unknown>((total, value) => combine(ADDITION, total, value), 0);
}

export function averageOf(items: Args): unknown {
  const numbers = items.filter(isNumeric);
  return numbers.length === 0 ? null : divide([sumOf(numbers), numbers.length]);
}

/** The least (`sign` 1) or greatest (-1) that is neither null nor missing; null when there is none. */
export function extremeOf(items: Args, sign: 1 | -1): unknown {
  let best: unknown;
  for (const item of items)
    if (!isNullish(item) && (best === undefined || compareValues(item, best) * sign < 0)) best = item;
  return best ?? null;
}

export const ARITHMETIC: Readonly<Record<string, ValueOperator>> = {
  $add: define(0, Infinity, add),
  $subtract: define(2, 2, subtract),
  $multiply: define(0, Infinity, (args) =>
    args.some(isNullish)
      ? null
      : args.reduce((total, value) => combine(MULTIPLICATION, total, number('$multiply', value)), 1),
  ),
  $divide: define(2, 2, divide),
  $mod: define(2, 2, modulo),
  $abs: define(1, 1, absolute),
  $pow: define(2, 2, power),
  $ceil: rounding('$ceil', Math.ceil),
  $floor: rounding('$floor', Math.floor),
  $round: toPlaces('$round', divideRounded),
  $trunc: toPlaces('$trunc', (dividend, divisor) => dividend / divisor),
  $sum: define(0, Infinity, (args) => sumOf(values(args))),
  $avg: define(0, Infinity, (args) => averageOf(values(args))),
  $min: define(0, Infinity, (args) => extremeOf(values(args), 1)),
  $max: define(0, Infinity, (args) => extremeOf(values(args), -1)),
};
