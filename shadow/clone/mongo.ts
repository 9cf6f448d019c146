import { MongoClient, type Collection, type Db, type Document } from 'mongodb';
import { DharmaError, messageOf, throwIfAborted } from '../../common/index.js';
import type { CloneOptions, CloneSummary } from './progress.js';
import type { MongoSize } from '../room/sizes.js';
import { RawInserter, type RawWriteError } from './raw-insert.js';

/** One insert's size: far under the server's 48 MB message, large enough that round trips do not count. */
const BATCH_BYTES = 4 * 1024 * 1024;
const BATCH_DOCUMENTS = 1000;

/** Keeps int, long and double, and a regular expression's own options, apart. */
const LOSSLESS = { promoteValues: false, promoteLongs: false, bsonRegExp: true } as const;

const DUPLICATE_KEY = 11000;

interface CollectionInfo {
  readonly name: string;
  readonly type: string;
  readonly options: Document;
}

/**
 * Copies databases from `from` (only read) into the empty `to`: collections with their options, documents as the
 * bytes they are, in their natural order, indexes with all their options, views.
 * `databases`: default the one the URI names, else all but the server's own.
 * A document is of one moment; two may be of different moments when others write meanwhile.
 * Errors: STORE_UNREACHABLE, CLONE_FAILED.
 */
export async function cloneMongo(
  from: string,
  to: string,
  options: CloneOptions & { readonly databases?: readonly string[] },
): Promise<CloneSummary> {
  await using source = await openMongo(from, 'live');
  await using target = await openMongo(to, 'golden');
  const inserter = await RawInserter.connect(to);
  try {
    const databases = options.databases ?? (await databasesOf(source.client, from));
    return await new MongoClone(source.client, target.client, inserter, options).run(databases);
  } finally {
    inserter.close();
  }
}

/** How much the databases to be copied hold, for telling beforehand whether a copy fits. Error: STORE_UNREACHABLE. */
export async function measureMongo(uri: string, databases?: readonly string[]): Promise<MongoSize> {
  await using live = await openMongo(uri, 'live');
  const size = { dataBytes: 0, storageBytes: 0, documents: 0, indexEntries: 0 };
  for (const name of databases ?? (await databasesOf(live.client, uri))) {
    const stats = await live.client.db(name).stats();
    const count = (field: string): number => Number(stats[field] ?? 0);
    size.dataBytes += count('dataSize');
    size.storageBytes += count('storageSize') + count('indexSize');
    size.documents += count('objects');
    // How many documents each index covers is not told in one command: as if all collections were of one size.
    const others = Math.max(0, count('indexes') - count('collections'));
    size.indexEntries += (count('objects') * others) / Math.max(1, count('collections'));
  }
  return size;
}

/** The database a URI names, or undefined. */
export function databaseInUri(uri: string): string | undefined {
  const name = /^mongodb(?:\+srv)?:\/\/[^/]*\/([^?]+)/.exec(uri)?.[1];
  return name === undefined ? undefined : decodeURIComponent(name);
}

/** The databases an app with this URI is taken to use: the named one, else all but the server's own. */
export async function databasesOf(client: MongoClient, uri: string): Promise<string[]> {
  const named = databaseInUri(uri);
  if (named !== undefined) return [named];
  const { databases } = await client.db('admin').admin().listDatabases({ nameOnly: true });
  return databases.map((d) => d.name).filter((name) => !['admin', 'local', 'config'].includes(name));
}

async function openMongo(uri: string, role: string): Promise<{ client: MongoClient } & AsyncDisposable> {
  // 5 s: a store that is up answers its hello in milliseconds, and an operator waits for this answer.
  const client = new MongoClient(uri, { appName: 'dharma-shadow', serverSelectionTimeoutMS: 5000 });
  try {
    await client.connect();
  } catch (error) {
    await client.close();
    throw new DharmaError({
      code: 'STORE_UNREACHABLE',
      message: `cannot reach ${role}'s Mongo: ${messageOf(error)}`,
      remedy: 'Check that the server runs and that its URI and password are right.',
      httpStatus: 503,
      cause: error,
    });
  }
  return { client, [Symbol.asyncDispose]: () => client.close() };
}

class MongoClone {
  readonly #source: MongoClient;
  readonly #target: MongoClient;
  readonly #inserter: RawInserter;
  readonly #options: CloneOptions;
  readonly #caveats = [
    'Mongo: each document is of one moment, but documents written while the copy ran may be of different moments.',
  ];
  #items = 0;
  #bytes = 0;
  #totalItems = 0;
  #conflicts = 0;

  constructor(source: MongoClient, target: MongoClient, inserter: RawInserter, options: CloneOptions) {
    this.#source = source;
    this.#target = target;
    this.#inserter = inserter;
    this.#options = options;
  }

  async run(databases: readonly string[]): Promise<CloneSummary> {
    const plans = [];
    for (const name of databases) {
      const infos = await collectionsOf(this.#source.db(name));
      const kept = infos.filter((info) => !info.name.startsWith('system.'));
      if (infos.some((info) => info.name === 'system.js'))
        this.#caveats.push(`Mongo: functions stored in ${name}.system.js were not copied.`);
      for (const info of kept)
        if (info.type !== 'view')
          this.#totalItems += await this.#source.db(name).collection(info.name).estimatedDocumentCount();
      plans.push({ name, kept });
    }
    for (const { name, kept } of plans) await this.#database(name, kept);
    if (this.#conflicts > 0)
      this.#caveats.push(
        `Mongo: ${this.#conflicts} documents broke a unique index with one another, since they were of different moments; the later one was kept.`,
      );
    return { items: this.#items, bytes: this.#bytes, caveats: this.#caveats };
  }

  async #database(name: string, infos: readonly CollectionInfo[]): Promise<void> {
    const target = this.#target.db(name);
    for (const info of infos.filter((i) => i.type !== 'view')) {
      throwIfAborted(this.#options.signal);
      await target.command({ create: info.name, ...info.options });
      await this.#collection(name, info);
    }
    for (const view of infos.filter((i) => i.type === 'view'))
      await target.command({ create: view.name, ...view.options });
  }

  async #collection(database: string, info: CollectionInfo): Promise<void> {
    const source = this.#source.db(database).collection(info.name);
    const indexes = await indexesOf(source);
    // Unique ones first, so that documents of different moments cannot break them; the rest is built faster at the end.
    const unique = indexes.filter((index) => index.unique === true);
    await this.#createIndexes(database, info.name, unique);
    await this.#documents(source, database, info.name);
    await this.#createIndexes(
      database,
      info.name,
      indexes.filter((index) => index.unique !== true),
    );
  }

  async #createIndexes(database: string, collection: string, indexes: readonly Document[]): Promise<void> {
    if (indexes.length === 0) return;
    await this.#target.db(database).command({ createIndexes: collection, indexes });
  }

  /** Reads the next batch while the last one is written: two batches in memory at most. */
  async #documents(source: Collection, database: string, collection: string): Promise<void> {
    let written: Promise<void> = Promise.resolve();
    let batch: Uint8Array[] = [];
    let bytes = 0;
    const flush = async (): Promise<void> => {
      throwIfAborted(this.#options.signal);
      await written;
      written = this.#write(database, collection, batch, bytes);
      // A rejection is thrown at the next await; until then it must not count as unhandled.
      written.catch(() => undefined);
      batch = [];
      bytes = 0;
    };
    const cursor = source.find({}, { raw: true });
    try {
      for await (const document of cursor) {
        // `raw` makes the driver hand over bytes; its types do not say so. A view into its reply's buffer.
        const raw = document as unknown as Uint8Array;
        batch.push(raw);
        bytes += raw.length;
        if (bytes >= BATCH_BYTES || batch.length >= BATCH_DOCUMENTS) await flush();
      }
    } finally {
      await cursor.close();
    }
    if (batch.length > 0) await flush();
    await written;
  }

  async #write(
    database: string,
    collection: string,
    batch: readonly Uint8Array[],
    bytes: number,
  ): Promise<void> {
    const errors = await this.#inserter.insert(database, collection, batch);
    for (const error of errors) await this.#resolveConflict(database, collection, batch[error.index]!, error);
    this.#items += batch.length;
    this.#bytes += bytes;
    this.#options.onProgress?.({
      store: 'mongo',
      scope: `${database}.${collection}`,
      items: this.#items,
      totalItems: Math.max(this.#totalItems, this.#items),
      bytes: this.#bytes,
    });
  }

  /** Two documents of different moments hold the same unique key: the one read later is the truer one. */
  async #resolveConflict(
    database: string,
    collection: string,
    document: Uint8Array,
    first: RawWriteError,
  ): Promise<void> {
    this.#conflicts += 1;
    // Each turn removes one older document; more turns than a collection can have unique indexes (64) cannot be needed.
    for (let error: RawWriteError | undefined = first, turn = 0; error !== undefined; turn++) {
      if (error.code !== DUPLICATE_KEY || error.keyValue === undefined || turn > 64)
        throw new DharmaError({
          code: 'CLONE_FAILED',
          message: `a document of ${database}.${collection} could not be copied: ${error.errmsg}`,
          found: `error ${error.code}`,
          remedy: 'Check that the copy runs the same Mongo version as live.',
        });
      await this.#target.db(database).collection(collection).deleteOne(error.keyValue);
      [error] = await this.#inserter.insert(database, collection, [document]);
    }
  }
}

async function collectionsOf(db: Db): Promise<CollectionInfo[]> {
  const infos = await db.listCollections({}, { ...LOSSLESS, nameOnly: false }).toArray();
  return infos.map((info) => ({
    name: info.name,
    type: info.type ?? 'collection',
    options: (info as { options?: Document }).options ?? {},
  }));
}

/** Specifications as createIndexes takes them; without the one on _id, which every collection has. */
async function indexesOf(collection: Collection): Promise<Document[]> {
  const indexes = await collection.listIndexes(LOSSLESS).toArray();
  return (indexes as Document[])
    .filter((index) => index.name !== '_id_' && index.clustered !== true)
    .map((index) => Object.fromEntries(Object.entries(index).filter(([key]) => key !== 'ns')));
}
