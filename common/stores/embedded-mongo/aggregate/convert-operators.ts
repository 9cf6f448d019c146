import { isDoc, toNumber } from '../bson/types.js';
import { MongoServerFault, fault } from '../errors.js';
import { CONVERSION_FAILURE, convertTo, type ConversionTarget } from './conversions.js';
import type { Compiled, CompileScope } from './scope.js';

type CompileOperator = (operand: unknown, scope: CompileScope) => Compiled;

const BY_NUMBER: Readonly<Record<number, ConversionTarget>> = {
  1: 'double',
  2: 'string',
  7: 'objectId',
  8: 'bool',
  9: 'date',
  16: 'int',
  18: 'long',
  19: 'decimal',
};
const TARGETS = new Set<unknown>(Object.values(BY_NUMBER));

/** `$convert`: `onError` and `onNull` are evaluated only when they are needed. */
function compileConvert(operand: unknown, scope: CompileScope): Compiled {
  if (!isDoc(operand) || !('input' in operand) || !('to' in operand))
    return fault(9, "$convert needs an object with 'input' and 'to'");
  const [input, to] = [scope.compile(operand.input), scope.compile(operand.to)];
  const onNull = scope.compile(operand.onNull ?? null);
  const onError = 'onError' in operand ? scope.compile(operand.onError) : undefined;
  return (at) => {
    const value = input(at);
    if (value === undefined || value === null) return onNull(at);
    const target = targetOf(to(at));
    if (target === undefined) return null;
    try {
      return convertTo(target, value);
    } catch (error) {
      if (onError === undefined || !(error instanceof MongoServerFault)) throw error;
      if (error.code !== CONVERSION_FAILURE) throw error;
      return onError(at);
    }
  };
}

function targetOf(to: unknown): ConversionTarget | undefined {
  if (to === undefined || to === null) return undefined;
  const wanted = isDoc(to) ? to.type : to;
  const target = typeof wanted === 'string' ? wanted : BY_NUMBER[toNumber(wanted) ?? 0];
  return TARGETS.has(target)
    ? (target as ConversionTarget)
    : fault(2, `Unknown type name: ${String(wanted)}`);
}

function shorthand(target: ConversionTarget): CompileOperator {
  return (operand, scope) => {
    const input = scope.compile(Array.isArray(operand) && operand.length === 1 ? operand[0] : operand);
    return (at) => {
      const value = input(at);
      return value === undefined || value === null ? null : convertTo(target, value);
    };
  };
}

/** Nothing in upper or lower case is an empty string, and what is no string is made one. */
function letterCase(change: (text: string) => string): CompileOperator {
  return (operand, scope) => {
    const input = scope.compile(Array.isArray(operand) && operand.length === 1 ? operand[0] : operand);
    return (at) => {
      const value = input(at);
      if (value === undefined || value === null) return '';
      // Only ASCII letters have a case for mongod.
      return (convertTo('string', value) as string).replace(/[a-z]+/gi, change);
    };
  };
}

/** The operators that make a value of another type of one. */
export const CONVERT_OPERATORS: Readonly<Record<string, CompileOperator>> = {
  $convert: compileConvert,
  $toBool: shorthand('bool'),
  $toDate: shorthand('date'),
  $toDecimal: shorthand('decimal'),
  $toDouble: shorthand('double'),
  $toInt: shorthand('int'),
  $toLong: shorthand('long'),
  $toObjectId: shorthand('objectId'),
  $toString: shorthand('string'),
  $toUpper: letterCase((text) => text.toUpperCase()),
  $toLower: letterCase((text) => text.toLowerCase()),
};
