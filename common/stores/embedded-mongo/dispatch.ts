import { decode } from './bson/codec.js';
import { toNumber, typeName, type Doc } from './bson/types.js';
import { AGGREGATE_COMMANDS } from './commands/aggregate-command.js';
import { BULK_WRITE_COMMANDS } from './commands/bulk-write-command.js';
import { CATALOG_COMMANDS } from './commands/catalog-commands.js';
import { GENERIC_ARGS, type Command, type CommandRequest } from './commands/command.js';
import { EXPLAIN_COMMANDS } from './commands/explain-command.js';
import { INDEX_COMMANDS } from './commands/index-commands.js';
import { READ_COMMANDS } from './commands/read-commands.js';
import { SERVER_COMMANDS } from './commands/server-commands.js';
import { WRITE_COMMANDS } from './commands/write-commands.js';
import type { Engine } from './engine.js';
import { MongoServerFault, fault } from './errors.js';
import { checkReadConcern } from './read-concern.js';
import { checkStableApi } from './stable-api.js';
import { OP_QUERY, type Request } from './wire/message.js';
import { checkWriteConcern, waitsForDisk } from './write-concern.js';

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({
    ...SERVER_COMMANDS,
    ...READ_COMMANDS,
    ...WRITE_COMMANDS,
    ...BULK_WRITE_COMMANDS,
    ...EXPLAIN_COMMANDS,
    ...AGGREGATE_COMMANDS,
    ...CATALOG_COMMANDS,
    ...INDEX_COMMANDS,
  }),
);

/** Runs one request. Resolves to the reply when it may be sent: after what it wrote is as safe as was asked for. */
export async function dispatch(engine: Engine, connectionId: number, request: Request): Promise<Doc> {
  const writesBefore = engine.storage.writes;
  let reply: Doc;
  let body: Doc;
  try {
    body = bodyOf(request);
    reply = run(engine, connectionId, body, request);
  } catch (error) {
    return errorReply(error, engine.storage.writes !== writesBefore);
  }
  if (engine.storage.writes !== writesBefore && waitsForDisk(body)) await engine.storage.durable();
  return reply;
}

/** An OP_QUERY's command may be wrapped ($query), and names its database beside it. */
function bodyOf({ opCode, body, namespace = '' }: Request): Doc {
  const doc = decode(body);
  if (opCode !== OP_QUERY) return doc;
  if (!namespace.endsWith('.$cmd'))
    return fault(352, `Unsupported OP_QUERY on ${namespace}: only commands are taken`);
  const inner = (doc.$query ?? doc) as Doc;
  return { ...inner, $db: namespace.slice(0, -'.$cmd'.length) };
}

function run(engine: Engine, connectionId: number, body: Doc, { sequences }: Request): Doc {
  const [name = ''] = Object.keys(body);
  const found = COMMANDS.get(name);
  if (found === undefined) return fault(59, `no such command: '${name}'`);
  const database = body.$db;
  if (typeof database !== 'string') return fault(40571, 'OP_MSG requests require a $db argument');
  checkDatabase(database);
  checkArgs(name, found, body);
  checkTransaction(body);
  checkMaxTime(body);
  checkStableApi(name, body);
  checkReadConcern(body);
  checkWriteConcern(body);
  const request: CommandRequest = { engine, database, name, body, sequences, connectionId, now: new Date() };
  return found.run(request);
}

function checkDatabase(database: string): void {
  if (database === '' || database.length > 63 || /[\0/\\. "$]/.test(database))
    fault(73, `Invalid database name: '${database}'`);
}

function checkArgs(name: string, { args }: Command, body: Doc): void {
  if (args === undefined) return;
  for (const field of Object.keys(body))
    if (field !== name && !args.includes(field) && !GENERIC_ARGS.has(field))
      fault(40415, `BSON field '${name}.${field}' is an unknown field.`);
}

/**
 * `maxTimeMS` is accepted and checked only: a command runs to its end without waiting, and nothing could interrupt it.
 */
function checkMaxTime({ maxTimeMS }: Doc): void {
  if (maxTimeMS === undefined) return;
  const limit = toNumber(maxTimeMS);
  if (limit === undefined) fault(14, `BSON field 'maxTimeMS' is the wrong type '${typeName(maxTimeMS)}'`);
  else if (!Number.isInteger(limit) || limit < 0 || limit > 2 ** 31 - 1)
    fault(2, `${limit} value for maxTimeMS is out of range [0, ${2 ** 31 - 1}]`);
}

/** A transaction is more than a retryable write: it says `autocommit: false`. */
function checkTransaction(body: Doc): void {
  if (body.autocommit !== undefined || body.startTransaction !== undefined)
    fault(20, 'Transaction numbers are only allowed on a replica set member or mongos');
}

/**
 * The reply for what a command threw. A bug ends the server when the command had begun to write: then what is in memory
 * may not be what is on disk.
 */
function errorReply(error: unknown, hasWritten: boolean): Doc {
  // Arrays and strings beyond what the engine can hold, or nesting beyond its stack: values a client asked for.
  if (error instanceof RangeError)
    return errorReply(new MongoServerFault(2, `value out of range: ${error.message}`), hasWritten);
  if (!(error instanceof MongoServerFault)) {
    if (hasWritten || !(error instanceof Error)) throw error;
    process.stderr.write(`dharma embedded Mongo: a bug, please report it: ${error.stack ?? error.message}\n`);
    return errorReply(new MongoServerFault(1, `internal error: ${error.message}`), hasWritten);
  }
  return { ok: 0, errmsg: error.message, code: error.code, codeName: error.codeName, ...error.extra };
}
