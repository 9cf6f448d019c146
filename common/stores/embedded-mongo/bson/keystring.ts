import { regexParts, typeClass } from './compare.js';
import { asDouble, compareExact, exactOf, subtractExact, type Exact } from './numbers.js';
import {
  Decimal128,
  Long,
  type Binary,
  type BSONSymbol,
  type Code,
  type Doc,
  type ObjectId,
  type Timestamp,
} from './types.js';

/**
 * Values as strings of bytes (characters 0–255) whose plain order is the order of `compareValues`, so that equal
 * values give equal strings whatever their number type, and several strings can be set one after the other to order
 * by several fields. The idea is MongoDB's KeyString; the encoding is our own.
 */

/** How strings enter a key: as they are, or folded by a collation. */
export type FoldString = (text: string) => string;

/** Sorts before null: an index holds it for an empty array. */
export const EMPTY_ARRAY = Symbol('empty array');

export function keyString(value: unknown, fold?: FoldString): string {
  if (value === EMPTY_ARRAY) return classByte(0);
  return classByte(typeClass(value)) + body(value, fold);
}

function classByte(typeClassOf: number): string {
  return String.fromCharCode(typeClassOf + 2);
}

function body(value: unknown, fold: FoldString | undefined): string {
  switch (typeof value) {
    case 'string':
      return stringKey(fold ? fold(value) : value);
    case 'number':
      return doubleKey(value) + EXACT;
    case 'boolean':
      return value ? '\x01' : '\x00';
    case 'object':
      return value === null ? '' : objectBody(value, fold);
    default:
      return '';
  }
}

function objectBody(value: object, fold: FoldString | undefined): string {
  if (Array.isArray(value)) return value.map((item) => keyString(item, fold)).join('') + END;
  if (value instanceof Date) return dateKey(value);
  switch (typeClass(value)) {
    case 10:
      return numberKey(value);
    case 15: {
      const text = (value as BSONSymbol).value;
      return stringKey(fold ? fold(text) : text);
    }
    case 20:
      return docKey(value as Doc, fold);
    case 30:
      return binaryKey(value as Binary);
    case 35:
      return latin1((value as ObjectId).id);
    case 47:
      return bigEndian64((value as Timestamp).toBigInt());
    case 50:
      return regexParts(value).map(stringKey).join('');
    case 60:
    case 65:
      return stringKey((value as Code).code) + docKey((value as Code).scope ?? {}, fold);
    default:
      return ''; // MinKey, MaxKey
  }
}

/** Ends a document or array: below every class byte, so that a prefix sorts first. */
const END = '\x00';

function docKey(doc: Doc, fold: FoldString | undefined): string {
  let key = '';
  for (const name of Object.keys(doc)) {
    const value = doc[name];
    key += classByte(typeClass(value)) + stringKey(name) + body(value, fold);
  }
  return key + END;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

// eslint-disable-next-line no-control-regex -- The whole of ASCII but NUL is meant.
const PLAIN = /^[\x01-\x7f]*$/;

/** UTF-8 bytes; a NUL is escaped, and two NULs end the string, below every continuation of it. */
function stringKey(text: string): string {
  if (PLAIN.test(text)) return `${text}\0\0`;
  return `${Buffer.from(text, 'utf8').toString('latin1').replaceAll('\0', '\0\x01')}\0\0`;
}

function binaryKey(value: Binary): string {
  const length = Buffer.alloc(5);
  length.writeUInt32BE(value.position);
  length[4] = value.sub_type;
  return length.toString('latin1') + latin1(value.buffer.subarray(0, value.position));
}

function bigEndian64(value: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value));
  return bytes.toString('latin1');
}

function dateKey(value: Date): string {
  const time = value.getTime();
  return Number.isNaN(time) ? '' : doubleKey(time);
}

const scratch = Buffer.alloc(8);

/** A double's bits, turned so that their order as bytes is the numbers'. NaN sorts first. */
function doubleKey(value: number): string {
  if (Number.isNaN(value)) return '\0\0\0\0\0\0\0\0';
  scratch.writeDoubleBE(value === 0 ? 0 : value);
  if ((scratch[0] as number) & 0x80) for (let at = 0; at < 8; at++) scratch[at] = ~(scratch[at] as number);
  else scratch[0] = (scratch[0] as number) | 0x80;
  return scratch.toString('latin1');
}

/** Follows a number's double when that is the number exactly. */
const EXACT = '\x00';
/** Follows it when the number is a little more; then comes how much. */
const MORE = '\x01';

/**
 * A number of any type: the greatest double not above it, then what is missing to the number itself. A long beyond 2^53
 * or a decimal need that rest; both write it as decimal digits, so that they compare with each other too.
 */
function numberKey(value: object): string {
  if (!(value instanceof Long || value instanceof Decimal128)) return doubleKey(asDouble(value)) + EXACT;
  const exact = exactOf(value);
  if (typeof exact === 'string') return doubleKey(Number(exact)) + EXACT;
  const floor = floorDouble(exact, asDouble(value));
  const base = exactOf(floor);
  // Decimals reach far below the least double: shifted up, their rest is positive like any other's.
  const rest =
    typeof base === 'string'
      ? { coefficient: exact.coefficient + 10n ** BigInt(7000 - exact.exponent), exponent: exact.exponent }
      : subtractExact(exact, base);
  return rest.coefficient === 0n ? doubleKey(floor) + EXACT : doubleKey(floor) + MORE + restKey(rest);
}

function floorDouble(exact: Exact, near: number): number {
  if (near === Infinity) return Number.MAX_VALUE;
  return compareExact(exactOf(near), exact) > 0 ? nextBelow(near) : near;
}

function nextBelow(value: number): number {
  if (value === 0) return -Number.MIN_VALUE;
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  const bits = bytes.readBigInt64BE();
  bytes.writeBigInt64BE(value > 0 ? bits - 1n : bits + 1n);
  return bytes.readDoubleBE();
}

/** A positive decimal as magnitude (power of ten of its first digit, biased), then its digits without ending zeros. */
function restKey(rest: { readonly coefficient: bigint; readonly exponent: number }): string {
  const digits = rest.coefficient.toString();
  const magnitude = Buffer.alloc(2);
  magnitude.writeUInt16BE(rest.exponent + digits.length + 0x8000);
  return `${magnitude.toString('latin1')}${digits.replace(/0+$/, '')}\0`;
}

/** Turns a key around, for a descending field of an index: what sorted first sorts last. */
export function invertKey(key: string): string {
  const bytes = Buffer.from(key, 'latin1');
  for (let at = 0; at < bytes.length; at++) bytes[at] = 255 - (bytes[at] as number);
  return bytes.toString('latin1');
}
