import { MongoClient, type ClientSession, type Collection, type Db } from 'mongodb';
import type { Json } from './spec-file.js';

export interface Entities {
  clients: Map<string, MongoClient>;
  databases: Map<string, Db>;
  collections: Map<string, Collection>;
  sessions: Map<string, ClientSession>;
}

export function createEntities(specs: Json[], uri: string): Entities {
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
