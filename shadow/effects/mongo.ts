import { isDeepStrictEqual } from 'node:util';
import { MongoClient, type Document } from 'mongodb';
import type { EffectEntry, EffectValue } from '../arms-contract.js';
import type { DocumentIds, GoldenMongo } from './golden-mongo.js';
import { definitionOf, isServers, split } from './mongo-catalog.js';
import { idOfDocument, valueOfDocument } from './mongo-value.js';

/** Collections larger than this, bytes, are not read whole at each quiet point: the report says so. */
export const MAX_READ_BYTES = 32 * 1024 * 1024;

/** What one collection of the arm holds that golden does not hold in the same way. */
interface Overlay {
  /** Documents changed or added, by id; undefined: deleted. */
  readonly documents: Map<string, Uint8Array | undefined>;
  /** Indexes and options at the last reading; undefined: there was no such collection. */
  definition: EffectValue | undefined;
}

/**
 * What an app changes in its mirror Mongo: the collections that were written since the last reading are read and compared
 * with what they held, which is golden's documents and this arm's own changes over them. The owner must `close()` it.
 */
export class MongoEffects {
  readonly #client: MongoClient;
  readonly #golden: GoldenMongo;
  /** The database the app's URI names: its collections stand without a prefix. */
  readonly #home: string | undefined;
  readonly #overlays = new Map<string, Overlay>();
  readonly #notRead = new Set<string>();
  #writes: ReadonlyMap<string, number> = new Map();

  private constructor(client: MongoClient, golden: GoldenMongo, home: string | undefined) {
    this.#client = client;
    this.#golden = golden;
    this.#home = home;
  }

  /** Begins to watch; what is written from now on is told. */
  static async start(uri: string, golden: GoldenMongo, home: string | undefined): Promise<MongoEffects> {
    const client = new MongoClient(uri, { appName: 'dharma-effects', maxPoolSize: 4 });
    const effects = new MongoEffects(client, golden, home);
    try {
      await client.connect();
      effects.#writes = await effects.#writeCounts();
    } catch (error) {
      await effects.close();
      throw error;
    }
    return effects;
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  /** Why something is not read, one line each. */
  get notRead(): readonly string[] {
    return [...this.#notRead];
  }

  /** What changed since the last call; documents of a collection in their natural order. */
  async collect(): Promise<EffectEntry[]> {
    const before = this.#writes;
    const now = await this.#writeCounts();
    this.#writes = now;
    const namespaces = [...new Set([...before.keys(), ...now.keys()])].sort();
    const written = namespaces.filter((namespace) => before.get(namespace) !== now.get(namespace));
    return (await Promise.all(written.map((namespace) => this.#changesOf(namespace)))).flat();
  }

  /** How often each collection was written, as the server counts it: one command, whatever it stores. */
  async #writeCounts(): Promise<ReadonlyMap<string, number>> {
    const { totals } = (await this.#client.db('admin').command({ top: 1 })) as { totals: Document };
    return new Map(
      Object.entries(totals).flatMap(([namespace, counters]): [string, number][] => {
        const { writeLock } = counters as { writeLock?: { count: number } };
        return writeLock === undefined || isServers(namespace) ? [] : [[namespace, Number(writeLock.count)]];
      }),
    );
  }

  async #changesOf(namespace: string): Promise<EffectEntry[]> {
    const overlay = await this.#overlayOf(namespace);
    const entries = await this.#definitionChange(namespace, overlay);
    const { view } = (overlay.definition ?? {}) as { readonly view?: EffectValue };
    if (view !== undefined || (await this.#tooLarge(namespace))) return entries;
    return [...entries, ...(await this.#documentChanges(namespace, overlay))];
  }

  async #overlayOf(namespace: string): Promise<Overlay> {
    let overlay = this.#overlays.get(namespace);
    if (overlay === undefined) {
      const definition = await this.#golden.definition(namespace);
      overlay = { documents: new Map(), definition };
      this.#overlays.set(namespace, overlay);
    }
    return overlay;
  }

  async #definitionChange(namespace: string, overlay: Overlay): Promise<EffectEntry[]> {
    const before = overlay.definition;
    const after = await definitionOf(this.#client, namespace);
    if (isDeepStrictEqual(before, after)) return [];
    overlay.definition = after;
    return [{ store: 'mongo', key: [this.#shown(namespace), '#indexes'], before, after }];
  }

  async #tooLarge(namespace: string): Promise<boolean> {
    const [database, collection] = split(namespace);
    const [stats] = await this.#client
      .db(database)
      .collection(collection)
      .aggregate([{ $collStats: { storageStats: {} } }])
      .toArray()
      .catch(() => []); // It was dropped meanwhile, or the server has no such stage: then it is read.
    const bytes = Number((stats?.storageStats as Document | undefined)?.size ?? 0);
    if (bytes <= MAX_READ_BYTES) return false;
    this.#notRead.add(
      `mongo ${this.#shown(namespace)}: ${Math.round(bytes / 2 ** 20)} MB, too large to be read at each quiet point`,
    );
    return true;
  }

  async #documentChanges(namespace: string, overlay: Overlay): Promise<EffectEntry[]> {
    const golden = await this.#golden.documents(namespace);
    const entries: EffectEntry[] = [];
    const seen = new Set<string>();
    const [database, collection] = split(namespace);
    const cursor = this.#client.db(database).collection(collection).find({}, { raw: true });
    for await (const document of cursor) {
      // `raw` makes the driver hand over bytes; its types do not say so.
      const raw = document as unknown as Uint8Array;
      const id = idOfDocument(raw);
      seen.add(id);
      const before = overlay.documents.has(id) ? overlay.documents.get(id) : golden.get(id);
      if (before !== undefined && Buffer.compare(before, raw) === 0) continue;
      overlay.documents.set(id, Buffer.from(raw));
      entries.push(this.#entry(namespace, id, before, raw));
    }
    for (const [id, before] of present(golden, overlay)) {
      if (seen.has(id)) continue;
      overlay.documents.set(id, undefined);
      entries.push(this.#entry(namespace, id, before, undefined));
    }
    return entries;
  }

  #entry(
    namespace: string,
    id: string,
    before: Uint8Array | undefined,
    after: Uint8Array | undefined,
  ): EffectEntry {
    return {
      store: 'mongo',
      key: [this.#shown(namespace), id],
      before: before === undefined ? undefined : valueOfDocument(before),
      after: after === undefined ? undefined : valueOfDocument(after),
    };
  }

  #shown(namespace: string): string {
    const [database, collection] = split(namespace);
    return database === this.#home ? collection : namespace;
  }
}

/** What the collection held at the last reading. */
function* present(golden: DocumentIds, overlay: Overlay): Generator<[string, Uint8Array]> {
  for (const [id, raw] of golden) if (!overlay.documents.has(id)) yield [id, raw];
  for (const [id, raw] of [...overlay.documents]) if (raw !== undefined) yield [id, raw];
}
