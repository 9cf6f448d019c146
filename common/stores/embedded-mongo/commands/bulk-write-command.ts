import { encode } from '../bson/codec.js';
import { isDoc, toNumber, type Doc } from '../bson/types.js';
import { FIRST_BATCH } from '../cursors.js';
import { fault } from '../errors.js';
import { sessionId } from '../sessions.js';
import { boolArg, checkBatchSize, countArg, docArg, documentsArg } from './args.js';
import { command, type Command, type CommandRequest } from './command.js';
import { insertOne } from './operations.js';
import { runBatch, type BatchResult, type StatementResult } from './write-batch.js';
import { runDelete, runUpdate } from './write-commands.js';

/** MongoDB 8's bulkWrite: operations of every kind, on several collections, in one command. */
function bulkWrite(request: CommandRequest): Doc {
  const { engine, body, database } = request;
  if (database !== 'admin') fault(13, 'bulkWrite may only be run against the admin database.');
  const ops = documentsArg(request, 'ops').map(([op]) => op);
  const namespaces = documentsArg(request, 'nsInfo').map(([{ ns }]) => namespaceOf(ns));
  checkBatchSize(ops.length);
  for (const op of ops) kindOf(op, namespaces);
  const batch = runBatch(request, ops.length, (at) => runOp(request, ops[at] as Doc, namespaces));
  const errorsOnly = boolArg(body, 'errorsOnly');
  const replies = repliesOf(batch).filter((reply) => !errorsOnly || reply.ok === 0);
  const cursor = engine.cursors.open({
    namespace: 'admin.$cmd.bulkWrite',
    docs: replies.map(encode),
    batchSize: countArg(docArg(body, 'cursor') ?? {}, 'batchSize', FIRST_BATCH),
    sessionId: sessionId(body),
  });
  return { cursor, ...totalsOf(ops, batch), ok: 1 };
}

function namespaceOf(ns: unknown): string {
  if (typeof ns === 'string' && /^[^.]+\../.test(ns)) return ns;
  return fault(73, `Invalid namespace specified for bulkWrite: '${JSON.stringify(ns)}'`);
}

type Kind = 'insert' | 'update' | 'delete';

function kindOf(op: Doc, namespaces: readonly string[]): readonly [Kind, string] {
  for (const kind of ['insert', 'update', 'delete'] as const) {
    const index = toNumber(op[kind]);
    if (index === undefined) continue;
    const namespace = namespaces[index];
    return namespace === undefined
      ? fault(2, `BulkWrite ops entry ${JSON.stringify(op)} has an invalid nsInfo index.`)
      : [kind, namespace];
  }
  return fault(9, `Unrecognized bulkWrite operation: ${JSON.stringify(Object.keys(op)[0])}`);
}

function runOp(request: CommandRequest, op: Doc, namespaces: readonly string[]): StatementResult {
  const [kind, namespace] = kindOf(op, namespaces);
  request.engine.counters[kind] += 1;
  switch (kind) {
    case 'insert': {
      if (!isDoc(op.document)) return fault(40414, "BSON field 'bulkWrite.insert.document' is missing");
      const collection = request.engine.catalog.getOrCreate(namespace);
      insertOne(
        collection,
        op.document,
        encode(op.document),
        boolArg(request.body, 'bypassDocumentValidation'),
      );
      return { n: 1 };
    }
    case 'update': {
      const { filter: q, updateMods: u, constants: c } = op;
      const options = without(op, ['update', 'filter', 'updateMods', 'constants']);
      return runUpdate(request, namespace, { q, u, ...(c === undefined ? {} : { c }), ...options });
    }
    case 'delete': {
      const options = without(op, ['delete', 'filter', 'multi']);
      return runDelete(request, namespace, { q: op.filter, limit: op.multi === true ? 0 : 1, ...options });
    }
  }
}

function without(doc: Doc, names: readonly string[]): Doc {
  return Object.fromEntries(Object.entries(doc).filter(([name]) => !names.includes(name)));
}

function repliesOf({ results, writeErrors }: BatchResult): readonly Doc[] {
  const done = results.flatMap((result, idx): Doc[] =>
    result === undefined
      ? []
      : [
          {
            ok: 1,
            idx,
            n: result.n,
            ...(result.nModified === undefined ? {} : { nModified: result.nModified }),
            ...(result.upsertedId === undefined ? {} : { upserted: result.upsertedId }),
          },
        ],
  );
  const failed = writeErrors.map(({ index, ...error }): Doc => ({ ok: 0, idx: index, n: 0, ...error }));
  return [...done, ...failed].sort((a, b) => Number(a.idx) - Number(b.idx));
}

function totalsOf(ops: readonly Doc[], { results, writeErrors, retried }: BatchResult): Doc {
  const of = (kind: Kind): readonly StatementResult[] =>
    results.filter(
      (result, at): result is StatementResult => result !== undefined && kind in (ops[at] as Doc),
    );
  const sum = (list: readonly StatementResult[]): number => list.reduce((total, { n }) => total + n, 0);
  const upserted = of('update').filter(({ upsertedId }) => upsertedId !== undefined).length;
  return {
    nErrors: writeErrors.length,
    nInserted: sum(of('insert')),
    nMatched: sum(of('update')) - upserted,
    nModified: of('update').reduce((total, { nModified = 0 }) => total + nModified, 0),
    nUpserted: upserted,
    nDeleted: sum(of('delete')),
    ...(retried.length > 0 ? { retriedStmtIds: retried } : {}),
  };
}

export const BULK_WRITE_COMMANDS: Readonly<Record<string, Command>> = {
  bulkWrite: command(
    [
      'ops',
      'nsInfo',
      'ordered',
      'errorsOnly',
      'let',
      'bypassDocumentValidation',
      'cursor',
      'stmtId',
      'stmtIds',
      'bypassEmptyTsReplacement',
    ],
    bulkWrite,
  ),
};
