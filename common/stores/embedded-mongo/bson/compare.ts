import {
  typeName,
  type Binary,
  type BSONRegExp,
  type Code,
  type Doc,
  type Long,
  type TypeName,
} from './types.js';
import { compareNumbers } from './numbers.js';

/**
 * MongoDB's order over all BSON values (manual: "Comparison/Sort Order"). Values of one class (all numbers; strings
 * and symbols; null and missing) compare by value, values of different classes by the class.
 */
const CLASS: Readonly<Record<TypeName, number>> = {
  minKey: -1,
  missing: 5,
  null: 5,
  int: 10,
  long: 10,
  double: 10,
  decimal: 10,
  string: 15,
  symbol: 15,
  object: 20,
  array: 25,
  binData: 30,
  objectId: 35,
  bool: 40,
  date: 45,
  timestamp: 47,
  regex: 50,
  javascript: 60,
  javascriptWithScope: 65,
  maxKey: 127,
};

/** The class in which a value compares. */
export function typeClass(value: unknown): number {
  return CLASS[typeName(value)];
}

export type StringCompare = (a: string, b: string) => number;

/**
 * Strings in the order of their UTF-8 bytes, as mongod compares. UTF-16 code units give the same order except where a
 * surrogate meets a code unit above the surrogates.
 */
export function compareUtf8(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const x = a.charCodeAt(at);
    const y = b.charCodeAt(at);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function rank(codeUnit: number): number {
  return codeUnit >= 0xd800 && codeUnit <= 0xdfff ? codeUnit + 0x10000 : codeUnit;
}

/** Negative, 0 or positive, as `a` sorts before, with or after `b`. `strings` is the collation's, if there is one. */
export function compareValues(a: unknown, b: unknown, strings: StringCompare = compareUtf8): number {
  if (typeof a === 'number' && typeof b === 'number') return compareNumbers(a, b);
  if (typeof a === 'string' && typeof b === 'string') return strings(a, b);
  const classA = typeClass(a);
  const classB = typeClass(b);
  return classA === classB ? compareInClass(classA, a, b, strings) : classA - classB;
}

export function equalValues(a: unknown, b: unknown, strings?: StringCompare): boolean {
  return a === b || compareValues(a, b, strings) === 0;
}

function compareInClass(shared: number, a: unknown, b: unknown, strings: StringCompare): number {
  switch (shared) {
    case CLASS.int:
      return compareNumbers(a, b);
    case CLASS.string:
      return strings(String(a), String(b));
    case CLASS.object:
      return compareDocs(a as Doc, b as Doc, strings);
    case CLASS.array:
      return compareArrays(a as unknown[], b as unknown[], strings);
    case CLASS.binData:
      return compareBinary(a as Binary, b as Binary);
    case CLASS.objectId:
      return Buffer.compare((a as { id: Uint8Array }).id, (b as { id: Uint8Array }).id);
    case CLASS.bool:
      return Number(a) - Number(b);
    case CLASS.date:
      return compareNumbers((a as Date).getTime(), (b as Date).getTime());
    case CLASS.timestamp:
      return (a as Long).toUnsigned().compare((b as Long).toUnsigned());
    case CLASS.regex:
      return compareRegex(a, b);
    case CLASS.javascript:
    case CLASS.javascriptWithScope:
      return compareCode(a as Code, b as Code, strings);
    default:
      return 0; // null and missing; MinKey; MaxKey
  }
}

/** Element by element: first the classes, then the names, then the values; a prefix sorts first. */
function compareDocs(a: Doc, b: Doc, strings: StringCompare): number {
  const namesA = Object.keys(a);
  const namesB = Object.keys(b);
  const length = Math.min(namesA.length, namesB.length);
  for (let at = 0; at < length; at++) {
    const nameA = namesA[at] as string;
    const nameB = namesB[at] as string;
    const order =
      typeClass(a[nameA]) - typeClass(b[nameB]) ||
      compareUtf8(nameA, nameB) ||
      compareValues(a[nameA], b[nameB], strings);
    if (order !== 0) return order;
  }
  return namesA.length - namesB.length;
}

function compareArrays(a: readonly unknown[], b: readonly unknown[], strings: StringCompare): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const order = compareValues(a[at], b[at], strings);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareBinary(a: Binary, b: Binary): number {
  const bytesA = a.buffer.subarray(0, a.position);
  const bytesB = b.buffer.subarray(0, b.position);
  return bytesA.length - bytesB.length || a.sub_type - b.sub_type || Buffer.compare(bytesA, bytesB);
}

/** A regex as [pattern, options], whether it came as BSON or as JS. */
export function regexParts(value: unknown): readonly [string, string] {
  if (value instanceof RegExp) return [value.source, value.flags];
  const regex = value as BSONRegExp;
  return [regex.pattern, regex.options];
}

function compareRegex(a: unknown, b: unknown): number {
  const [patternA, optionsA] = regexParts(a);
  const [patternB, optionsB] = regexParts(b);
  return compareUtf8(patternA, patternB) || compareUtf8(optionsA, optionsB);
}

function compareCode(a: Code, b: Code, strings: StringCompare): number {
  return compareUtf8(a.code, b.code) || compareDocs(a.scope ?? {}, b.scope ?? {}, strings);
}
