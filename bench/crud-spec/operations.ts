import type { MongoClient, Collection, Db } from 'mongodb';
import type { Json } from './spec-file.js';
import type { Entities } from './entities.js';

type Run = (args: Json) => Promise<unknown>;

/** Calls the driver's method of an operation, with its arguments in the driver's order. */
export async function execute(
  entities: Entities,
  object: string,
  name: string,
  args: Json,
): Promise<unknown> {
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

export class Unsupported extends Error {}

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
