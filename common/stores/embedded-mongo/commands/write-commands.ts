import { toNumber, truthy, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { compileProjection } from '../query/projection.js';
import { compileSort } from '../query/sort.js';
import type { Collection } from '../storage/collection.js';
import { boolArg, checkBatchSize, contextOf, docArg, documentsArg, hintArg, namespaceArg } from './args.js';
import { command, type Command, type CommandRequest } from './command.js';
import { deleteMatching, filterOf, insertOne, updateMatching } from './operations.js';
import { batchReply, runBatch, runOnce, type StatementResult } from './write-batch.js';

const BATCH_ARGS = [
  'ordered',
  'bypassDocumentValidation',
  'stmtId',
  'stmtIds',
  'bypassEmptyTsReplacement',
] as const;

function insert(request: CommandRequest): Doc {
  const namespace = namespaceArg(request);
  const docs = documentsArg(request, 'documents');
  checkBatchSize(docs.length);
  request.engine.counters.insert += docs.length;
  const bypass = boolArg(request.body, 'bypassDocumentValidation');
  const collection = request.engine.catalog.getOrCreate(namespace);
  const batch = runBatch(request, docs.length, (at) => {
    const [doc, raw] = docs[at] as (typeof docs)[number];
    insertOne(collection, doc, raw, bypass);
    return { n: 1 };
  });
  return batchReply(batch, false);
}

const UPDATE_FIELDS = new Set([
  'q',
  'u',
  'c',
  'multi',
  'upsert',
  'arrayFilters',
  'collation',
  'hint',
  'sort',
  'upsertSupplied',
  'sampleId',
]);

function update(request: CommandRequest): Doc {
  const namespace = namespaceArg(request);
  const updates = documentsArg(request, 'updates');
  checkBatchSize(updates.length);
  request.engine.counters.update += updates.length;
  const batch = runBatch(request, updates.length, (at) =>
    runUpdate(request, namespace, (updates[at] as (typeof updates)[number])[0]),
  );
  return batchReply(batch, true);
}

/** Runs one entry of an `update` command. */
export function runUpdate(request: CommandRequest, namespace: string, statement: Doc): StatementResult {
  checkFields('update.updates', statement, UPDATE_FIELDS);
  const upsert = boolArg(statement, 'upsert');
  const { catalog } = request.engine;
  const existing = catalog.get(namespace);
  if (existing === undefined && !upsert) {
    filterOf(statement.q, 'update.updates.q');
    return { n: 0, nModified: 0 };
  }
  const collection = existing ?? catalog.getOrCreate(namespace);
  const context = contextOf(request, statement, collection);
  const constants = docArg(statement, 'c');
  const multi = boolArg(statement, 'multi');
  const sort = compileSort(statement.sort);
  if (multi && sort.length > 0) fault(9, 'Cannot specify sort with multi=true');
  return updateMatching(collection, {
    filter: filterOf(statement.q, 'update.updates.q'),
    update: statement.u,
    arrayFilters: statement.arrayFilters,
    multi,
    upsert,
    sort,
    hint: hintArg(statement, collection),
    context:
      constants === undefined ? context : { ...context, variables: { ...context.variables, ...constants } },
    bypassValidation: boolArg(request.body, 'bypassDocumentValidation'),
  });
}

const DELETE_FIELDS = new Set(['q', 'limit', 'collation', 'hint', 'sampleId']);

function remove(request: CommandRequest): Doc {
  const namespace = namespaceArg(request);
  const deletes = documentsArg(request, 'deletes');
  checkBatchSize(deletes.length);
  request.engine.counters.delete += deletes.length;
  const batch = runBatch(request, deletes.length, (at) =>
    runDelete(request, namespace, (deletes[at] as (typeof deletes)[number])[0]),
  );
  return batchReply(batch, false);
}

/** Runs one entry of a `delete` command. */
export function runDelete(request: CommandRequest, namespace: string, statement: Doc): StatementResult {
  checkFields('delete.deletes', statement, DELETE_FIELDS);
  const filter = filterOf(statement.q, 'delete.deletes.q');
  const limit = toNumber(statement.limit);
  if (limit !== 0 && limit !== 1)
    return fault(
      9,
      `The limit field in delete objects must be 0 or 1. Got ${JSON.stringify(statement.limit)}`,
    );
  const collection = request.engine.catalog.get(namespace);
  const context = contextOf(request, statement, collection);
  if (collection === undefined) return { n: 0 };
  const hint = hintArg(statement, collection);
  return { n: deleteMatching(collection, { filter, limit, sort: [], hint, context }).n };
}

function checkFields(where: string, doc: Doc, known: ReadonlySet<string>): void {
  for (const name of Object.keys(doc))
    if (!known.has(name)) fault(40415, `BSON field '${where}.${name}' is an unknown field.`);
}

function findAndModify(request: CommandRequest): Doc {
  const { engine, body } = request;
  const isRemove = boolArg(body, 'remove');
  if (isRemove && body.update !== undefined) fault(9, 'Cannot specify both an update and remove=true');
  if (isRemove && truthy(body.upsert)) fault(9, 'Cannot specify both upsert=true and remove=true');
  if (isRemove && truthy(body.new))
    fault(9, "Cannot specify both new=true and remove=true; 'remove' always returns the deleted document");
  if (!isRemove && body.update === undefined) fault(9, 'Either an update or remove=true must be specified');
  const namespace = namespaceArg(request);
  engine.counters.command += 1;
  return runOnce(engine.sessions.retryable(body), body, () =>
    isRemove ? findAndRemove(request, namespace) : findAndUpdate(request, namespace),
  );
}

function projected(request: CommandRequest, collection: Collection, doc: Doc | undefined): Doc | null {
  if (doc === undefined) return null;
  const { body } = request;
  const filter = docArg(body, 'query') ?? {};
  const context = contextOf(request, body, collection);
  const project = compileProjection(docArg(body, 'fields') ?? docArg(body, 'projection'), context, {
    filter,
  });
  return project === undefined ? doc : project(doc);
}

function findAndRemove(request: CommandRequest, namespace: string): Doc {
  const { body, engine } = request;
  const collection = engine.catalog.get(namespace);
  if (collection === undefined) return { lastErrorObject: { n: 0 }, value: null, ok: 1 };
  const { n, last } = deleteMatching(collection, {
    filter: docArg(body, 'query') ?? {},
    limit: 1,
    sort: compileSort(body.sort),
    hint: hintArg(body, collection),
    context: contextOf(request, body, collection),
  });
  return { lastErrorObject: { n }, value: projected(request, collection, last), ok: 1 };
}

function findAndUpdate(request: CommandRequest, namespace: string): Doc {
  const { body, engine } = request;
  const upsert = boolArg(body, 'upsert');
  const existing = engine.catalog.get(namespace);
  if (existing === undefined && !upsert)
    return { lastErrorObject: { n: 0, updatedExisting: false }, value: null, ok: 1 };
  const collection = existing ?? engine.catalog.getOrCreate(namespace);
  const outcome = updateMatching(collection, {
    filter: docArg(body, 'query') ?? {},
    update: body.update,
    arrayFilters: body.arrayFilters,
    multi: false,
    upsert,
    sort: compileSort(body.sort),
    hint: hintArg(body, collection),
    context: contextOf(request, body, collection),
    bypassValidation: boolArg(body, 'bypassDocumentValidation'),
  });
  const upserted = outcome.upsertedId;
  return {
    lastErrorObject: {
      n: outcome.n,
      updatedExisting: outcome.n > 0 && upserted === undefined,
      ...(upserted === undefined ? {} : { upserted: upserted._id }),
    },
    value: projected(request, collection, boolArg(body, 'new') ? outcome.after : outcome.before),
    ok: 1,
  };
}

const FIND_AND_MODIFY = command(
  [
    'query',
    'sort',
    'remove',
    'update',
    'new',
    'fields',
    'projection',
    'upsert',
    'bypassDocumentValidation',
    'bypassEmptyTsReplacement',
    'collation',
    'arrayFilters',
    'hint',
    'let',
    'stmtId',
    'sampleId',
  ],
  findAndModify,
);

export const WRITE_COMMANDS: Readonly<Record<string, Command>> = {
  insert: command(['documents', ...BATCH_ARGS], insert),
  update: command(['updates', 'let', ...BATCH_ARGS], update),
  delete: command(['deletes', 'let', ...BATCH_ARGS], remove),
  findAndModify: FIND_AND_MODIFY,
  findandmodify: FIND_AND_MODIFY,
};
