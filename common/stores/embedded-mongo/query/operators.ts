import { compareValues, equalValues, typeClass, type StringCompare } from '../bson/compare.js';
import { asDouble } from '../bson/numbers.js';
import { isDoc, isNumeric, toNumber, truthy, typeName, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { bitTest } from './bits.js';
import type { Collation } from './collation.js';
import type { QueryContext } from './context.js';
import { isRegex, toRegExp } from './regex.js';
import { typeTest } from './type-test.js';

/** Tests the values a path reached in one document. */
export type ValuesTest = (values: readonly unknown[]) => boolean;
type ValueTest = (value: unknown) => boolean;

/** Whether a condition is made of operators (`{$gt: 1}`) and is not a document to equal. */
export function isOperatorDoc(condition: unknown): condition is Doc {
  if (!isDoc(condition)) return false;
  const [first] = Object.keys(condition);
  return (
    first !== undefined && first.startsWith('$') && first !== '$ref' && first !== '$id' && first !== '$db'
  );
}

/** What operators are compiled with: the command's context, and the filters that stand inside of `$elemMatch`. */
export interface OperatorContext extends QueryContext {
  readonly compileFilter: (filter: Doc) => (doc: Doc) => boolean;
}

/** A test on a value, or on any element where the value is an array: how MongoDB tests almost everything. */
function any(test: ValueTest): ValuesTest {
  return (values) => {
    for (const value of values) {
      if (test(value)) return true;
      if (Array.isArray(value) && value.some(test)) return true;
    }
    return false;
  };
}

export function equality(operand: unknown, collation: Collation | undefined): ValuesTest {
  return isRegex(operand) ? regexTest(operand) : any(equals(operand, collation?.compare));
}

function equals(operand: unknown, strings: StringCompare | undefined): ValueTest {
  if (typeof operand === 'string' && strings === undefined)
    return (value) => value === operand || (typeof value === 'object' && equalValues(value, operand));
  return (value) => equalValues(value, operand, strings);
}

export function compileOperators(condition: Doc, context: OperatorContext): ValuesTest {
  if (Object.hasOwn(condition, '$options') && !Object.hasOwn(condition, '$regex'))
    fault(2, '$options needs a $regex');
  const tests = Object.entries(condition)
    .filter(([operator]) => operator !== '$options' && operator !== '$comment')
    .map(([operator, operand]) => compileOperator(operator, operand, condition, context));
  const [first] = tests;
  if (tests.length === 1 && first !== undefined) return first;
  return (values) => tests.every((test) => test(values));
}

function compileOperator(operator: string, operand: unknown, all: Doc, context: OperatorContext): ValuesTest {
  const compile = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
  if (compile === undefined) return fault(2, `unknown operator: ${operator}`);
  return compile(operand, context, all);
}

type Compile = (operand: unknown, context: OperatorContext, all: Doc) => ValuesTest;

const OPERATORS: Readonly<Record<string, Compile>> = {
  $eq: (operand, { collation }) => any(equals(operand, collation?.compare)),
  $ne: (operand, { collation }) => not(any(equals(operand, collation?.compare))),
  $gt: (operand, { collation }) => ordering(operand, collation, (order) => order > 0),
  $gte: (operand, { collation }) => ordering(operand, collation, (order) => order >= 0),
  $lt: (operand, { collation }) => ordering(operand, collation, (order) => order < 0),
  $lte: (operand, { collation }) => ordering(operand, collation, (order) => order <= 0),
  $in: (operand, { collation }) => membership('$in', operand, collation),
  $nin: (operand, { collation }) => not(membership('$nin', operand, collation)),
  $not: negation,
  $exists: (operand) => {
    const wanted = truthy(operand);
    return (values) => values.some((value) => value !== undefined) === wanted;
  },
  $type: (operand) => any(typeTest(operand)),
  $mod: modulo,
  $regex: (operand, _context, all) => regexTest(operand, all.$options),
  $all: everyOf,
  $elemMatch: elementMatch,
  $size: size,
  $bitsAllSet: (operand) => any(bitTest('$bitsAllSet', operand)),
  $bitsAllClear: (operand) => any(bitTest('$bitsAllClear', operand)),
  $bitsAnySet: (operand) => any(bitTest('$bitsAnySet', operand)),
  $bitsAnyClear: (operand) => any(bitTest('$bitsAnyClear', operand)),
};

function not(test: ValuesTest): ValuesTest {
  return (values) => !test(values);
}

/** Orders compare within one class only ("type bracketing"), except against MinKey and MaxKey. */
function ordering(
  operand: unknown,
  collation: Collation | undefined,
  accept: (order: number) => boolean,
): ValuesTest {
  if (isRegex(operand)) return fault(2, "Can't have RegEx as arg to predicate over field");
  const operandClass = typeClass(operand);
  const type = typeName(operand);
  if (type === 'minKey' || type === 'maxKey')
    return any((value) => value !== undefined && accept(compareValues(value, operand)));
  if (type !== 'null' && isNumeric(operand) && Number.isNaN(asDouble(operand)))
    return any((value) => isNumeric(value) && Number.isNaN(asDouble(value)) && accept(0));
  const isNotANumber = (value: unknown): boolean => operandClass === 10 && Number.isNaN(asDouble(value));
  return any(
    (value) =>
      typeClass(value) === operandClass &&
      !isNotANumber(value) &&
      accept(compareValues(value, operand, collation?.compare)),
  );
}

function membership(operator: string, operand: unknown, collation: Collation | undefined): ValuesTest {
  if (!Array.isArray(operand)) return fault(2, `${operator} needs an array`);
  if (operand.some(isOperatorDoc)) return fault(2, `cannot nest $ under ${operator}`);
  const tests = operand.map((item) => equality(item, collation));
  return (values) => tests.some((test) => test(values));
}

function negation(operand: unknown, context: OperatorContext): ValuesTest {
  if (isRegex(operand)) return not(regexTest(operand));
  if (!isOperatorDoc(operand)) return fault(2, '$not needs a regex or a document');
  return not(compileOperators(operand, context));
}

function modulo(operand: unknown): ValuesTest {
  if (!Array.isArray(operand) || operand.length !== 2)
    return fault(
      2,
      `malformed mod, ${Array.isArray(operand) && operand.length > 2 ? 'too many' : 'not enough'} elements`,
    );
  const [divisor, remainder] = operand.map((item) => Math.trunc(toNumber(item) ?? NaN));
  if (divisor === undefined || Number.isNaN(divisor)) return fault(2, 'malformed mod, divisor not a number');
  if (divisor === 0) return fault(2, 'divisor cannot be 0');
  return any((value) => {
    const number = toNumber(value);
    return number !== undefined && Math.trunc(number) % divisor === remainder;
  });
}

function regexTest(operand: unknown, options?: unknown): ValuesTest {
  const regex = toRegExp(operand, options);
  return any(
    (value) =>
      (typeof value === 'string' && regex.test(value)) ||
      (typeName(value) === 'symbol' && regex.test(String(value))) ||
      (isRegex(value) && isRegex(operand) && equalValues(value, operand)),
  );
}

function everyOf(operand: unknown, context: OperatorContext): ValuesTest {
  if (!Array.isArray(operand)) return fault(2, '$all needs an array');
  if (operand.length === 0) return () => false;
  const tests = operand.map((item: unknown) =>
    isOperatorDoc(item) ? compileOperators(item, context) : equality(item, context.collation),
  );
  return (values) => tests.every((test) => test(values));
}

function elementMatch(operand: unknown, context: OperatorContext): ValuesTest {
  if (!isDoc(operand)) return fault(2, '$elemMatch needs an Object');
  const logical = Object.keys(operand).some((name) => ['$and', '$or', '$nor', '$expr'].includes(name));
  if (isOperatorDoc(operand) && !logical) {
    const test = compileOperators(operand, context);
    return (values) => values.some((value) => Array.isArray(value) && value.some((item) => test([item])));
  }
  const test = context.compileFilter(operand);
  return (values) =>
    values.some((value) => Array.isArray(value) && value.some((item) => matchesElement(item, test)));
}

/** An array within the array counts as a document whose fields are its positions. */
function matchesElement(item: unknown, test: (doc: Doc) => boolean): boolean {
  if (Array.isArray(item)) return test(Object.fromEntries(item.entries()));
  return isDoc(item) && test(item);
}

function size(operand: unknown): ValuesTest {
  const wanted = toNumber(operand);
  if (wanted === undefined || !Number.isInteger(wanted)) return fault(2, '$size needs a number');
  if (wanted < 0) return fault(2, '$size may not be negative');
  return (values) => values.some((value) => Array.isArray(value) && value.length === wanted);
}
