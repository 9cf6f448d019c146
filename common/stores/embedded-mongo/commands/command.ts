import type { Doc } from '../bson/types.js';
import type { Engine } from '../engine.js';

/** One command as it came in. */
export interface CommandRequest {
  readonly engine: Engine;
  readonly database: string;
  /** The command's name as the client wrote it: the body's first field. */
  readonly name: string;
  readonly body: Doc;
  /** Document sequences beside the body: each document's bytes. */
  readonly sequences: ReadonlyMap<string, readonly Buffer[]>;
  readonly connectionId: number;
  /** `$$NOW` of this command. */
  readonly now: Date;
}

export interface Command {
  /** Its arguments; a field that is neither here nor generic is refused, as mongod does. Undefined allows any. */
  readonly args: readonly string[] | undefined;
  /** Runs to its end without waiting for anything: nothing else happens to the data meanwhile. */
  readonly run: (request: CommandRequest) => Doc;
}

export function command(args: readonly string[] | undefined, run: (request: CommandRequest) => Doc): Command {
  return { args, run };
}

/** Arguments that every command may have. */
export const GENERIC_ARGS: ReadonlySet<string> = new Set([
  '$db',
  'lsid',
  'txnNumber',
  'autocommit',
  'startTransaction',
  '$clusterTime',
  '$readPreference',
  '$configServerState',
  '$client',
  'apiVersion',
  'apiStrict',
  'apiDeprecationErrors',
  'writeConcern',
  'readConcern',
  'maxTimeMS',
  'comment',
  'rawData',
  'serialization_context',
  'mayBypassWriteBlocking',
]);
