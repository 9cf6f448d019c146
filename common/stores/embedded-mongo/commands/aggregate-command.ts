import { encode } from '../bson/codec.js';
import { Long, isDoc, toNumber, type Doc } from '../bson/types.js';
import { compilePipeline } from '../aggregate/pipeline.js';
import type { StageEnvironment } from '../aggregate/stage.js';
import { FIRST_BATCH } from '../cursors.js';
import { fault } from '../errors.js';
import { findIds } from '../query/execute.js';
import { type QueryContext } from '../query/context.js';
import { compileSort, type SortField } from '../query/sort.js';
import { sessionId } from '../sessions.js';
import type { Collection } from '../storage/collection.js';
import type { Index } from '../storage/index.js';
import { arrayArg, boolArg, contextOf, countArg, docArg, hintArg } from './args.js';
import { stageWriter } from './aggregate-output.js';
import { explain } from './explain-command.js';
import { command, type Command, type CommandRequest } from './command.js';
import { collectionStats } from './stats.js';

function aggregate(request: CommandRequest): Doc {
  // The driver's aggregate().explain() wraps the command; `explain: true` within it is the old form.
  if (boolArg(request.body, 'explain'))
    return explain({ ...request, body: { explain: request.body }, name: 'explain' });
  const { engine, body, database } = request;
  const target = body[request.name];
  const namespace = `${database}.${typeof target === 'string' ? target : '$cmd.aggregate'}`;
  engine.counters.command += 1;
  if (docArg(body, 'cursor') === undefined)
    fault(9, "The 'cursor' option is required, except for aggregate with the explain argument");
  const collection = engine.catalog.get(namespace);
  const context = contextOf(request, body, collection);
  const pipeline = arrayArg(body, 'pipeline');
  const environment = environmentOf(request, collection, context);
  const start = leading(pipeline);
  const hint = hintArg(body, collection);
  const stage = compilePipeline(pipeline.slice(start.stages), environment);
  const source = readStart(collection, start, hint, context);
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
  /** How many stages these three stand for. */
  readonly stages: number;
}

/** The `$match`, `$sort` and `$limit` a pipeline begins with: a `find` does them, with the help of indexes. */
function leading(pipeline: readonly unknown[]): Start {
  let stages = 0;
  const take = (name: string): unknown => {
    const stage = pipeline[stages];
    if (!isDoc(stage) || !Object.hasOwn(stage, name) || Object.keys(stage).length > 1) return undefined;
    stages += 1;
    return stage[name];
  };
  const filter = take('$match');
  if (filter !== undefined && !isDoc(filter))
    fault(15959, 'the match filter must be an expression in an object');
  const sort = take('$sort');
  if (isDoc(sort) && Object.keys(sort).length === 0)
    fault(15976, '$sort stage must have at least one sort key');
  const limit = take('$limit');
  const count = toNumber(limit);
  if (limit !== undefined && (count === undefined || !Number.isInteger(count) || count < 1))
    fault(15958, 'invalid argument to $limit stage: Expected an integer of at least 1');
  return { filter: filter ?? {}, sort: compileSort(sort), limit: count ?? 0, stages };
}

function* readStart(
  collection: Collection | undefined,
  start: Start,
  hint: Index | undefined,
  context: QueryContext,
): Generator<Doc> {
  for (const id of findIds(collection, { ...start, skip: 0, hint, context })) {
    const doc = collection?.get(id);
    if (doc !== undefined) yield doc;
  }
}

function environmentOf(
  request: CommandRequest,
  collection: Collection | undefined,
  context: QueryContext,
): StageEnvironment {
  const { engine, body, database } = request;
  return {
    context,
    database,
    read: (namespace, filter) =>
      readStart(engine.catalog.get(namespace), { filter, sort: [], limit: 0, stages: 0 }, undefined, context),
    stats: (stage) =>
      stage === '$listLocalSessions'
        ? [{ _id: docArg(body, 'lsid') ?? {}, lastUse: request.now }]
        : statsOf(stage, collection),
    writer: stageWriter(engine, boolArg(body, 'bypassDocumentValidation')),
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

export const AGGREGATE_COMMANDS: Readonly<Record<string, Command>> = {
  aggregate: command(
    ['pipeline', 'cursor', 'explain', 'allowDiskUse', 'collation', 'hint', 'let', 'bypassDocumentValidation'],
    aggregate,
  ),
};
