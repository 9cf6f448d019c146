import { isNumeric, toNumber, typeName, type Binary, type Long } from '../bson/types.js';
import { fault } from '../errors.js';

type BitOperator = '$bitsAllSet' | '$bitsAllClear' | '$bitsAnySet' | '$bitsAnyClear';

/** The bitwise query operators: over integers (two's complement, sign-extended) and over binary data. */
export function bitTest(operator: BitOperator, operand: unknown): (value: unknown) => boolean {
  const positions = bitPositions(operator, operand);
  const wantSet = operator.endsWith('Set');
  const every = operator.startsWith('$bitsAll');
  return (value) => {
    const isSet = bitsOf(value);
    if (isSet === undefined) return false;
    const test = (position: number): boolean => isSet(position) === wantSet;
    return every ? positions.every(test) : positions.some(test);
  };
}

function bitPositions(operator: string, operand: unknown): readonly number[] {
  if (Array.isArray(operand))
    return operand.map((item) => {
      const position = toNumber(item);
      if (position === undefined || !Number.isInteger(position) || position < 0)
        return fault(2, `${operator}: bit positions must be integers >= 0`);
      return position;
    });
  const isSet = bitsOf(operand);
  const negative = isNumeric(operand) && (toNumber(operand) as number) < 0;
  if (isSet === undefined || negative)
    return fault(9, `${operator} takes an Array, a non-negative number, or a BinData`);
  const width = typeName(operand) === 'binData' ? (operand as Binary).position * 8 : 64;
  return Array.from({ length: width }, (_, position) => position).filter(isSet);
}

function bitsOf(value: unknown): ((position: number) => boolean) | undefined {
  const type = typeName(value);
  if (type === 'binData') {
    const { buffer, position: length } = value as Binary;
    return (at) => at >> 3 < length && (((buffer[at >> 3] as number) >> (at & 7)) & 1) === 1;
  }
  if (type === 'decimal' || !isNumeric(value)) return undefined;
  const number = toNumber(value) as number;
  if (!Number.isInteger(number)) return undefined;
  const bits = type === 'long' ? (value as Long).toBigInt() : BigInt(number);
  return (at) => ((bits >> BigInt(at)) & 1n) === 1n;
}
