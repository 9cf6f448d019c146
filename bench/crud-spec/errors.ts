import { EJSON } from 'bson';
import { MongoBulkWriteError, MongoClientBulkWriteError, MongoServerError } from 'mongodb';
import type { Json } from './spec-file.js';
import { matches, shown } from './matches.js';

/** Why an error is not the one expected; undefined when it is. */
export function wrongError(expected: Json, error: unknown): string | undefined {
  if (expected.isClientError === true && error instanceof MongoServerError)
    return 'a server error, not a client one';
  if (expected.isClientError === false && !isFromServer(error)) return `a client error: ${String(error)}`;
  const { codeName } = error as { codeName?: unknown };
  if (expected.errorCodeName !== undefined && codeName !== expected.errorCodeName)
    return `code name ${String(codeName)}: ${String(error)}`;
  const code = serverCode(error);
  if (expected.errorCode !== undefined && code !== expected.errorCode)
    return `code ${code ?? 'none'}: ${String(error)}`;
  if (
    typeof expected.errorContains === 'string' &&
    !String((error as Error).message)
      .toLowerCase()
      .includes(expected.errorContains.toLowerCase())
  )
    return `message: ${String(error)}`;
  if (
    expected.errorResponse !== undefined &&
    !matches(expected.errorResponse, (error as MongoServerError).errorResponse)
  )
    return `response ${EJSON.stringify((error as MongoServerError).errorResponse)}`;
  if (expected.expectResult !== undefined && !matches(expected.expectResult, partialResult(error)))
    return `partial result ${shown(partialResult(error))}`;
  return wrongIndividualErrors(expected, error);
}

function isFromServer(error: unknown): boolean {
  return error instanceof MongoServerError || error instanceof MongoClientBulkWriteError;
}

function serverCode(error: unknown): number | string | undefined {
  return (error as { code?: number | string }).code;
}

export function partialResult(error: unknown): unknown {
  if (error instanceof MongoClientBulkWriteError) return error.partialResult;
  return error instanceof MongoBulkWriteError ? error.result : undefined;
}

function wrongIndividualErrors(expected: Json, error: unknown): string | undefined {
  if (!(error instanceof MongoClientBulkWriteError)) return undefined;
  for (const [index, wanted] of Object.entries((expected.writeErrors ?? {}) as Json)) {
    const found = error.writeErrors.get(Number(index));
    if (found === undefined || !matches(wanted, { code: found.code, message: found.message }))
      return `write error ${index}: ${shown(found)}`;
  }
  return undefined;
}
