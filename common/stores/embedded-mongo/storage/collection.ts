import { decode, encode, MAX_DOCUMENT_BYTES } from '../bson/codec.js';
import { toNumber, truthy, type Doc } from '../bson/types.js';
import { fault } from '../errors.js';
import { plainContext } from '../query/context.js';
import { compileFilter, type Predicate } from '../query/filter.js';
import { Index } from './index.js';
import type { RecordCache } from './record-cache.js';
import type { Storage } from './storage.js';

/** mongod lets a capped collection have no less. */
const MIN_CAP_BYTES = 4096;

/** What of a collection is kept in the catalog. */
export interface CollectionMeta {
  /** Names its records on disk; never used twice. */
  readonly id: number;
  readonly namespace: string;
  /** Options of `create`, and what `collMod` made of them. */
  readonly options: Doc;
  /** Its index definitions, `_id_` first. */
  readonly indexes: readonly Doc[];
}

/** Where a collection keeps its bytes, and the documents decoded from them. */
export interface CollectionStore {
  readonly storage: Storage;
  readonly cache: RecordCache;
}

/**
 * The documents of one collection: records in order of their ids, which grow, and the indexes over them. Every method
 * is synchronous, so what a command does to a collection is never seen half done.
 */
export class Collection {
  #meta: CollectionMeta;
  readonly #store: CollectionStore;
  readonly #prefix: string;
  /** Ids of the records in natural order, with their sizes in bytes. */
  readonly #records = new Map<number, number>();
  readonly #indexes = new Map<string, Index>();
  #validator: Predicate | undefined;
  #nextId = 1;
  #bytes = 0;
  #writes: number;

  constructor(meta: CollectionMeta, store: CollectionStore) {
    this.#meta = meta;
    this.#store = store;
    // A collection that takes the place of another of its name must not seem to be that one, unchanged.
    this.#writes = meta.id * 2 ** 32;
    this.#prefix = recordPrefix(meta.id);
    for (const spec of meta.indexes) this.#indexes.set(spec.name as string, new Index(spec));
    this.#compileValidator();
  }

  /** Reads what the disk has, at start. */
  load(): void {
    for (const [key, raw] of this.#store.storage.scan(this.#prefix)) {
      const id = recordId(key);
      const doc = decode(raw);
      this.#track(id, raw.length);
      for (const index of this.#indexes.values()) index.add(index.keysOf(doc), doc, id);
      this.#store.cache.set(key, doc, raw.length);
      this.#nextId = id + 1;
    }
  }

  get meta(): CollectionMeta {
    return this.#meta;
  }

  set meta(meta: CollectionMeta) {
    this.#writes += 1;
    this.#meta = meta;
    this.#compileValidator();
  }

  get namespace(): string {
    return this.#meta.namespace;
  }

  get count(): number {
    return this.#records.size;
  }

  /** Sum of the documents' BSON sizes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The most bytes it may hold when it is capped; undefined when it is not. */
  get capBytes(): number | undefined {
    const { capped, size } = this.#meta.options;
    return truthy(capped) ? Math.max(MIN_CAP_BYTES, toNumber(size) ?? 0) : undefined;
  }

  /** The most documents a capped collection may hold. */
  get capCount(): number {
    return toNumber(this.#meta.options.max) || Infinity;
  }

  /** Grows with every change of a document, an index or an option, for `top`. */
  get writes(): number {
    return this.#writes;
  }

  get indexes(): readonly Index[] {
    return [...this.#indexes.values()];
  }

  index(name: string): Index | undefined {
    return this.#indexes.get(name);
  }

  /** Record ids in natural order. Safe against changes while it is iterated. */
  ids(): IterableIterator<number> {
    return this.#records.keys();
  }

  /** The document of a record, shared: not to be changed. Undefined when it is no more. */
  get(id: number): Doc | undefined {
    if (!this.#records.has(id)) return undefined;
    const key = this.#key(id);
    let doc = this.#store.cache.get(key);
    if (doc === undefined) {
      const raw = this.raw(id);
      doc = decode(raw);
      this.#store.cache.set(key, doc, raw.length);
    }
    return doc;
  }

  /** The bytes of a record that is there. */
  raw(id: number): Buffer {
    const raw = this.#store.storage.get(this.#key(id));
    if (raw === undefined) throw new Error(`record ${id} of ${this.namespace} is indexed but not stored`);
    return raw;
  }

  insert(doc: Doc, raw: Buffer, bypassValidation = false): void {
    this.#check(doc, raw, bypassValidation);
    const id = this.#nextId;
    const changes = [...this.#indexes.values()].map((index) => [index, index.keysOf(doc)] as const);
    for (const [index, keys] of changes) index.checkUnique(keys, doc, undefined, this.namespace);
    for (const [index, keys] of changes) index.add(keys, doc, id);
    this.#nextId += 1;
    this.#write(id, doc, raw);
    this.#keepCap(id);
  }

  /** A capped collection drops its oldest records for new ones, but never the newest. */
  #keepCap(newest: number): void {
    const bytes = this.capBytes;
    if (bytes === undefined) return;
    const count = this.capCount;
    for (const id of this.ids()) {
      if (id === newest || (this.count <= count && this.#bytes <= bytes)) return;
      this.remove(id);
    }
  }

  /** Puts another document in a record's place. Both have the same `_id`. */
  replace(id: number, doc: Doc, raw: Buffer, bypassValidation = false): void {
    const before = this.get(id) as Doc;
    this.#check(doc, raw, bypassValidation);
    const changes = [...this.#indexes.values()].map(
      (index) => [index, index.keysOf(before), index.keysOf(doc)] as const,
    );
    // What stays where it is cannot be refused: while an index is being made unique, it may hold duplicates.
    const moved = changes.filter(([, oldKeys, keys]) => !sameKeys(oldKeys, keys));
    for (const [index, , keys] of moved) index.checkUnique(keys, doc, id, this.namespace);
    for (const [index, oldKeys, keys] of moved) {
      index.remove(oldKeys, id);
      index.add(keys, doc, id);
    }
    this.#write(id, doc, raw);
  }

  remove(id: number): void {
    const doc = this.get(id);
    if (doc === undefined) return;
    for (const index of this.#indexes.values()) index.remove(index.keysOf(doc), id);
    this.#forget(id);
  }

  /** Builds an index over what is there; the collection is unchanged when that fails. */
  createIndex(spec: Doc): void {
    const index = new Index(spec);
    for (const id of this.ids()) {
      const doc = this.get(id) as Doc;
      const keys = index.keysOf(doc);
      index.checkUnique(keys, doc, undefined, this.namespace);
      index.add(keys, doc, id);
    }
    this.#indexes.set(index.name, index);
    this.meta = { ...this.#meta, indexes: [...this.#meta.indexes, spec] };
  }

  dropIndex(name: string): void {
    this.#indexes.delete(name);
    this.meta = { ...this.#meta, indexes: this.#meta.indexes.filter((spec) => spec.name !== name) };
  }

  /** Changes the options of an index that say nothing of its keys. */
  alterIndex(name: string, options: Doc): void {
    const index = this.#indexes.get(name) as Index;
    Object.assign(index.spec, options);
    this.meta = {
      ...this.#meta,
      indexes: this.#meta.indexes.map((spec) => (spec.name === name ? index.spec : spec)),
    };
  }

  /** Removes every record from the disk. */
  clear(): void {
    for (const id of [...this.ids()]) this.#forget(id);
  }

  #write(id: number, doc: Doc, raw: Buffer): void {
    const key = this.#key(id);
    this.#writes += 1;
    this.#track(id, raw.length);
    this.#store.cache.set(key, doc, raw.length);
    this.#store.storage.put(key, raw);
  }

  #forget(id: number): void {
    const key = this.#key(id);
    this.#writes += 1;
    this.#bytes -= this.#records.get(id) ?? 0;
    this.#records.delete(id);
    this.#store.cache.delete(key);
    this.#store.storage.delete(key);
  }

  #track(id: number, size: number): void {
    this.#bytes += size - (this.#records.get(id) ?? 0);
    this.#records.set(id, size);
  }

  #check(doc: Doc, raw: Buffer, bypassValidation: boolean): void {
    if (raw.length > MAX_DOCUMENT_BYTES)
      fault(
        10334,
        `BSONObj size: ${raw.length} is invalid. Size must be between 0 and ${MAX_DOCUMENT_BYTES}`,
      );
    if (!bypassValidation && this.#validator?.(doc) === false)
      fault(121, 'Document failed validation', {
        errInfo: {
          failingDocumentId: doc._id,
          details: {
            operatorName: Object.keys(this.#meta.options.validator as Doc)[0],
            specifiedAs: this.#meta.options.validator,
          },
        },
      });
  }

  #compileValidator(): void {
    const { validator, validationAction, validationLevel } = this.#meta.options;
    const enforced = validationAction !== 'warn' && validationLevel !== 'off';
    this.#validator =
      enforced && validator !== undefined ? compileFilter(validator as Doc, plainContext()) : undefined;
  }

  #key(id: number): string {
    return this.#prefix + bigEndian(id, 6);
  }
}

function sameKeys(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((key, at) => key === b[at]);
}

/** Keys of records: `r`, the collection's id (4 bytes), the record's id (6 bytes), big-endian so that they sort. */
function recordPrefix(collectionId: number): string {
  return `r${bigEndian(collectionId, 4)}`;
}

function recordId(key: string): number {
  return Buffer.from(key.slice(5), 'latin1').readUIntBE(0, 6);
}

function bigEndian(value: number, bytes: number): string {
  const buffer = Buffer.allocUnsafe(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer.toString('latin1');
}

/** A document's bytes for storing, `_id` first as MongoDB keeps it. */
export function encodeForStorage(doc: Doc): Buffer {
  const [first] = Object.keys(doc);
  if (first === '_id' || !Object.hasOwn(doc, '_id')) return encode(doc);
  const { _id, ...rest } = doc;
  return encode({ _id, ...rest });
}
