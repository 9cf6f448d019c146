import { compareValues, equalValues } from '../bson/compare.js';
import { isDoc, toNumber, typeName, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import type { QueryContext } from '../query/context.js';
import { compileCondition, compileFilter } from '../query/filter.js';
import { equality, isOperatorDoc } from '../query/operators.js';
import { isRegex } from '../query/regex.js';
import { compileSort, sortBy } from '../query/sort.js';
import type { CompileModifier } from './modifier.js';

type Items = readonly unknown[];

function arrayFor(operator: string, path: string, value: unknown, doc: Doc): Items {
  if (Array.isArray(value)) return value as Items;
  return fault(
    2,
    `The field '${path}' must be an array but is of type ${typeName(value)} in document {_id: ${JSON.stringify(doc._id)}} (${operator})`,
  );
}

/** The values to add: one, or those of `$each`. */
function added(operator: string, operand: unknown): Items {
  if (!isDoc(operand) || !Object.hasOwn(operand, '$each')) return [operand];
  if (!Array.isArray(operand.$each))
    return fault(
      2,
      `The argument to $each in ${operator} must be an array but it was of type: ${typeName(operand.$each)}`,
    );
  return operand.$each;
}

const PUSH_OPTIONS = new Set(['$each', '$position', '$slice', '$sort']);

const push: CompileModifier = (operand, path, context) => {
  const items = added('$push', operand);
  const options = isDoc(operand) && Object.hasOwn(operand, '$each') ? operand : {};
  for (const option of Object.keys(options))
    if (!PUSH_OPTIONS.has(option)) fault(2, `Unrecognized clause in $push: ${option}`);
  const sort = options.$sort === undefined ? undefined : sorter(options.$sort, context);
  const position = wholeNumber('$position', options.$position);
  const slice = wholeNumber('$slice', options.$slice);
  return (value, doc) => {
    const before = value === undefined ? [] : arrayFor('$push', path, value, doc);
    const at = position === undefined ? before.length : position;
    let after: unknown[] = before.toSpliced(at, 0, ...items);
    if (sort !== undefined) after = sort(after);
    if (slice !== undefined) after = slice < 0 ? after.slice(slice) : after.slice(0, slice);
    return after;
  };
};

function wholeNumber(option: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const number = toNumber(value);
  if (number === undefined || !Number.isInteger(number))
    return fault(
      2,
      `The value for ${option} must be an integer value but was given type: ${typeName(value)}`,
    );
  return number;
}

function sorter(spec: unknown, context: QueryContext): (items: Items) => unknown[] {
  const direction = toNumber(spec);
  if (direction === undefined) {
    const fields = compileSort(spec);
    return (items) => sortBy(items, (item) => (isDoc(item) ? item : {}), fields, context.collation);
  }
  if (direction !== 1 && direction !== -1) return fault(2, 'The $sort element value must be either 1 or -1');
  return (items) => items.toSorted((a, b) => compareValues(a, b, context.collation?.compare) * direction);
}

const addToSet: CompileModifier = (operand, path, { collation }) => {
  const items = added('$addToSet', operand);
  return (value, doc) => {
    const before = value === undefined ? [] : arrayFor('$addToSet', path, value, doc);
    const after = [...before];
    for (const item of items)
      if (!after.some((other) => equalValues(item, other, collation?.compare))) after.push(item);
    return value !== undefined && after.length === before.length ? value : after;
  };
};

const pop: CompileModifier = (operand, path) => {
  const direction = toNumber(operand);
  if (direction !== 1 && direction !== -1) return fault(9, `$pop expects 1 or -1, found: ${String(operand)}`);
  return (value, doc) => {
    if (value === undefined) return undefined;
    if (!Array.isArray(value))
      return fault(
        14,
        `Path '${path}' contains an element of non-array type '${typeName(value)}' in document {_id: ${JSON.stringify(doc._id)}}`,
      );
    return direction === 1 ? (value as Items).slice(0, -1) : (value as Items).slice(1);
  };
};

/** Keeps what the test does not remove; the same array when that is everything. */
function without(
  operator: string,
  path: string,
  removes: (item: unknown) => boolean,
): ReturnType<CompileModifier> {
  return (value, doc) => {
    if (value === undefined) return undefined;
    const before = arrayFor(operator, path, value, doc);
    const after = before.filter((item) => !removes(item));
    return after.length === before.length ? value : after;
  };
}

const pull: CompileModifier = (operand, path, context) => without('$pull', path, pullTest(operand, context));

function pullTest(operand: unknown, context: QueryContext): (item: unknown) => boolean {
  if (isOperatorDoc(operand)) {
    const logical = Object.keys(operand).some((name) => ['$and', '$or', '$nor'].includes(name));
    if (!logical) {
      const test = compileCondition(operand, context);
      return (item) => test([item]);
    }
  }
  if (isDoc(operand)) {
    const test = compileFilter(operand, context);
    return (item) => isDoc(item) && test(item);
  }
  if (isRegex(operand)) {
    const test = equality(operand, context.collation);
    return (item) => test([item]);
  }
  return (item) => equalValues(item, operand, context.collation?.compare);
}

const pullAll: CompileModifier = (operand, path, { collation }) => {
  if (!Array.isArray(operand))
    return fault(2, `$pullAll requires an array argument but was given a ${typeName(operand)}`);
  return without('$pullAll', path, (item) =>
    operand.some((other) => equalValues(item, other, collation?.compare)),
  );
};

/** The update operators on arrays. */
export const ARRAY_MODIFIERS: Readonly<Record<string, CompileModifier>> = {
  $push: push,
  $addToSet: addToSet,
  $pop: pop,
  $pull: pull,
  $pullAll: pullAll,
};
