import { toNumber, type Doc } from '../bson/types.js';
import { MongoServerFault } from '../errors.js';
import type { RetryableWrite } from '../sessions.js';
import { boolArg } from './args.js';
import type { CommandRequest } from './command.js';

export interface StatementResult {
  /** Documents inserted, matched or deleted. */
  readonly n: number;
  readonly nModified?: number;
  readonly upsertedId?: { readonly _id: unknown };
}

export interface BatchResult {
  readonly results: readonly (StatementResult | undefined)[];
  readonly writeErrors: readonly Doc[];
  readonly retried: readonly number[];
}

/**
 * Runs the statements of a write command one after the other. Ordered, the first error ends it; unordered, the rest
 * still run. A statement that ran before under the same transaction number answers again and does nothing.
 */
export function runBatch(
  request: CommandRequest,
  count: number,
  statement: (at: number) => StatementResult,
): BatchResult {
  const ordered = boolArg(request.body, 'ordered', true);
  const retryable = request.engine.sessions.retryable(request.body);
  const results: (StatementResult | undefined)[] = [];
  const writeErrors: Doc[] = [];
  const retried: number[] = [];
  for (let at = 0; at < count; at++) {
    const id = statementId(request.body, at);
    const before = retryable?.find(id);
    if (before !== undefined) {
      retried.push(id);
      results[at] = restored(before);
      continue;
    }
    try {
      const result = statement(at);
      results[at] = result;
      retryable?.record(id, stored(result));
    } catch (error) {
      writeErrors.push(writeError(at, error));
      if (ordered) break;
    }
  }
  retryable?.save();
  return { results, writeErrors, retried };
}

function statementId(body: Doc, at: number): number {
  if (Array.isArray(body.stmtIds)) return toNumber(body.stmtIds[at]) ?? at;
  return body.stmtId === undefined ? at : (toNumber(body.stmtId) as number) + at;
}

function stored({ n, nModified, upsertedId }: StatementResult): Doc {
  return { n, nModified, upserted: upsertedId };
}

function restored({ n, nModified, upserted }: Doc): StatementResult {
  return {
    n: toNumber(n) as number,
    ...(nModified === undefined ? {} : { nModified: toNumber(nModified) as number }),
    ...(upserted === undefined ? {} : { upsertedId: upserted as { _id: unknown } }),
  };
}

/** The `writeErrors` entry of a statement that failed. What is no fault of the client's goes on up. */
export function writeError(index: number, error: unknown): Doc {
  if (!(error instanceof MongoServerFault)) throw error;
  return { index, code: error.code, ...error.extra, errmsg: error.message };
}

/** The reply of a write command. */
export function batchReply({ results, writeErrors, retried }: BatchResult, isUpdate: boolean): Doc {
  const done = results.filter((result) => result !== undefined);
  const upserted = results.flatMap((result, index) =>
    result?.upsertedId === undefined ? [] : [{ index, _id: result.upsertedId._id }],
  );
  return {
    n: done.reduce((sum, { n }) => sum + n, 0),
    ...(isUpdate ? { nModified: done.reduce((sum, { nModified = 0 }) => sum + nModified, 0) } : {}),
    ...(upserted.length > 0 ? { upserted } : {}),
    ...(writeErrors.length > 0 ? { writeErrors } : {}),
    ...(retried.length > 0 ? { retriedStmtIds: retried } : {}),
    ok: 1,
  };
}

/** What a retried single operation needs. */
export function runOnce(retryable: RetryableWrite | undefined, body: Doc, run: () => Doc): Doc {
  const id = statementId(body, 0);
  const before = retryable?.find(id);
  if (before !== undefined) return { ...before, retriedStmtId: id };
  const reply = run();
  retryable?.record(id, reply);
  retryable?.save();
  return reply;
}
