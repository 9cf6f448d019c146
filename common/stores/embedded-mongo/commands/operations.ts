import { encode, elementSpan } from '../bson/codec.js';
import { ObjectId, isDoc, typeName, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { findIds } from '../query/execute.js';
import type { QueryContext } from '../query/context.js';
import { isOperatorDoc } from '../query/operators.js';
import type { SortField } from '../query/sort.js';
import { encodeForStorage, type Collection } from '../storage/collection.js';
import type { Index } from '../storage/index.js';
import { compileUpdate } from '../update/update.js';
import type { StatementResult } from './write-batch.js';

/** The single writes that the write commands, findAndModify and bulkWrite are made of. */

export function insertOne(collection: Collection, doc: Doc, raw: Buffer, bypassValidation: boolean): void {
  if (!Object.hasOwn(doc, '_id')) {
    const complete = { _id: new ObjectId(), ...doc };
    collection.insert(complete, encode(complete), bypassValidation);
    return;
  }
  checkId(doc._id);
  const { _id, ...rest } = doc;
  const inOrder = Object.keys(doc)[0] === '_id' ? doc : { _id, ...rest };
  collection.insert(inOrder, idFirst(raw), bypassValidation);
}

function checkId(id: unknown): void {
  const type = typeName(id);
  if (type === 'array' || type === 'regex') fault(53, `The '_id' value cannot be of type ${type}`);
  if (isOperatorDoc(id))
    fault(
      52,
      `_id fields may not contain '$'-prefixed fields: ${Object.keys(id)[0]} is not valid for storage.`,
    );
}

/** The bytes with the `_id` element moved to the front, and otherwise as they came. */
function idFirst(raw: Buffer): Buffer {
  const [start, , end] = elementSpan(raw, '_id') as readonly [number, number, number];
  if (start === 4) return raw;
  return Buffer.concat([
    raw.subarray(0, 4),
    raw.subarray(start, end),
    raw.subarray(4, start),
    raw.subarray(end),
  ]);
}

export interface UpdateStatement {
  readonly filter: Doc;
  readonly update: unknown;
  readonly arrayFilters: unknown;
  readonly multi: boolean;
  readonly upsert: boolean;
  readonly sort: readonly SortField[];
  readonly hint: Index | undefined;
  readonly context: QueryContext;
  readonly bypassValidation: boolean;
}

/** What an update did, with the documents for findAndModify. */
export interface UpdateOutcome extends StatementResult {
  readonly before?: Doc;
  readonly after?: Doc;
}

export function updateMatching(collection: Collection, statement: UpdateStatement): UpdateOutcome {
  const { filter, context, multi, sort, hint } = statement;
  const updater = compileUpdate(statement);
  if (multi && updater.kind === 'replacement')
    fault(9, 'multi update is not supported for replacement-style update');
  const ids = [...findIds(collection, { filter, sort, skip: 0, limit: multi ? 0 : 1, hint, context })];
  if (ids.length === 0)
    return statement.upsert ? upsert(collection, statement, updater.upsert()) : { n: 0, nModified: 0 };
  let nModified = 0;
  let before: Doc | undefined;
  let after: Doc | undefined;
  for (const id of ids) {
    before = collection.get(id);
    if (before === undefined) continue;
    after = updater.apply(before);
    const raw = encodeForStorage(after);
    if (raw.equals(collection.raw(id))) continue;
    checkId(after._id);
    collection.replace(id, after, raw, statement.bypassValidation);
    nModified += 1;
  }
  return { n: ids.length, nModified, ...(before && after ? { before, after } : {}) };
}

function upsert(collection: Collection, { bypassValidation }: UpdateStatement, doc: Doc): UpdateOutcome {
  checkId(doc._id);
  collection.insert(doc, encodeForStorage(doc), bypassValidation);
  return { n: 1, nModified: 0, upsertedId: { _id: doc._id }, after: doc };
}

export interface DeleteStatement {
  readonly filter: Doc;
  /** 0 for all, 1 for one. */
  readonly limit: number;
  readonly sort: readonly SortField[];
  readonly hint: Index | undefined;
  readonly context: QueryContext;
}

/** Deletes what matches; gives the last document deleted, for findAndModify. */
export function deleteMatching(
  collection: Collection,
  statement: DeleteStatement,
): { n: number; last?: Doc } {
  const ids = [...findIds(collection, { ...statement, skip: 0 })];
  let last: Doc | undefined;
  for (const id of ids) {
    last = collection.get(id);
    collection.remove(id);
  }
  return { n: ids.length, ...(last ? { last } : {}) };
}

export function filterOf(value: unknown, name: string): Doc {
  if (isDoc(value)) return value;
  return value === undefined
    ? fault(40414, `BSON field '${name}' is missing but a required field`)
    : fault(14, `BSON field '${name}' is the wrong type '${typeName(value)}', expected type 'object'`);
}
