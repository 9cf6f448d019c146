import type { Document, MongoClient } from 'mongodb';
import type { EffectValue } from '../arms-contract.js';

/** `db.collection` into its two names. */
export function split(namespace: string): [database: string, collection: string] {
  const dot = namespace.indexOf('.');
  return [namespace.slice(0, dot), namespace.slice(dot + 1)];
}

/** Whether a namespace is the server's own affair, and no effect of an app's. */
export function isServers(namespace: string): boolean {
  const [database, collection] = split(namespace);
  return ['admin', 'local', 'config'].includes(database) || collection.startsWith('system.');
}

/** Indexes by name, and the collection's options; undefined when there is none of that name. */
export async function definitionOf(client: MongoClient, namespace: string): Promise<EffectValue | undefined> {
  const [database, name] = split(namespace);
  const [info] = await client.db(database).listCollections({ name }).toArray();
  if (info === undefined) return undefined;
  const { options } = info as { options?: Document };
  if (info.type === 'view') return asJson({ view: options ?? {} });
  const indexes = await client.db(database).collection(name).listIndexes().toArray();
  const byName = Object.fromEntries(
    (indexes as Document[]).map(({ name: index, v: _version, ns: _ns, key, ...rest }) => [
      String(index),
      // The order of an index's keys matters, which an object does not show.
      { ...rest, key: Object.entries(key as Document).map(([field, kind]) => `${field}:${String(kind)}`) },
    ]),
  );
  return asJson({ indexes: byName, options: options ?? {} });
}

function asJson(value: Document): EffectValue {
  return JSON.parse(JSON.stringify(value)) as EffectValue;
}
