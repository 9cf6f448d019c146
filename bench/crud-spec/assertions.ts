import type { MongoClient } from 'mongodb';
import type { Json } from './spec-file.js';

/** What a test asserts of the server between its operations, as seen by a client of the runner's own. */
export const ASSERTIONS: Record<string, (admin: MongoClient, args: Json) => Promise<boolean>> = {
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
