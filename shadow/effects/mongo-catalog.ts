import type { Document, MongoClient } from 'mongodb';
import type { EffectValue } from '../arms-contract.js';
import { databasesOf } from '../clone/mongo.js';

/** `db.collection` into its two names. */
export function split(namespace: string): [database: string, collection: string] {
  const dot = namespace.indexOf('.');
  return [namespace.slice(0, dot), namespace.slice(dot + 1)];
}

/** Every collection of the app's, as `db.collection`; views and the server's own left out. */
export async function namespacesOf(client: MongoClient): Promise<string[]> {
  const found: string[] = [];
  for (const database of await databasesOf(client, '')) {
    const collections = await client.db(database).listCollections({}, { nameOnly: true }).toArray();
    for (const { name, type } of collections)
      if (type !== 'view' && !name.startsWith('system.')) found.push(`${database}.${name}`);
  }
  return found;
}

/** Indexes by name, and the collection's options; undefined when there is none of that name. */
export async function definitionOf(client: MongoClient, namespace: string): Promise<EffectValue | undefined> {
  const [database, name] = split(namespace);
  const [info] = await client.db(database).listCollections({ name }).toArray();
  if (info === undefined) return undefined;
  const indexes = await client.db(database).collection(name).listIndexes().toArray();
  const { options } = info as { options?: Document };
  const byName = Object.fromEntries(
    (indexes as Document[]).map(({ name: index, v: _version, ns: _ns, key, ...rest }) => [
      String(index),
      // The order of an index's keys matters, which an object does not show.
      { ...rest, key: Object.entries(key as Document).map(([field, kind]) => `${field}:${String(kind)}`) },
    ]),
  );
  return JSON.parse(JSON.stringify({ indexes: byName, options: options ?? {} })) as EffectValue;
}
