import { asDouble, exactOf, toDecimal } from '../bson/numbers.js';
import {
  Decimal128,
  Long,
  ObjectId,
  double,
  isNumeric,
  toNumber,
  truthy,
  typeName,
  type Timestamp,
  type TypeName,
} from '../bson/types.js';
import { MongoServerFault, fault } from '../errors.js';
import { mingoOperator } from './mingo-bridge.js';

/** The types a value can be converted to. */
export type ConversionTarget =
  'double' | 'string' | 'objectId' | 'bool' | 'date' | 'int' | 'long' | 'decimal';

/** mongod's ConversionFailure, which `onError` of `$convert` catches. */
export const CONVERSION_FAILURE = 241;

const INTEGER = /^[+-]?\d+$/;
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^[+-]?inf(inity)?$|^nan$/i;

/** Converts a value that is not null, keeping apart what JS numbers do not: int, long, double and decimal. */
export function convertTo(target: ConversionTarget, value: unknown): unknown {
  return CONVERSIONS[target](value, typeName(value));
}

type Convert = (value: unknown, type: TypeName) => unknown;

const CONVERSIONS: Readonly<Record<ConversionTarget, Convert>> = {
  bool: (value) => truthy(value),
  string: toText,
  objectId: (value, type) => {
    if (type === 'objectId') return value;
    if (type !== 'string') return unsupported(type, 'objectId');
    return /^[\da-f]{24}$/i.test(value as string)
      ? ObjectId.createFromHexString(value as string)
      : unparsable(value, 'objectId');
  },
  date: toDate,
  double: (value, type) => double(asDouble(numberOf(value, type, 'double'))),
  decimal: (value, type) =>
    type === 'string' && DECIMAL.test(value as string)
      ? Decimal128.fromString(value as string)
      : toDecimal(exactOf(numberOf(value, type, 'decimal'))),
  int: (value, type) => {
    const whole = wholeOf(value, type, 'int');
    return BigInt.asIntN(32, whole) === whole ? Number(whole) : overflow(value, 'int');
  },
  long: (value, type) => {
    const whole = wholeOf(value, type, 'long');
    return BigInt.asIntN(64, whole) === whole ? Long.fromBigInt(whole) : overflow(value, 'long');
  },
};

function toText(value: unknown, type: TypeName): string {
  switch (type) {
    case 'objectId':
      return (value as ObjectId).toHexString();
    case 'date':
      return (value as Date).toISOString();
    case 'string':
    case 'symbol':
    case 'bool':
    case 'int':
    case 'long':
    case 'double':
    case 'decimal':
      return String(value);
    default:
      return unsupported(type, 'string');
  }
}

function toDate(value: unknown, type: TypeName): unknown {
  switch (type) {
    case 'date':
      return value;
    case 'objectId':
      return (value as ObjectId).getTimestamp();
    case 'timestamp':
      return new Date((value as Timestamp).getHighBitsUnsigned() * 1000);
    case 'double':
    case 'long':
    case 'decimal':
      return new Date(Number(wholeOf(value, type, 'date')));
    case 'string':
      try {
        return mingoOperator('$toDate', value);
      } catch (error) {
        if (error instanceof MongoServerFault) return unparsable(value, 'date');
        throw error;
      }
    default:
      return unsupported(type, 'date');
  }
}

/** A numeric BSON value of what can be one. */
function numberOf(value: unknown, type: TypeName, target: ConversionTarget): unknown {
  if (isNumeric(value)) return value;
  if (type === 'bool') return value === true ? 1 : 0;
  if (type === 'date') return Long.fromNumber((value as Date).getTime());
  if (type !== 'string') return unsupported(type, target);
  return DECIMAL.test(value as string) ? Decimal128.fromString(value as string) : unparsable(value, target);
}

/** The integer part. Strings must be integers; a date has too many milliseconds for an int. */
function wholeOf(value: unknown, type: TypeName, target: ConversionTarget): bigint {
  if (type === 'date' && target === 'int') return unsupported(type, target);
  if (type === 'string')
    return INTEGER.test(value as string)
      ? BigInt((value as string).replace(/^\+/, ''))
      : unparsable(value, target);
  const number = numberOf(value, type, target);
  if (number instanceof Long) return number.toBigInt();
  const plain = /^-?\d+(?=\.\d*$|$)/.exec(String(number));
  if (plain !== null) return BigInt(plain[0]);
  const rounded = Math.trunc(toNumber(number) as number);
  return Number.isFinite(rounded) ? BigInt(rounded) : overflow(value, target);
}

function unsupported(from: TypeName, to: string): never {
  return fault(
    CONVERSION_FAILURE,
    `Unsupported conversion from ${from} to ${to} in $convert with no onError value`,
  );
}

function unparsable(value: unknown, to: string): never {
  return fault(
    CONVERSION_FAILURE,
    `Failed to parse ${to} '${String(value)}' in $convert with no onError value`,
  );
}

function overflow(value: unknown, to: string): never {
  return fault(
    CONVERSION_FAILURE,
    `Conversion would overflow target type ${to} in $convert with no onError value: ${String(value)}`,
  );
}
