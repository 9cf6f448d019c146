import { decode, encode } from '../bson/codec.js';
import { toNumber, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { Collection, type CollectionMeta, type CollectionStore } from './collection.js';

/** Key of a collection's entry on disk: `c` and its namespace. */
const ENTRY = 'c';
const ID_INDEX: Doc = { v: 2, key: { _id: 1 }, name: '_id_' };

/** Which collections there are. A database is there while a collection of it is. */
export class Catalog {
  readonly #store: CollectionStore;
  readonly #collections = new Map<string, Collection>();
  #nextId = 1;

  constructor(store: CollectionStore) {
    this.#store = store;
    for (const [, raw] of [...store.storage.scan(ENTRY)]) this.#load(decode(raw));
  }

  #load(entry: Doc): void {
    const meta: CollectionMeta = {
      id: toNumber(entry.id) as number,
      namespace: entry.namespace as string,
      options: entry.options as Doc,
      indexes: entry.indexes as Doc[],
    };
    const collection = new Collection(meta, this.#store);
    collection.load();
    this.#collections.set(meta.namespace, collection);
    this.#nextId = Math.max(this.#nextId, meta.id + 1);
  }

  get(namespace: string): Collection | undefined {
    return this.#collections.get(namespace);
  }

  /** The collections of a database, by name. */
  of(database: string): readonly Collection[] {
    return [...this.#collections.values()]
      .filter(({ namespace }) => databaseOf(namespace) === database)
      .sort((a, b) => (a.namespace < b.namespace ? -1 : 1));
  }

  all(): Iterable<Collection> {
    return this.#collections.values();
  }

  databases(): readonly string[] {
    return [...new Set([...this.#collections.keys()].map(databaseOf))].sort();
  }

  getOrCreate(namespace: string): Collection {
    return this.#collections.get(namespace) ?? this.create(namespace, {});
  }

  /** Makes a collection that is not there. */
  create(namespace: string, options: Doc): Collection {
    checkNamespace(namespace);
    const collation = options.collation === undefined ? {} : { collation: options.collation };
    const meta = { id: this.#nextId++, namespace, options, indexes: [{ ...ID_INDEX, ...collation }] };
    const collection = new Collection(meta, this.#store);
    this.#collections.set(namespace, collection);
    this.save(collection);
    return collection;
  }

  drop(collection: Collection): void {
    collection.clear();
    this.#collections.delete(collection.namespace);
    this.#store.storage.delete(ENTRY + utf8(collection.namespace));
  }

  /** Gives a collection another name, in place of what had that name. */
  rename(collection: Collection, namespace: string): void {
    checkNamespace(namespace);
    const target = this.#collections.get(namespace);
    if (target !== undefined) this.drop(target);
    this.#collections.delete(collection.namespace);
    this.#store.storage.delete(ENTRY + utf8(collection.namespace));
    collection.meta = { ...collection.meta, namespace };
    this.#collections.set(namespace, collection);
    this.save(collection);
  }

  /** Writes down what has changed of a collection's definition. */
  save(collection: Collection): void {
    const { id, namespace, options, indexes } = collection.meta;
    this.#store.storage.put(ENTRY + utf8(namespace), encode({ id, namespace, options, indexes }));
  }
}

export function databaseOf(namespace: string): string {
  return namespace.slice(0, namespace.indexOf('.'));
}

export function collectionOf(namespace: string): string {
  return namespace.slice(namespace.indexOf('.') + 1);
}

/** MongoDB's limit for a namespace, in bytes. */
const MAX_NAMESPACE_BYTES = 255;

function checkNamespace(namespace: string): void {
  const collection = collectionOf(namespace);
  if (
    collection === '' ||
    collection.includes('\0') ||
    collection.includes('$') ||
    collection.startsWith('.')
  )
    fault(73, `Invalid namespace specified '${namespace}'`);
  if (Buffer.byteLength(namespace) > MAX_NAMESPACE_BYTES)
    fault(73, `Fully qualified namespace is too long. Namespace: ${namespace} Max: ${MAX_NAMESPACE_BYTES}`);
}

function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
