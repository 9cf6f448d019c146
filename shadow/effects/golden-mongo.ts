import { MongoClient } from 'mongodb';
import type { EffectValue } from '../arms-contract.js';
import { definitionOf, split } from './mongo-catalog.js';
import { idOfDocument } from './mongo-value.js';

/** A collection's documents by the text of their ids. */
export type DocumentIds = ReadonlyMap<string, Uint8Array>;

/**
 * What every arm began with, read from golden once a collection and shared by the arms. Nobody writes golden. The owner
 * must `close()` it.
 */
export class GoldenMongo {
  readonly #client: MongoClient;
  readonly #documents = new Map<string, Promise<DocumentIds>>();
  readonly #definitions = new Map<string, Promise<EffectValue | undefined>>();

  private constructor(client: MongoClient) {
    this.#client = client;
  }

  static async open(uri: string): Promise<GoldenMongo> {
    const client = new MongoClient(uri, { appName: 'dharma-golden', maxPoolSize: 4 });
    await client.connect();
    return new GoldenMongo(client);
  }

  documents(namespace: string): Promise<DocumentIds> {
    return remembered(this.#documents, namespace, () => this.#read(namespace));
  }

  definition(namespace: string): Promise<EffectValue | undefined> {
    return remembered(this.#definitions, namespace, () => definitionOf(this.#client, namespace));
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #read(namespace: string): Promise<DocumentIds> {
    const documents = new Map<string, Uint8Array>();
    const [database, collection] = split(namespace);
    for await (const document of this.#client.db(database).collection(collection).find({}, { raw: true })) {
      // `raw` makes the driver hand over bytes; its types do not say so. Copied out of the reply they are a part of.
      const raw = Buffer.from(document as unknown as Uint8Array);
      documents.set(idOfDocument(raw), raw);
    }
    return documents;
  }
}

function remembered<T>(cache: Map<string, Promise<T>>, key: string, read: () => Promise<T>): Promise<T> {
  let value = cache.get(key);
  if (value === undefined) {
    value = read();
    cache.set(key, value);
  }
  return value;
}
