import { keyString } from '../bson/keystring.js';
import { ObjectId, type Doc } from '../bson/types.js';
import { compilePipelineUpdate } from '../aggregate/update-pipeline.js';
import type { MergeOptions, StageWriter } from '../aggregate/stage.js';
import type { Engine } from '../engine.js';
import { fault } from '../errors.js';
import { plainContext, type QueryContext } from '../query/context.js';
import { findIds } from '../query/execute.js';
import { collectionOf, databaseOf } from '../storage/catalog.js';
import { encodeForStorage, type Collection } from '../storage/collection.js';

/** Where `$out` and `$merge` write. */
export function stageWriter(engine: Engine, bypassValidation: boolean): StageWriter {
  return {
    replaceAll: (namespace, docs) => replaceAll(engine, namespace, docs, bypassValidation),
    merge: (namespace, docs, options) => {
      const target = engine.catalog.getOrCreate(namespace);
      for (const doc of docs) mergeOne(target, doc, options, bypassValidation);
    },
  };
}

/** `$out`: another collection, with the old one's options and indexes, takes the name once it is complete. */
function replaceAll(
  engine: Engine,
  namespace: string,
  docs: readonly Doc[],
  bypassValidation: boolean,
): void {
  const { catalog } = engine;
  const old = catalog.get(namespace);
  const temporary =
    `${databaseOf(namespace)}.tmp.agg_out.${new ObjectId().toHexString()}.${collectionOf(namespace)}`.slice(
      0,
      250,
    );
  const made = catalog.create(temporary, old?.meta.options ?? {});
  try {
    for (const spec of old?.meta.indexes ?? []) if (spec.name !== '_id_') made.createIndex(spec);
    for (const doc of docs) {
      const complete = Object.hasOwn(doc, '_id') ? doc : { _id: new ObjectId(), ...doc };
      made.insert(complete, encodeForStorage(complete), bypassValidation);
    }
  } catch (error) {
    catalog.drop(made);
    throw error;
  }
  engine.cursors.killNamespace(namespace);
  catalog.rename(made, namespace);
}

function mergeOne(target: Collection, given: Doc, options: MergeOptions, bypassValidation: boolean): void {
  const { on, whenMatched, whenNotMatched, context } = options;
  const doc = Object.hasOwn(given, '_id') ? given : { _id: new ObjectId(), ...given };
  checkOnFields(target, on);
  const filter = Object.fromEntries(on.map((name) => [name, { $eq: doc[name] ?? null }]));
  const [id] = findIds(target, { filter, sort: [], skip: 0, limit: 1, context: plainContext(context.now) });
  // To fail on a match is to insert, and let the unique index speak.
  if (id === undefined || whenMatched === 'fail') {
    if (id === undefined && whenNotMatched === 'fail')
      fault(
        13113,
        '$merge could not find a matching document in the target collection for at least one document in the source collection',
      );
    if (whenNotMatched === 'insert' || id !== undefined)
      target.insert(doc, encodeForStorage(doc), bypassValidation);
    return;
  }
  const before = target.get(id) as Doc;
  const after = mergedDoc(before, doc, whenMatched, context);
  if (after === before) return;
  const complete = { ...after, _id: before._id };
  if (keyString(after._id ?? before._id) !== keyString(before._id))
    fault(
      66,
      '$merge failed to update the matching document, did you attempt to modify the _id or the shard key?',
    );
  target.replace(id, complete, encodeForStorage(complete), bypassValidation);
}

function checkOnFields(target: Collection, on: readonly string[]): void {
  if (on.length === 1 && on[0] === '_id') return;
  const wanted = [...on].sort().join();
  const found = target.indexes.some(
    ({ unique, fields }) =>
      unique &&
      fields
        .map(({ name }) => name)
        .sort()
        .join() === wanted,
  );
  if (!found) fault(51183, 'Cannot find index to verify that join fields will be unique');
}

function mergedDoc(before: Doc, doc: Doc, whenMatched: unknown, context: QueryContext): Doc {
  if (Array.isArray(whenMatched)) return compilePipelineUpdate(whenMatched, context)(before);
  switch (whenMatched) {
    case 'replace':
      return doc;
    case 'merge':
      return { ...before, ...doc };
    case 'keepExisting':
      return before;
    default:
      throw new Error(`whenMatched ${String(whenMatched)} was not handled`);
  }
}
