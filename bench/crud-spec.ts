/**
 * Runs MongoDB's published CRUD tests in the unified format (https://github.com/mongodb/specifications, folder
 * source/crud/tests/unified) against the embedded Mongo, with the official driver, over TCP. By hand:
 *
 *     CRUD_SPEC_DIR=…/source/crud/tests/unified node dist/bench/crud-spec.js [part of a file's name]
 *
 * The other folders' tests of what the server has (collection-management, versioned-api, sessions, …) run the same way.
 *
 * Checked are each operation's result or error and the final contents of the collections. What the driver sends
 * (`expectEvents`) is the driver's concern and is not looked at.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect, isDeepStrictEqual } from 'node:util';
import { EJSON } from 'bson';
import {
  MongoBulkWriteError,
  MongoClient,
  MongoClientBulkWriteError,
  MongoServerError,
  type ClientSession,
  type Collection,
  type Db,
} from 'mongodb';
import { EmbeddedMongo } from '../common/stores/embedded-mongo/server.js';

type Json = Record<string, unknown>;

interface SpecTest {
  description: string;
  runOnRequirements?: Requirement[];
  skipReason?: string;
  operations: {
    name: string;
    object: string;
    arguments?: Json;
    expectError?: Json;
    expectResult?: unknown;
    ignoreResultAndError?: boolean;
  }[];
  outcome?: { collectionName: string; databaseName: string; documents: Json[] }[];
}

interface Requirement {
  minServerVersion?: string;
  maxServerVersion?: string;
  topologies?: string[];
  serverParameters?: Json;
}

interface SpecFile {
  runOnRequirements?: Requirement[];
  createEntities?: Json[];
  initialData?: { collectionName: string; databaseName: string; documents: Json[]; createOptions?: Json }[];
  tests: SpecTest[];
}

/** The server version the embedded server follows, for the tests' requirements. */
const VERSION = [8, 0, 0];

function compareVersions(text: string): number {
  const parts = text.split('.').map(Number);
  for (let at = 0; at < 3; at++) {
    const difference = (VERSION[at] ?? 0) - (parts[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Why a test does not apply to this server; undefined when it does. */
function notApplicable(requirements: Requirement[] | undefined): string | undefined {
  if (requirements === undefined) return undefined;
  const met = requirements.some(
    ({ minServerVersion: min, maxServerVersion: max, topologies, serverParameters }) =>
      (min === undefined || compareVersions(min) >= 0) &&
      (max === undefined || compareVersions(max) <= 0) &&
      (topologies === undefined || topologies.includes('single')) &&
      !Object.values(serverParameters ?? {}).includes(true),
  );
  if (met) return undefined;
  if (requirements.every(({ serverParameters = {} }) => Object.values(serverParameters).includes(true)))
    return "a mongod's server parameter";
  return requirements.every(({ topologies }) => topologies !== undefined && !topologies.includes('single'))
    ? 'another topology'
    : 'another server version';
}

interface Entities {
  clients: Map<string, MongoClient>;
  databases: Map<string, Db>;
  collections: Map<string, Collection>;
  sessions: Map<string, ClientSession>;
}

function createEntities(specs: Json[], uri: string): Entities {
  const entities: Entities = {
    clients: new Map(),
    databases: new Map(),
    collections: new Map(),
    sessions: new Map(),
  };
  for (const spec of specs) {
    const [[kind, given]] = Object.entries(spec) as [[string, Json]];
    const id = String(given.id);
    if (kind === 'client') {
      entities.clients.set(
        id,
        new MongoClient(uri, { ...(given.uriOptions ?? {}), ...pick(given, 'serverApi') }),
      );
    } else if (kind === 'database') {
      const client = entities.clients.get(String(given.client)) as MongoClient;
      entities.databases.set(id, client.db(String(given.databaseName), given.databaseOptions ?? {}));
    } else if (kind === 'collection') {
      const database = entities.databases.get(String(given.database)) as Db;
      entities.collections.set(
        id,
        database.collection(String(given.collectionName), given.collectionOptions ?? {}),
      );
    } else if (kind === 'session') {
      const client = entities.clients.get(String(given.client)) as MongoClient;
      entities.sessions.set(id, client.startSession(given.sessionOptions ?? {}));
    }
  }
  return entities;
}

function pick(from: Json, name: string): Json {
  return from[name] === undefined ? {} : { [name]: from[name] };
}

/** Tests that this driver cannot pass with any server. */
const DRIVER_DIFFERS: readonly (readonly [string, string])[] = [
  ['create-null-ids.json', 'the driver replaces an _id of null'],
  ['client-bulkWrite-partialResults.json: partialResult is unset', 'the driver always sets partialResult'],
];

type Run = (args: Json) => Promise<unknown>;

/** Calls the driver's method of an operation, with its arguments in the driver's order. */
async function execute(entities: Entities, object: string, name: string, args: Json): Promise<unknown> {
  const collection = entities.collections.get(object);
  if (collection !== undefined) return runOn(collectionOperations(collection), name, args);
  const database = entities.databases.get(object);
  if (database !== undefined) return runOn(databaseOperations(database), name, args);
  const client = entities.clients.get(object);
  if (client !== undefined) return runOn(clientOperations(client), name, args);
  throw new Unsupported(`object ${object}`);
}

function runOn(operations: Record<string, Run>, name: string, args: Json): Promise<unknown> {
  const run = operations[name];
  if (run === undefined) throw new Unsupported(`operation ${name}`);
  return run(args);
}

class Unsupported extends Error {}

/** Takes arguments out of `args` by name. `never`: what a test file gives is passed to the driver as it is. */
function split<K extends string>(args: Json, ...names: K[]): [Record<K, never>, Json] {
  const rest = { ...args };
  const taken: Json = {};
  for (const name of names) {
    taken[name] = rest[name];
    delete rest[name];
  }
  return [taken as Record<K, never>, rest];
}

function collectionOperations(c: Collection): Record<string, Run> {
  return {
    insertOne: (args) => {
      const [{ document }, options] = split(args, 'document');
      return c.insertOne(document, options);
    },
    insertMany: (args) => {
      const [{ documents }, options] = split(args, 'documents');
      return c.insertMany(documents, options);
    },
    find: (args) => {
      const [{ filter }, options] = split(args, 'filter');
      return c.find(filter, options).toArray();
    },
    findOne: (args) => {
      const [{ filter }, options] = split(args, 'filter');
      return c.findOne(filter, options);
    },
    aggregate: (args) => {
      const [{ pipeline }, options] = split(args, 'pipeline');
      return c.aggregate(pipeline, options).toArray();
    },
    bulkWrite: (args) => {
      const [{ requests }, options] = split(args, 'requests');
      return c.bulkWrite(requests, options);
    },
    updateOne: (args) => {
      const [{ filter, update }, options] = split(args, 'filter', 'update');
      return c.updateOne(filter, update, options);
    },
    updateMany: (args) => {
      const [{ filter, update }, options] = split(args, 'filter', 'update');
      return c.updateMany(filter, update, options);
    },
    replaceOne: (args) => {
      const [{ filter, replacement }, options] = split(args, 'filter', 'replacement');
      return c.replaceOne(filter, replacement, options);
    },
    deleteOne: (args) => {
      const [{ filter }, options] = split(args, 'filter');
      return c.deleteOne(filter, options);
    },
    deleteMany: (args) => {
      const [{ filter }, options] = split(args, 'filter');
      return c.deleteMany(filter, options);
    },
    findOneAndUpdate: (args) => {
      const [{ filter, update }, options] = split(args, 'filter', 'update');
      return c.findOneAndUpdate(filter, update, lowered(options));
    },
    findOneAndReplace: (args) => {
      const [{ filter, replacement }, options] = split(args, 'filter', 'replacement');
      return c.findOneAndReplace(filter, replacement, lowered(options));
    },
    findOneAndDelete: (args) => {
      const [{ filter }, options] = split(args, 'filter');
      return c.findOneAndDelete(filter, options);
    },
    countDocuments: (args) => {
      const [{ filter }, options] = split(args, 'filter');
      return c.countDocuments(filter, options);
    },
    count: (args) => {
      const [{ filter }, options] = split(args, 'filter');

      return c.count(filter, options);
    },
    estimatedDocumentCount: (args) => c.estimatedDocumentCount(args),
    distinct: (args) => {
      const [{ fieldName, filter }, options] = split(args, 'fieldName', 'filter');
      return c.distinct(fieldName, filter ?? {}, options);
    },
    listIndexes: (args) => c.listIndexes(args).toArray(),
    dropIndex: (args) => {
      const [{ name }, options] = split(args, 'name');
      return c.dropIndex(name, options);
    },
    createIndex: (args) => {
      const [{ keys }, options] = split(args, 'keys');
      return c.createIndex(keys, options);
    },
  };
}

function lowered(options: Json): Json {
  return typeof options.returnDocument === 'string'
    ? { ...options, returnDocument: options.returnDocument.toLowerCase() }
    : options;
}

function databaseOperations(db: Db): Record<string, Run> {
  return {
    aggregate: (args) => {
      const [{ pipeline }, options] = split(args, 'pipeline');
      return db.aggregate(pipeline, options).toArray();
    },
    runCommand: (args) => {
      const [{ command }, options] = split(args, 'command', 'commandName');
      return db.command(command, options);
    },
    listCollections: (args) => {
      const [{ filter }, options] = split(args, 'filter');
      return db.listCollections(filter, options).toArray();
    },
    dropCollection: ({ collection }) => db.dropCollection(String(collection)),
    createCollection: (args) => {
      const [{ collection }, options] = split(args, 'collection');
      return db.createCollection(collection, options);
    },
    modifyCollection: (args) => {
      const [{ collection }, options] = split(args, 'collection');
      return db.command({ collMod: collection, ...options });
    },
  };
}

function clientOperations(client: MongoClient): Record<string, Run> {
  return {
    clientBulkWrite: (args) => {
      const [{ models }, options] = split(args, 'models');
      const flat = (models as unknown as Json[]).map((model) => {
        const [[name, { namespace, ...rest }]] = Object.entries(model) as [[string, Json]];
        return { name, namespace, ...rest };
      });
      return client.bulkWrite(flat as never, options);
    },
  };
}

/** What a test asserts of the server between its operations, as seen by a client of the runner's own. */
const ASSERTIONS: Record<string, (admin: MongoClient, args: Json) => Promise<boolean>> = {
  assertCollectionExists: hasCollection,
  assertCollectionNotExists: async (admin, args) => !(await hasCollection(admin, args)),
  assertIndexExists: hasIndex,
  assertIndexNotExists: async (admin, args) => !(await hasIndex(admin, args)),
};

async function hasCollection(admin: MongoClient, { databaseName, collectionName }: Json): Promise<boolean> {
  const found = await admin.db(String(databaseName)).listCollections({ name: collectionName }).toArray();
  return found.length > 0;
}

async function hasIndex(admin: MongoClient, args: Json): Promise<boolean> {
  const collection = admin.db(String(args.databaseName)).collection(String(args.collectionName));
  return (await hasCollection(admin, args)) && collection.indexExists(String(args.indexName));
}

/** Whether `actual` is what the test expects. Root documents may have more fields. */
function matches(expected: unknown, actual: unknown, root = true): boolean {
  if (Array.isArray(expected))
    return (
      Array.isArray(actual) &&
      expected.length === actual.length &&
      expected.every((item, at) => matches(item, actual[at], root))
    );
  if (
    typeof expected === 'object' &&
    expected !== null &&
    !('_bsontype' in expected) &&
    !(expected instanceof Date)
  )
    return matchesDoc(expected as Json, actual, root);
  return isDeepStrictEqual(plain(expected), plain(actual));
}

function plain(value: unknown): unknown {
  return EJSON.parse(EJSON.stringify([value], { relaxed: true }));
}

function matchesDoc(expected: Json, actual: unknown, root: boolean): boolean {
  const [operator] = Object.keys(expected);
  if (operator === '$$unsetOrMatches')
    return actual === undefined || matches(expected[operator], actual, root);
  if (operator === '$$type') return actual !== undefined;
  if (operator === '$$exists') return (actual !== undefined) === expected[operator];
  if (typeof actual !== 'object' || actual === null) return false;
  const entries = Object.entries(expected);
  const doc = (actual instanceof Map ? Object.fromEntries(actual) : actual) as Json;
  const extra = (name: string): boolean =>
    !(name in expected) && doc[name] !== undefined && name !== 'didUpsert';
  if (!entries.every(([name, value]) => matches(value, doc[name], false))) return false;
  return root || !Object.keys(doc).some(extra);
}

function shown(value: unknown): string {
  return inspect(value, { depth: 8, breakLength: Infinity });
}

/** Why an error is not the one expected; undefined when it is. */
function wrongError(expected: Json, error: unknown): string | undefined {
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

function partialResult(error: unknown): unknown {
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

async function runTest(file: SpecFile, test: SpecTest, uri: string): Promise<string | undefined> {
  const entities = createEntities(file.createEntities ?? [], uri);
  const admin = new MongoClient(uri);
  try {
    for (const { databaseName, collectionName, documents, createOptions } of file.initialData ?? []) {
      const db = admin.db(databaseName);
      await db.dropCollection(collectionName);
      await db.createCollection(collectionName, createOptions ?? {});
      if (documents.length > 0)
        await db.collection(collectionName).insertMany(structuredCloneBson(documents));
    }
    for (const operation of test.operations) {
      const failure = await runOperation(entities, admin, operation);
      if (failure !== undefined) return `${operation.name}: ${failure}`;
    }
    for (const { databaseName, collectionName, documents } of test.outcome ?? []) {
      const found = await admin
        .db(databaseName)
        .collection(collectionName)
        .find({}, { sort: { _id: 1 } })
        .toArray();
      if (!matches(documents, found, false)) return `outcome: ${shown(found)}`;
    }
    return undefined;
  } finally {
    await Promise.all([...entities.clients.values(), admin].map((client) => client.close()));
  }
}

function structuredCloneBson(documents: Json[]): Json[] {
  return EJSON.parse(EJSON.stringify(documents, { relaxed: false }), { relaxed: true }) as Json[];
}

async function runOperation(
  entities: Entities,
  admin: MongoClient,
  operation: SpecTest['operations'][number],
): Promise<string | undefined> {
  const { name, object, arguments: given = {}, expectError, expectResult, ignoreResultAndError } = operation;
  if (object === 'testRunner') {
    const assertion = ASSERTIONS[name];
    if (assertion === undefined) throw new Unsupported(name);
    return (await assertion(admin, given)) ? undefined : 'does not hold';
  }
  const session = entities.sessions.get(String(given.session));
  const args = session === undefined ? given : { ...given, session };
  let result: unknown;
  try {
    result = await execute(entities, object, name, args);
  } catch (error) {
    if (error instanceof Unsupported) throw error;
    if (ignoreResultAndError === true) return undefined;
    return expectError === undefined ? `failed: ${String(error)}` : wrongError(expectError, error);
  }
  if (ignoreResultAndError === true) return undefined;
  if (expectError !== undefined) return `succeeded with ${shown(result)}`;
  if (expectResult === undefined || matches(expectResult, result)) return undefined;
  return `result ${shown(result)}`;
}

async function main(): Promise<void> {
  const specDir = process.env.CRUD_SPEC_DIR;
  if (specDir === undefined) throw new Error('set CRUD_SPEC_DIR to the folder source/crud/tests/unified');
  const [only = ''] = process.argv.slice(2);
  const dir = mkdtempSync(join(tmpdir(), 'crud-spec-'));
  const mongo = await EmbeddedMongo.start({ dir, persist: false });
  const uri = `mongodb://127.0.0.1:${mongo.port}`;
  const counts = new Map<string, number>();
  const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
  for (const name of readdirSync(specDir).filter((file) => file.endsWith('.json') && file.includes(only))) {
    const file = EJSON.parse(readFileSync(join(specDir, name), 'utf8'), { relaxed: true }) as SpecFile;
    for (const test of file.tests) {
      const reason =
        notApplicable(file.runOnRequirements) ??
        notApplicable(test.runOnRequirements) ??
        DRIVER_DIFFERS.find(([start]) => `${name}: ${test.description}`.startsWith(start))?.[1] ??
        test.skipReason;
      const verdict = reason === undefined ? await verdictOf(file, test, uri) : `not applicable: ${reason}`;
      count(verdict.split('\n')[0] as string);
      if (verdict.startsWith('failed'))
        process.stdout.write(`${name}: ${test.description}: ${verdict.slice(7)}\n`);
    }
  }
  await mongo.close();
  rmSync(dir, { recursive: true });
  for (const [what, number] of counts) process.stdout.write(`${number} ${what}\n`);
}

async function verdictOf(file: SpecFile, test: SpecTest, uri: string): Promise<string> {
  try {
    const failure = await runTest(file, test, uri);
    return failure === undefined ? 'passed' : `failed\n${failure}`;
  } catch (error) {
    if (error instanceof Unsupported) return `not applicable: needs ${error.message}`;
    return `failed\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}

await main();
