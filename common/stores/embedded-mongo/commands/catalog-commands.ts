import { encode } from '../bson/codec.js';
import { Binary, Long, isDoc, toNumber, truthy, type Doc } from '../bson/types.js';
import { FIRST_BATCH } from '../cursors.js';
import { fault } from '../errors.js';
import { plainContext } from '../query/context.js';
import { compileFilter } from '../query/filter.js';
import { collectionOf } from '../storage/catalog.js';
import type { Collection } from '../storage/collection.js';
import type { Index } from '../storage/index.js';
import { boolArg, countArg, docArg, namespaceArg, stringArg } from './args.js';
import { command, type Command, type CommandRequest } from './command.js';
import { collectionStats } from './stats.js';

const CREATE_OPTIONS = [
  'capped',
  'size',
  'max',
  'autoIndexId',
  'idIndex',
  'validator',
  'validationLevel',
  'validationAction',
  'indexOptionDefaults',
  'collation',
  'storageEngine',
  'flags',
  'expireAfterSeconds',
  'changeStreamPreAndPostImages',
  'temp',
] as const;

/** Options that ask for a kind of collection the embedded server does not have. */
const UNSUPPORTED = ['viewOn', 'pipeline', 'timeseries', 'clusteredIndex', 'encryptedFields'] as const;

function create(request: CommandRequest): Doc {
  const { engine, body } = request;
  const namespace = namespaceArg(request);
  for (const option of UNSUPPORTED)
    if (body[option] !== undefined)
      fault(115, `create with '${option}' is not supported by the embedded server: use a real mongod`);
  const options: Doc = {};
  // An option that is off says as much as one that is not given, also when the two are compared.
  for (const name of CREATE_OPTIONS)
    if (body[name] !== undefined && body[name] !== false) options[name] = body[name];
  if (boolArg(body, 'capped') && !toNumber(body.size))
    fault(72, "the 'size' field is required when 'capped' is true");
  if (isDoc(options.validator)) compileFilter(options.validator, plainContext());
  const existing = engine.catalog.get(namespace);
  if (existing === undefined) engine.catalog.create(namespace, options);
  else if (!encode(existing.meta.options).equals(encode(options)))
    fault(48, `namespace ${namespace} already exists, but with different options`);
  return { ok: 1 };
}

function drop(request: CommandRequest): Doc {
  const { engine } = request;
  const namespace = namespaceArg(request);
  const collection = engine.catalog.get(namespace);
  // Since 7.0 dropping what is not there succeeds.
  if (collection === undefined) return { ok: 1 };
  const nIndexesWas = collection.indexes.length;
  engine.cursors.killNamespace(namespace);
  engine.catalog.drop(collection);
  return { nIndexesWas, ns: namespace, ok: 1 };
}

function dropDatabase({ engine, database }: CommandRequest): Doc {
  const collections = engine.catalog.of(database);
  for (const collection of collections) {
    engine.cursors.killNamespace(collection.namespace);
    engine.catalog.drop(collection);
  }
  return collections.length === 0 ? { ok: 1 } : { dropped: database, ok: 1 };
}

function renameCollection({ engine, body, database }: CommandRequest): Doc {
  if (database !== 'admin') fault(13, 'renameCollection may only be run against the admin database.');
  const from = stringArg(body, 'renameCollection');
  const to = stringArg(body, 'to');
  const source = engine.catalog.get(from);
  if (source === undefined) return fault(26, `Source collection ${from} does not exist`);
  if (from === to) fault(20, "Can't rename a collection to itself");
  if (engine.catalog.get(to) !== undefined && !boolArg(body, 'dropTarget'))
    fault(48, 'target namespace exists');
  engine.cursors.killNamespace(from);
  engine.cursors.killNamespace(to);
  engine.catalog.rename(source, to);
  return { ok: 1 };
}

function existing(request: CommandRequest): Collection {
  const namespace = namespaceArg(request);
  return request.engine.catalog.get(namespace) ?? fault(26, `ns does not exist: ${namespace}`);
}

function collMod(request: CommandRequest): Doc {
  const { body, engine } = request;
  const collection = existing(request);
  const changes: Doc = {};
  for (const name of [
    'validator',
    'validationLevel',
    'validationAction',
    'expireAfterSeconds',
    'changeStreamPreAndPostImages',
  ])
    if (body[name] !== undefined) changes[name] = body[name];
  if (isDoc(changes.validator)) compileFilter(changes.validator, plainContext());
  const reply = alterIndex(collection, docArg(body, 'index'));
  collection.meta = { ...collection.meta, options: { ...collection.meta.options, ...changes } };
  engine.catalog.save(collection);
  return { ...reply, ok: 1 };
}

function alterIndex(collection: Collection, change: Doc | undefined): Doc {
  if (change === undefined) return {};
  const index = collection.indexes.find(({ name, spec }) =>
    change.name === undefined
      ? JSON.stringify(spec.key) === JSON.stringify(change.keyPattern)
      : name === change.name,
  );
  if (index === undefined) return fault(27, `cannot find index for ns ${collection.namespace}`);
  const reply: Doc = {};
  const options: Doc = {};
  for (const option of ['expireAfterSeconds', 'hidden', 'prepareUnique']) {
    if (change[option] === undefined) continue;
    reply[`${option}_old`] = index.spec[option];
    reply[`${option}_new`] = change[option];
    options[option] = change[option];
  }
  if (truthy(change.unique) && index.spec.unique !== true) {
    checkConvertible(collection, index);
    // From here on `unique` says it all.
    Object.assign(options, { unique: true, prepareUnique: undefined });
    reply.unique_new = true;
  }
  collection.alterIndex(index.name, options);
  return reply;
}

/** An index becomes unique in two steps: first nothing new may be a duplicate, then nothing old. */
function checkConvertible(collection: Collection, index: Index): void {
  if (index.spec.prepareUnique !== true)
    fault(72, "Cannot make index unique with 'prepareUnique=false'. Run collMod to set it first.");
  const violations = index
    .duplicates()
    .map((records) => ({ ids: records.map((record) => collection.get(record)?._id) }));
  if (violations.length > 0)
    fault(
      359,
      'Cannot convert the index to unique. Please resolve conflicting documents before running collMod again.',
      { violations },
    );
}

function uuidOf(collection: Collection): Binary {
  // Any stable id will do: nothing looks records up by it.
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(collection.meta.id, 12);
  return new Binary(bytes, Binary.SUBTYPE_UUID);
}

function listCollections(request: CommandRequest): Doc {
  const { engine, body, database } = request;
  const nameOnly = boolArg(body, 'nameOnly');
  const matches = compileFilter(docArg(body, 'filter') ?? {}, plainContext(request.now));
  const docs = engine.catalog
    .of(database)
    .map((collection) => describeCollection(collection))
    .filter(matches)
    .map((doc) => encode(nameOnly ? { name: doc.name, type: doc.type } : doc));
  const batchSize = countArg(docArg(body, 'cursor') ?? {}, 'batchSize', FIRST_BATCH);
  const namespace = `${database}.$cmd.listCollections`;
  return { cursor: engine.cursors.open({ namespace, docs, batchSize }), ok: 1 };
}

function describeCollection(collection: Collection): Doc {
  const { namespace, options, indexes } = collection.meta;
  return {
    name: collectionOf(namespace),
    type: 'collection',
    options,
    info: { readOnly: false, uuid: uuidOf(collection) },
    idIndex: indexes[0],
  };
}

function listDatabases(request: CommandRequest): Doc {
  const { engine, body } = request;
  const matches = compileFilter(docArg(body, 'filter') ?? {}, plainContext(request.now));
  const databases = engine.catalog
    .databases()
    .map((name): Doc => {
      const collections = engine.catalog.of(name);
      const sizeOnDisk = collections.reduce((sum, { bytes }) => sum + bytes, 0);
      return {
        name,
        sizeOnDisk: Long.fromNumber(sizeOnDisk),
        empty: collections.every(({ count }) => count === 0),
      };
    })
    .filter(matches);
  if (boolArg(body, 'nameOnly')) return { databases: databases.map(({ name }) => ({ name })), ok: 1 };
  const totalSize = databases.reduce((sum, { sizeOnDisk }) => sum + Number(sizeOnDisk), 0);
  return {
    databases,
    totalSize: Long.fromNumber(totalSize),
    totalSizeMb: Long.fromNumber(Math.floor(totalSize / 2 ** 20)),
    ok: 1,
  };
}

function collStats(request: CommandRequest): Doc {
  const namespace = namespaceArg(request);
  const scale = toNumber(request.body.scale) ?? 1;
  const collection = request.engine.catalog.get(namespace);
  if (collection !== undefined) return { ns: namespace, ...collectionStats(collection, scale), ok: 1 };
  return {
    ns: namespace,
    size: 0,
    count: 0,
    storageSize: 0,
    totalSize: 0,
    nindexes: 0,
    totalIndexSize: 0,
    indexDetails: {},
    indexSizes: {},
    scaleFactor: scale,
    ok: 1,
  };
}

function dbStats({ engine, database, body }: CommandRequest): Doc {
  const scale = toNumber(body.scale) ?? 1;
  const collections = engine.catalog.of(database);
  const objects = collections.reduce((sum, { count }) => sum + count, 0);
  const dataSize = collections.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    db: database,
    collections: collections.length,
    views: 0,
    objects,
    avgObjSize: objects === 0 ? 0 : dataSize / objects,
    dataSize: Math.floor(dataSize / scale),
    storageSize: Math.floor(dataSize / scale),
    indexes: collections.reduce((sum, { indexes }) => sum + indexes.length, 0),
    indexSize: 0,
    totalSize: Math.floor(dataSize / scale),
    scaleFactor: scale,
    ok: 1,
  };
}

function validate(request: CommandRequest): Doc {
  const collection = existing(request);
  return {
    ns: collection.namespace,
    nInvalidDocuments: 0,
    nrecords: collection.count,
    nIndexes: collection.indexes.length,
    keysPerIndex: Object.fromEntries(collection.indexes.map(({ name, keys }) => [name, keys.size])),
    valid: true,
    warnings: [],
    errors: [],
    ok: 1,
  };
}

export const CATALOG_COMMANDS: Readonly<Record<string, Command>> = {
  create: command([...CREATE_OPTIONS, ...UNSUPPORTED], create),
  drop: command([], drop),
  dropDatabase: command([], dropDatabase),
  renameCollection: command(['to', 'dropTarget', 'stayTemp'], renameCollection),
  collMod: command(undefined, collMod),
  listCollections: command(['filter', 'nameOnly', 'cursor', 'authorizedCollections'], listCollections),
  listDatabases: command(['filter', 'nameOnly', 'authorizedDatabases'], listDatabases),
  collStats: command(undefined, collStats),
  dbStats: command(undefined, dbStats),
  dbstats: command(undefined, dbStats),
  validate: command(undefined, validate),
};
