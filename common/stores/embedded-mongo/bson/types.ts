import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
} from 'bson';

export {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
};

/**
 * A document as the server holds it. Values are BSON's, losslessly: an int32 is a JS number, a double is a JS number
 * unless it would be taken for an int32 (then it is a `Double`), an int64 is always a `Long`, and every other type is
 * its class of the `bson` package. Documents that were read are shared: never change one in place.
 */
export type Doc = Record<string, unknown>;

/** The names `$type` knows, and `missing` for no value at all. */
export type TypeName =
  | 'missing'
  | 'double'
  | 'string'
  | 'object'
  | 'array'
  | 'binData'
  | 'objectId'
  | 'bool'
  | 'date'
  | 'null'
  | 'regex'
  | 'javascript'
  | 'symbol'
  | 'javascriptWithScope'
  | 'int'
  | 'timestamp'
  | 'long'
  | 'decimal'
  | 'minKey'
  | 'maxKey';

const BY_CLASS: Readonly<Record<string, TypeName>> = {
  ObjectId: 'objectId',
  Long: 'long',
  Double: 'double',
  Int32: 'int',
  Decimal128: 'decimal',
  Binary: 'binData',
  Timestamp: 'timestamp',
  BSONRegExp: 'regex',
  BSONSymbol: 'symbol',
  MinKey: 'minKey',
  MaxKey: 'maxKey',
};

/** Whether a JS number is written as a BSON int32 (and not as a double). */
export function isInt32(value: number): boolean {
  return (value | 0) === value && !Object.is(value, -0);
}

export function typeName(value: unknown): TypeName {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'number':
      return isInt32(value) ? 'int' : 'double';
    case 'boolean':
      return 'bool';
    case 'undefined':
      return 'missing';
    case 'object':
      return value === null ? 'null' : objectTypeName(value);
    default:
      throw new Error(`not a BSON value: ${typeof value}`);
  }
}

function objectTypeName(value: object): TypeName {
  if (Array.isArray(value)) return 'array';
  if (value instanceof Date) return 'date';
  if (value instanceof RegExp) return 'regex';
  const className = (value as { _bsontype?: unknown })._bsontype;
  if (typeof className !== 'string') return 'object';
  if (className === 'Code') return (value as Code).scope ? 'javascriptWithScope' : 'javascript';
  // A document may itself hold a field called _bsontype: only the package's own classes carry it on a prototype.
  return Object.hasOwn(value, '_bsontype') ? 'object' : (BY_CLASS[className] ?? 'object');
}

/** Whether `value` is an embedded document (and not an array or a scalar type). */
export function isDoc(value: unknown): value is Doc {
  return typeof value === 'object' && value !== null && objectTypeName(value) === 'object';
}

export function isNumeric(value: unknown): boolean {
  const type = typeName(value);
  return type === 'int' || type === 'double' || type === 'long' || type === 'decimal';
}

/** The value of an own field; inherited names such as `constructor` are no fields. */
export function field(doc: Doc, name: string): unknown {
  return Object.hasOwn(doc, name) ? doc[name] : undefined;
}

/** Sets a field, also one named `__proto__`. */
export function setField(doc: Doc, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(doc, name, { value, writable: true, enumerable: true, configurable: true });
  else doc[name] = value;
}

/** A numeric BSON value as a JS number (rounded where it must be); undefined when it is none. */
export function toNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  switch (typeName(value)) {
    case 'double':
    case 'int':
      return (value as Double | Int32).valueOf();
    case 'long':
      return (value as Long).toNumber();
    case 'decimal':
      return Number((value as Decimal128).toString());
    default:
      return undefined;
  }
}

/** MongoDB's truth: false, null, missing and every zero are false, everything else is true. */
export function truthy(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return false;
  const number = toNumber(value);
  return number === undefined || number !== 0;
}

/** A double, kept apart from an int32 of the same value. */
export function double(value: number): number | Double {
  return isInt32(value) ? new Double(value) : value;
}
