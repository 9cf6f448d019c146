import { keyString } from '../bson/keystring.js';
import { encode } from '../bson/codec.js';
import { Long, isDoc, toNumber, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { FIRST_BATCH } from '../cursors.js';
import { lengthOf } from '../iterables.js';
import { findIds, type FindRequest } from '../query/execute.js';
import { naturalOrder } from '../query/natural.js';
import { parsePath, pathValues } from '../query/paths.js';
import { compileProjection, type Projection } from '../query/projection.js';
import { compileSort } from '../query/sort.js';
import { sessionId } from '../sessions.js';
import type { Collection } from '../storage/collection.js';
import { arrayArg, boolArg, contextOf, countArg, docArg, hintArg, namespaceArg, stringArg } from './args.js';
import { command, type Command, type CommandRequest } from './command.js';

const FIND_ARGS = [
  'filter',
  'projection',
  'sort',
  'skip',
  'limit',
  'hint',
  'collation',
  'batchSize',
  'singleBatch',
  'noCursorTimeout',
  'allowDiskUse',
  'allowPartialResults',
  'tailable',
  'awaitData',
  'oplogReplay',
  'returnKey',
  'showRecordId',
  'min',
  'max',
  'let',
] as const;

/** What a `find` command asks for. */
export function findRequest(request: CommandRequest, collection: Collection | undefined): FindRequest {
  const { body } = request;
  const sorted = naturalOrder(body.sort);
  return {
    filter: docArg(body, 'filter') ?? {},
    sort: sorted === undefined ? compileSort(body.sort) : [],
    natural: sorted ?? naturalOrder(body.hint),
    skip: countArg(body, 'skip', 0),
    limit: Math.abs(toNumber(body.limit) ?? 0),
    hint: hintArg(body, collection),
    context: contextOf(request, body, collection),
  };
}

function find(request: CommandRequest): Doc {
  const { engine, body } = request;
  const namespace = namespaceArg(request);
  engine.counters.query += 1;
  for (const option of ['tailable', 'awaitData', 'returnKey', 'showRecordId', 'min', 'max'])
    if (isDoc(body[option]) || boolArg(body, option))
      fault(238, `find with '${option}' is not supported by the embedded server: use a real mongod`);
  const collection = engine.catalog.get(namespace);
  const wanted = findRequest(request, collection);
  const project = compileProjection(docArg(body, 'projection'), wanted.context, { filter: wanted.filter });
  const ids = findIds(collection, wanted);
  const cursor = engine.cursors.open({
    namespace,
    docs: collection === undefined ? [] : readDocs(collection, ids, project),
    batchSize: countArg(body, 'batchSize', FIRST_BATCH),
    singleBatch: boolArg(body, 'singleBatch') || (toNumber(body.limit) ?? 0) < 0,
    noTimeout: boolArg(body, 'noCursorTimeout'),
    sessionId: sessionId(body),
  });
  return { cursor, ok: 1 };
}

/** The documents of records as they go out; one that was deleted in the meantime is passed over. */
function* readDocs(
  collection: Collection,
  ids: Iterable<number>,
  project: Projection | undefined,
): Generator<Buffer> {
  for (const id of ids) {
    const doc = collection.get(id);
    if (doc === undefined) continue;
    yield project === undefined ? collection.raw(id) : encode(project(doc));
  }
}

function getMore(request: CommandRequest): Doc {
  const { engine, body } = request;
  const id = body.getMore;
  if (!(id instanceof Long) && typeof id !== 'number')
    return fault(14, "BSON field 'getMore.getMore' is the wrong type, expected type 'long'");
  engine.counters.getmore += 1;
  const namespace = `${request.database}.${stringArg(body, 'collection')}`;
  const cursor = engine.cursors.next(BigInt(String(id)), namespace, countArg(body, 'batchSize', 0));
  return { cursor, ok: 1 };
}

function killCursors(request: CommandRequest): Doc {
  const namespace = namespaceArg(request);
  const ids = arrayArg(request.body, 'cursors').map((id) => BigInt(String(id)));
  const killed = ids.filter((id) => request.engine.cursors.kill(id, namespace));
  const longs = (list: readonly bigint[]): Long[] => list.map((id) => Long.fromBigInt(id));
  return {
    cursorsKilled: longs(killed),
    cursorsNotFound: longs(ids.filter((id) => !killed.includes(id))),
    cursorsAlive: [],
    cursorsUnknown: [],
    ok: 1,
  };
}

function count(request: CommandRequest): Doc {
  const { engine, body } = request;
  const collection = engine.catalog.get(namespaceArg(request));
  engine.counters.command += 1;
  const filter = docArg(body, 'query') ?? {};
  const skip = countArg(body, 'skip', 0);
  const limit = Math.abs(toNumber(body.limit) ?? 0);
  const context = contextOf(request, body, collection);
  const hint = hintArg(body, collection);
  if (collection !== undefined && Object.keys(filter).length === 0 && hint === undefined) {
    const left = Math.max(0, collection.count - skip);
    return { n: limit === 0 ? left : Math.min(left, limit), ok: 1 };
  }
  return { n: lengthOf(findIds(collection, { filter, sort: [], skip, limit, hint, context })), ok: 1 };
}

function distinct(request: CommandRequest): Doc {
  const { engine, body } = request;
  const collection = engine.catalog.get(namespaceArg(request));
  const path = parsePath(stringArg(body, 'key'));
  const filter = docArg(body, 'query') ?? {};
  const context = contextOf(request, body, collection);
  const found = new Map<string, unknown>();
  const add = (value: unknown): void => {
    const key = keyString(value, context.collation?.fold);
    if (!found.has(key)) found.set(key, value);
  };
  const hint = hintArg(body, collection);
  const ids = findIds(collection, { filter, sort: [], skip: 0, limit: 0, hint, context });
  for (const id of ids)
    for (const value of pathValues(collection?.get(id), path))
      if (Array.isArray(value)) value.forEach(add);
      else if (value !== undefined) add(value);
  return { values: [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value), ok: 1 };
}

export const READ_COMMANDS: Readonly<Record<string, Command>> = {
  find: command(FIND_ARGS, find),
  getMore: command(['collection', 'batchSize', 'term', 'lastKnownCommittedOpTime'], getMore),
  killCursors: command(['cursors'], killCursors),
  count: command(['query', 'limit', 'skip', 'hint', 'collation', 'fields'], count),
  distinct: command(['key', 'query', 'collation', 'hint'], distinct),
};
