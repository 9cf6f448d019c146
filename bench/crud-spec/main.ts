/**
 * Runs MongoDB's published CRUD tests in the unified format (https://github.com/mongodb/specifications, folder
 * source/crud/tests/unified) against the embedded Mongo, with the official driver, over TCP. By hand:
 *
 *     CRUD_SPEC_DIR=…/source/crud/tests/unified node dist/bench/crud-spec/main.js [part of a file's name]
 *
 * The other folders' tests of what the server has (collection-management, versioned-api, sessions, …) run the same way.
 *
 * Checked are each operation's result or error and the final contents of the collections. What the driver sends
 * (`expectEvents`) is the driver's concern and is not looked at.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EJSON } from 'bson';
import { MongoClient } from 'mongodb';
import { EmbeddedMongo } from '../../common/stores/embedded-mongo/server.js';
import { type Json, type SpecFile, type SpecTest, notApplicable } from './spec-file.js';
import { type Entities, createEntities } from './entities.js';
import { Unsupported, execute } from './operations.js';
import { matches, shown } from './matches.js';
import { wrongError } from './errors.js';
import { ASSERTIONS } from './assertions.js';

/** Tests that this driver cannot pass with any server. */
const DRIVER_DIFFERS: readonly (readonly [string, string])[] = [
  ['create-null-ids.json', 'the driver replaces an _id of null'],
  ['client-bulkWrite-partialResults.json: partialResult is unset', 'the driver always sets partialResult'],
];

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
