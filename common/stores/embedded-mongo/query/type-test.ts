import { isNumeric, toNumber, typeName, type TypeName } from '../bson/types.js';
import { fault } from '../errors.js';

const BY_NUMBER: Readonly<Record<number, TypeName>> = {
  1: 'double',
  2: 'string',
  3: 'object',
  4: 'array',
  5: 'binData',
  7: 'objectId',
  8: 'bool',
  9: 'date',
  10: 'null',
  11: 'regex',
  13: 'javascript',
  14: 'symbol',
  15: 'javascriptWithScope',
  16: 'int',
  17: 'timestamp',
  18: 'long',
  19: 'decimal',
  [-1]: 'minKey',
  127: 'maxKey',
};
const NAMES = new Set<string>(Object.values(BY_NUMBER));
/** Deprecated types, which no stored document of this server shows. */
const NEVER = new Set(['undefined', 'dbPointer']);

/** The test of `$type`: one type or several, by number or name. */
export function typeTest(operand: unknown): (value: unknown) => boolean {
  const wanted = (Array.isArray(operand) ? operand : [operand]).map(oneType);
  return (value) => wanted.some((type) => (type === 'number' ? isNumeric(value) : type === typeName(value)));
}

function oneType(operand: unknown): string {
  if (typeof operand === 'string') {
    if (operand === 'number' || NAMES.has(operand) || NEVER.has(operand)) return operand;
    return fault(2, `Unknown type name alias: ${operand}`);
  }
  const number = toNumber(operand);
  if (number === undefined) return fault(14, 'type must be represented as a number or a string');
  if (number === 6 || number === 12) return 'undefined';
  return BY_NUMBER[number] ?? fault(2, `Invalid numerical type code: ${number}`);
}
