import { encode } from '../bson/codec.js';
import { isDoc, type Doc } from '../bson/types.js';
import { FIRST_BATCH } from '../cursors.js';
import { fault } from '../errors.js';
import type { Collection } from '../storage/collection.js';
import { normalizeIndexSpec } from '../storage/index.js';
import { arrayArg, countArg, docArg, namespaceArg, numbersOf } from './args.js';
import { command, type Command, type CommandRequest } from './command.js';

/** mongod's limit. */
const MAX_INDEXES = 64;

function createIndexes(request: CommandRequest): Doc {
  const { engine, body } = request;
  const namespace = namespaceArg(request);
  const specs = arrayArg(body, 'indexes').map((spec) =>
    isDoc(spec) ? normalizeIndexSpec(spec) : fault(14, 'each index must be an object'),
  );
  if (specs.length === 0) fault(2, 'Must specify at least one index to create');
  const createdCollectionAutomatically = engine.catalog.get(namespace) === undefined;
  const collection = engine.catalog.getOrCreate(namespace);
  const before = collection.indexes.length;
  const made: string[] = [];
  try {
    for (const spec of specs) {
      if (alreadyThere(collection, spec)) continue;
      if (collection.indexes.length >= MAX_INDEXES)
        fault(67, `add index fails, too many indexes for ${namespace}`);
      collection.createIndex(spec);
      made.push(spec.name as string);
    }
  } catch (error) {
    for (const name of made) collection.dropIndex(name);
    throw error;
  }
  if (made.length > 0) engine.catalog.save(collection);
  return {
    numIndexesBefore: before,
    numIndexesAfter: collection.indexes.length,
    createdCollectionAutomatically,
    ...(made.length === 0 ? { note: 'all indexes already exist' } : {}),
    ok: 1,
  };
}

/** Whether the very same index is there; a fault when one like it but not the same is. */
function alreadyThere(collection: Collection, spec: Doc): boolean {
  const key = patternText(spec.key as Doc);
  if (key === patternText({ _id: 1 })) return true;
  for (const { name, spec: other } of collection.indexes) {
    const sameKey = patternText(other.key as Doc) === key && sameKind(spec, other);
    if (name !== spec.name) {
      if (sameKey) fault(85, `Index already exists with a different name: ${name}`);
      continue;
    }
    if (!sameKey)
      fault(
        86,
        `An existing index has the same name as the requested index. When index names are not specified, they are auto generated and can cause conflicts. Please refer to our documentation. Requested index: ${JSON.stringify(spec)}, existing index: ${JSON.stringify(other)}`,
      );
    if (!sameOptions(spec, other))
      fault(
        85,
        `An equivalent index already exists with the same name but different options. Requested index: ${JSON.stringify(spec)}, existing index: ${JSON.stringify(other)}`,
      );
    return true;
  }
  return false;
}

function patternText(pattern: Doc): string {
  return JSON.stringify(numbersOf(pattern));
}

/** Options that make two indexes on the same fields different ones. */
function sameKind(a: Doc, b: Doc): boolean {
  return ['collation', 'partialFilterExpression', 'unique', 'sparse'].every(
    (option) => JSON.stringify(a[option] || undefined) === JSON.stringify(b[option] || undefined),
  );
}

function sameOptions(a: Doc, b: Doc): boolean {
  return JSON.stringify(a.expireAfterSeconds) === JSON.stringify(b.expireAfterSeconds);
}

function dropIndexes(request: CommandRequest): Doc {
  const { engine, body } = request;
  const namespace = namespaceArg(request);
  const collection = engine.catalog.get(namespace);
  if (collection === undefined) return fault(26, `ns not found ${namespace}`);
  const nIndexesWas = collection.indexes.length;
  for (const name of indexesToDrop(collection, body.index)) collection.dropIndex(name);
  engine.catalog.save(collection);
  return { nIndexesWas, ok: 1 };
}

function indexesToDrop(collection: Collection, wanted: unknown): readonly string[] {
  if (wanted === '*') return collection.indexes.map(({ name }) => name).filter((name) => name !== '_id_');
  const list: readonly unknown[] = Array.isArray(wanted) ? wanted : [wanted];
  return list.map((item) => {
    const found = isDoc(item)
      ? collection.indexes.find(({ spec }) => patternText(spec.key as Doc) === patternText(item))
      : collection.index(String(item));
    if (found === undefined)
      return fault(
        27,
        isDoc(item)
          ? `can't find index with key: ${JSON.stringify(item)}`
          : `index not found with name [${String(item)}]`,
      );
    if (found.name === '_id_') return fault(72, 'cannot drop _id index');
    return found.name;
  });
}

function listIndexes(request: CommandRequest): Doc {
  const { engine, body } = request;
  const namespace = namespaceArg(request);
  const collection = engine.catalog.get(namespace);
  if (collection === undefined) return fault(26, `ns does not exist: ${namespace}`);
  const batchSize = countArg(docArg(body, 'cursor') ?? {}, 'batchSize', FIRST_BATCH);
  const docs = collection.indexes.map(({ spec }) => encode(spec));
  return { cursor: engine.cursors.open({ namespace, docs, batchSize }), ok: 1 };
}

export const INDEX_COMMANDS: Readonly<Record<string, Command>> = {
  createIndexes: command(['indexes', 'commitQuorum', 'ignoreUnknownIndexOptions'], createIndexes),
  dropIndexes: command(['index'], dropIndexes),
  deleteIndexes: command(['index'], dropIndexes),
  listIndexes: command(['cursor'], listIndexes),
};
