import { compareValues } from '../bson/compare.js';
import { ADDITION, LongOverflow, MULTIPLICATION, arithmetic, type Arithmetic } from '../bson/numbers.js';
import { Long, Timestamp, double, isDoc, isNumeric, toNumber, typeName } from '../bson/types.js';
import { fault } from '../errors.js';
import { REMOVE, type CompileModifier } from './modifier.js';

function describe(value: unknown): string {
  return `(${typeName(value)})${String(value)}`;
}

function arithmeticModifier(
  operator: string,
  operation: Arithmetic,
  ifMissing: (operand: unknown) => unknown,
): CompileModifier {
  return (operand, path) => {
    if (!isNumeric(operand))
      return fault(
        14,
        `Cannot ${operator === '$inc' ? 'increment' : 'multiply'} with non-numeric argument: {${path}: ${JSON.stringify(operand)}}`,
      );
    return (value, doc) => {
      if (value === undefined) return ifMissing(operand);
      if (!isNumeric(value))
        return fault(
          14,
          `Cannot apply ${operator} to a value of non-numeric type. {_id: ${JSON.stringify(doc._id)}} has the field '${path.split('.').at(-1)}' of non-numeric type ${typeName(value)}`,
        );
      try {
        return arithmetic(operation, value, operand);
      } catch (error) {
        if (!(error instanceof LongOverflow)) throw error;
        return fault(
          2,
          `Failed to apply ${operator} operations to current value (${describe(value)}) for document {_id: ${JSON.stringify(doc._id)}}`,
        );
      }
    };
  };
}

function zeroLike(operand: unknown): unknown {
  switch (typeName(operand)) {
    case 'double':
      return double(0);
    case 'long':
      return Long.ZERO;
    case 'decimal':
      return arithmetic(MULTIPLICATION, operand, 0);
    default:
      return 0;
  }
}

function extreme(sign: 1 | -1): CompileModifier {
  return (operand, _path, { collation }) =>
    (value) =>
      value === undefined || compareValues(operand, value, collation?.compare) * sign < 0 ? operand : value;
}

function currentDate(operand: unknown, path: string): 'date' | 'timestamp' {
  if (typeof operand === 'boolean') return 'date';
  const type = isDoc(operand) ? operand.$type : undefined;
  if (type === 'date' || type === 'timestamp') return type;
  return fault(
    2,
    `${typeName(operand)} is not valid type for $currentDate. Please use a boolean ('true') or a $type expression ({$type: 'timestamp/date'}): ${path}`,
  );
}

const BIT_OPERATIONS: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
};

function bit(operand: unknown, path: string): (value: unknown) => unknown {
  if (!isDoc(operand) || Object.keys(operand).length === 0)
    return fault(
      2,
      `The $bit modifier is not compatible with a ${typeName(operand)}. You must pass in an embedded document: {$bit: {field: {and/or/xor: #}}}`,
    );
  const steps = Object.entries(operand).map(([name, mask]) => {
    const operation = Object.hasOwn(BIT_OPERATIONS, name) ? BIT_OPERATIONS[name] : undefined;
    if (operation === undefined)
      return fault(2, `The $bit modifier only supports 'and', 'or', and 'xor', not '${name}'`);
    return [operation, integer(mask, path)] as const;
  });
  return (value) => {
    const start = value === undefined ? 0n : integer(value, path);
    const result = steps.reduce((bits, [operation, mask]) => operation(bits, mask), start);
    const masks = Object.values(operand);
    const wide = typeName(value) === 'long' || masks.some((mask) => typeName(mask) === 'long');
    return wide ? Long.fromBigInt(BigInt.asIntN(64, result)) : Number(BigInt.asIntN(32, result));
  };
}

function integer(value: unknown, path: string): bigint {
  const type = typeName(value);
  if (type !== 'int' && type !== 'long')
    return fault(
      2,
      `Cannot apply $bit to a value of non-integral type: the field '${path}' is of type ${type}`,
    );
  return type === 'long' ? (value as Long).toBigInt() : BigInt(toNumber(value) as number);
}

/** The update operators on single values. */
export const FIELD_MODIFIERS: Readonly<Record<string, CompileModifier>> = {
  $set: (operand) => () => operand,
  $setOnInsert: (operand) => () => operand,
  $unset: () => (value) => (value === undefined ? undefined : REMOVE),
  $inc: arithmeticModifier('$inc', ADDITION, (operand) => operand),
  $mul: arithmeticModifier('$mul', MULTIPLICATION, zeroLike),
  $min: extreme(1),
  $max: extreme(-1),
  $bit: bit,
  $currentDate: (operand, path, { now }) => {
    const type = currentDate(operand, path);
    return () => (type === 'date' ? now : new Timestamp({ t: Math.floor(now.getTime() / 1000), i: 1 }));
  },
};
