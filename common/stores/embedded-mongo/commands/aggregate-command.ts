import { keyString } from '../bson/keystring.js';
import { encode } from '../bson/codec.js';
import { Long, ObjectId, isDoc, toNumber, type Doc } from '../bson/types.js';
import { compilePipelineUpdate } from '../aggregate/update-pipeline.js';
import { compilePipeline } from '../aggregate/pipeline.js';
import type { MergeOptions, StageEnvironment } from '../aggregate/stage.js';
import { FIRST_BATCH } from '../cursors.js';
import { fault } from '../errors.js';
import { findIds } from '../query/execute.js';
import { plainContext, type QueryContext } from '../query/filter.js';
import { compileSort, type SortField } from '../query/sort.js';
import { sessionId } from '../sessions.js';
import { collectionOf, databaseOf } from '../storage/catalog.js';
import { encodeForStorage, type Collection } from '../storage/collection.js';
import type { Index } from '../storage/index.js';
import type { Engine } from '../engine.js';
import { arrayArg, boolArg, contextOf, countArg, docArg, hintArg } from './args.js';
import { command, type Command, type CommandRequest } from './command.js';
import { collectionStats } from './stats.js';

function aggregate(request: CommandRequest): Doc {
  const { engine, body, database } = request;
  const target = body[request.name];
  const namespace = `${database}.${typeof target === 'string' ? target : '$cmd.aggregate'}`;
  engine.counters.command += 1;
  if (docArg(body, 'cursor') === undefined && !boolArg(body, 'explain'))
    fault(9, "The 'cursor' option is required, except for aggregate with the explain argument");
  const collection = engine.catalog.get(namespace);
  const context = contextOf(request, body, collection);
  const pipeline = arrayArg(body, 'pipeline');
  const bypass = boolArg(body, 'bypassDocumentValidation');
  const environment = environmentOf(engine, database, collection, context, bypass);
  const start = leading(pipeline);
  const hint = hintArg(body, collection);
  const stage = compilePipeline(pipeline, environment);
  // What the first stages say is left to the indexes; the stages run all the same, on what is left.
  const source = collection === undefined ? [] : readStart(collection, start, hint, context);
  const docs = stage(source);
  const last: unknown = pipeline.at(-1);
  const writes = isDoc(last) && ('$out' in last || '$merge' in last);
  const batchSize = countArg(docArg(body, 'cursor') ?? {}, 'batchSize', FIRST_BATCH);
  const cursor = engine.cursors.open({
    namespace,
    docs: encoded(writes ? [...docs] : docs),
    batchSize: writes ? FIRST_BATCH : batchSize,
    sessionId: sessionId(body),
  });
  return { cursor, ok: 1 };
}

function* encoded(docs: Iterable<Doc>): Generator<Buffer> {
  for (const doc of docs) yield encode(doc);
}

interface Start {
  readonly filter: Doc;
  readonly sort: readonly SortField[];
  readonly limit: number;
}

/** The filter, sort and limit a pipeline begins with, as far as a `find` could do them. */
function leading(pipeline: readonly unknown[]): Start {
  const [first, second, third] = pipeline.map((stage) => (isDoc(stage) ? stage : {}));
  const filter = isDoc(first?.$match) ? first.$match : undefined;
  const [sortStage, limitStage] = filter === undefined ? [first, second] : [second, third];
  const sort = isDoc(sortStage?.$sort) ? compileSort(sortStage.$sort) : [];
  const limit = toNumber((sort.length > 0 ? limitStage : sortStage)?.$limit) ?? 0;
  return { filter: filter ?? {}, sort, limit };
}

function* readStart(
  collection: Collection,
  start: Start,
  hint: Index | undefined,
  context: QueryContext,
): Generator<Doc> {
  for (const id of findIds(collection, { ...start, skip: 0, hint, context })) {
    const doc = collection.get(id);
    if (doc !== undefined) yield doc;
  }
}

function environmentOf(
  engine: Engine,
  database: string,
  collection: Collection | undefined,
  context: QueryContext,
  bypassValidation: boolean,
): StageEnvironment {
  return {
    context,
    database,
    read: (namespace, filter) => {
      const other = engine.catalog.get(namespace);
      return other === undefined ? [] : readStart(other, { filter, sort: [], limit: 0 }, undefined, context);
    },
    stats: (stage) => statsOf(stage, collection),
    writer: {
      replaceAll: (namespace, docs) => replaceAll(engine, namespace, docs, bypassValidation),
      merge: (namespace, docs, options) => {
        const target = engine.catalog.getOrCreate(namespace);
        for (const doc of docs) mergeOne(target, doc, options, bypassValidation);
      },
    },
  };
}

function statsOf(stage: string, collection: Collection | undefined): readonly Doc[] {
  if (collection === undefined) return fault(26, `unable to retrieve ${stage}: collection not found`);
  const host = '127.0.0.1';
  if (stage === '$indexStats')
    return collection.indexes.map(({ name, spec }) => ({
      name,
      key: spec.key,
      host,
      accesses: { ops: Long.ZERO, since: new Date(0) },
      spec,
    }));
  return [
    {
      ns: collection.namespace,
      host,
      localTime: new Date(),
      storageStats: collectionStats(collection),
      count: Long.fromNumber(collection.count),
    },
  ];
}

/** `$out`: another collection, with the old one's options and indexes, takes the name once it is complete. */
function replaceAll(
  engine: Engine,
  namespace: string,
  docs: readonly Doc[],
  bypassValidation: boolean,
): void {
  const { catalog } = engine;
  const old = catalog.get(namespace);
  const temporary =
    `${databaseOf(namespace)}.tmp.agg_out.${new ObjectId().toHexString()}.${collectionOf(namespace)}`.slice(
      0,
      250,
    );
  const made = catalog.create(temporary, old?.meta.options ?? {});
  try {
    for (const spec of old?.meta.indexes ?? []) if (spec.name !== '_id_') made.createIndex(spec);
    for (const doc of docs) {
      const complete = Object.hasOwn(doc, '_id') ? doc : { _id: new ObjectId(), ...doc };
      made.insert(complete, encodeForStorage(complete), bypassValidation);
    }
  } catch (error) {
    catalog.drop(made);
    throw error;
  }
  engine.cursors.killNamespace(namespace);
  catalog.rename(made, namespace);
}

function mergeOne(target: Collection, given: Doc, options: MergeOptions, bypassValidation: boolean): void {
  const { on, whenMatched, whenNotMatched, context } = options;
  const doc = Object.hasOwn(given, '_id') ? given : { _id: new ObjectId(), ...given };
  checkOnFields(target, on);
  const filter = Object.fromEntries(on.map((name) => [name, { $eq: doc[name] ?? null }]));
  const [id] = findIds(target, { filter, sort: [], skip: 0, limit: 1, context: plainContext(context.now) });
  if (id === undefined) {
    if (whenNotMatched === 'fail')
      fault(
        13113,
        '$merge could not find a matching document in the target collection for at least one document in the source collection',
      );
    if (whenNotMatched === 'insert') target.insert(doc, encodeForStorage(doc), bypassValidation);
    return;
  }
  const before = target.get(id) as Doc;
  const after = mergedDoc(before, doc, whenMatched, context);
  if (after === before) return;
  const complete = { ...after, _id: before._id };
  if (keyString(after._id ?? before._id) !== keyString(before._id))
    fault(
      66,
      '$merge failed to update the matching document, did you attempt to modify the _id or the shard key?',
    );
  target.replace(id, complete, encodeForStorage(complete), bypassValidation);
}

function checkOnFields(target: Collection, on: readonly string[]): void {
  if (on.length === 1 && on[0] === '_id') return;
  const wanted = [...on].sort().join();
  const found = target.indexes.some(
    ({ unique, fields }) =>
      unique &&
      fields
        .map(({ name }) => name)
        .sort()
        .join() === wanted,
  );
  if (!found) fault(51183, 'Cannot find index to verify that join fields will be unique');
}

function mergedDoc(before: Doc, doc: Doc, whenMatched: unknown, context: QueryContext): Doc {
  if (Array.isArray(whenMatched)) return compilePipelineUpdate(whenMatched, context)(before);
  switch (whenMatched) {
    case 'replace':
      return doc;
    case 'merge':
      return { ...before, ...doc };
    case 'keepExisting':
      return before;
    default:
      return fault(
        11000,
        "$merge with whenMatched: fail found an existing document with the same values for the 'on' fields",
      );
  }
}

export const AGGREGATE_COMMANDS: Readonly<Record<string, Command>> = {
  aggregate: command(
    ['pipeline', 'cursor', 'explain', 'allowDiskUse', 'collation', 'hint', 'let', 'bypassDocumentValidation'],
    aggregate,
  ),
};
