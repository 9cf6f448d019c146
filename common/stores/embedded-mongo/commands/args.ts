import { decode, encode } from '../bson/codec.js';
import { isDoc, toNumber, truthy, typeName, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { compileCollation } from '../query/collation.js';
import type { QueryContext } from '../query/context.js';
import { compileExpression } from '../aggregate/expression.js';
import type { Collection } from '../storage/collection.js';
import type { Index } from '../storage/index.js';
import type { CommandRequest } from './command.js';

function wrongType(name: string, value: unknown, expected: string): never {
  return fault(
    14,
    `BSON field '${name}' is the wrong type '${typeName(value)}', expected type '${expected}'`,
  );
}

/** A document argument; null and missing are undefined. */
export function docArg(body: Doc, name: string): Doc | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  return isDoc(value) ? value : wrongType(name, value, 'object');
}

export function requiredDoc(body: Doc, name: string): Doc {
  return docArg(body, name) ?? fault(40414, `BSON field '${name}' is missing but a required field`);
}

export function stringArg(body: Doc, name: string): string {
  const value = body[name];
  return typeof value === 'string' ? value : wrongType(name, value, 'string');
}

export function boolArg(body: Doc, name: string, fallback = false): boolean {
  const value = body[name];
  if (value === undefined || value === null) return fallback;
  if (typeof value !== 'boolean' && toNumber(value) === undefined) return wrongType(name, value, 'bool');
  return truthy(value);
}

/** A whole number that is not negative. */
export function countArg(body: Doc, name: string, fallback: number): number {
  const value = body[name];
  if (value === undefined || value === null) return fallback;
  const number = toNumber(value);
  if (number === undefined) return wrongType(name, value, 'long');
  if (number < 0) return fault(51024, `BSON field '${name}' value must be >= 0, actual value '${number}'`);
  return Math.trunc(number);
}

export function arrayArg(body: Doc, name: string): readonly unknown[] {
  const value = body[name];
  if (value === undefined) return fault(40414, `BSON field '${name}' is missing but a required field`);
  return Array.isArray(value) ? value : wrongType(name, value, 'array');
}

/** The namespace a command works on: its database, and the collection its first field names. */
export function namespaceArg(request: CommandRequest): string {
  const collection = request.body[request.name];
  if (typeof collection !== 'string')
    return fault(73, `collection name has invalid type ${typeName(collection)}`);
  if (collection === '') return fault(73, `Invalid namespace specified '${request.database}.'`);
  return `${request.database}.${collection}`;
}

/** Documents of an argument, whether in the body or as a document sequence: each with its bytes. */
export function documentsArg(request: CommandRequest, name: string): readonly (readonly [Doc, Buffer])[] {
  const sequence = request.sequences.get(name);
  // A message's bytes are used again by the socket: what is kept must be its own.
  if (sequence !== undefined)
    return sequence.map((raw) => {
      const own = Buffer.from(raw);
      return [decode(own), own] as const;
    });
  return arrayArg(request.body, name).map((doc) =>
    isDoc(doc) ? ([doc, encode(doc)] as const) : wrongType(name, doc, 'object'),
  );
}

/** Limits on the operations of one write command, as mongod's `maxWriteBatchSize`. */
export const MAX_WRITE_BATCH = 100_000;

export function checkBatchSize(count: number): void {
  if (count < 1 || count > MAX_WRITE_BATCH)
    fault(16, `Write batch sizes must be between 1 and ${MAX_WRITE_BATCH}. Got ${count} operations.`);
}

/** What filters and expressions of a command are compiled with: `collation` of `from`, `let` of the command. */
export function contextOf(
  request: CommandRequest,
  from: Doc,
  collection: Collection | undefined,
): QueryContext {
  const collation = compileCollation(
    docArg(from, 'collation') ?? (collection?.meta.options.collation as Doc | undefined),
  );
  const base: QueryContext = { collation, now: request.now, variables: {} };
  const given = docArg(request.body, 'let');
  if (given === undefined) return base;
  const variables = Object.entries(given).map(([name, value]) => [
    name,
    compileExpression(value, base)({}) ?? null,
  ]);
  return { ...base, variables: Object.fromEntries(variables) as Record<string, unknown> };
}

/** The index a `hint` names, by name or by key pattern; `$natural` is none. */
export function hintArg(body: Doc, collection: Collection | undefined): Index | undefined {
  const { hint } = body;
  if (hint === undefined || hint === null || (isDoc(hint) && Object.keys(hint).length === 0))
    return undefined;
  if (isDoc(hint) && '$natural' in hint) return undefined;
  if (typeof hint !== 'string' && !isDoc(hint)) return fault(9, 'Hint must be a string or an object');
  if (collection === undefined) return undefined;
  const found =
    typeof hint === 'string'
      ? collection.index(hint)
      : collection.indexes.find(
          ({ spec }) => JSON.stringify(numbersOf(spec.key as Doc)) === JSON.stringify(numbersOf(hint)),
        );
  return (
    found ??
    fault(
      2,
      'error processing query: planner returned error :: caused by :: hint provided does not correspond to an existing index',
    )
  );
}

/** A key pattern with plain numbers, to compare patterns by. */
export function numbersOf(pattern: Doc): readonly (readonly [string, unknown])[] {
  return Object.entries(pattern).map(([name, kind]) => [name, toNumber(kind) ?? kind] as const);
}
