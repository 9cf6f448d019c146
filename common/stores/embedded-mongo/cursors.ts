import { randomBytes } from 'node:crypto';
import { Long, type Doc } from './bson/types.js';
import { MAX_DOCUMENT_BYTES } from './bson/codec.js';
import { fault } from './errors.js';
import { RawBatch } from './wire/message.js';

/** A first batch has this many documents when the client does not say (mongod's number). */
export const FIRST_BATCH = 101;
/** An idle cursor is closed after mongod's ten minutes, in ms. */
const IDLE_MS = 10 * 60 * 1000;

interface Cursor {
  readonly namespace: string;
  readonly docs: Iterator<Buffer>;
  /** The next document, when it was taken but did not fit into the last batch. */
  held: Buffer | undefined;
  readonly sessionId: string | undefined;
  readonly noTimeout: boolean;
  usedAt: number;
}

export interface OpenCursor {
  readonly namespace: string;
  readonly docs: Iterable<Buffer>;
  readonly batchSize: number;
  /** Close after the first batch. */
  readonly singleBatch?: boolean;
  readonly sessionId?: string | undefined;
  readonly noTimeout?: boolean;
}

/** What is left to read of results, between a command and its `getMore`s. */
export class Cursors {
  readonly #cursors = new Map<bigint, Cursor>();

  get size(): number {
    return this.#cursors.size;
  }

  /** The reply's `cursor` with the first batch. */
  open(options: OpenCursor): Doc {
    const { namespace, sessionId, noTimeout = false } = options;
    const cursor: Cursor = {
      namespace,
      docs: options.docs[Symbol.iterator](),
      held: undefined,
      sessionId,
      noTimeout,
      usedAt: Date.now(),
    };
    const { docs, done } = takeBatch(cursor, options.batchSize);
    if (done || options.singleBatch === true) {
      cursor.docs.return?.();
      return { firstBatch: new RawBatch(docs), id: Long.ZERO, ns: namespace };
    }
    const id = newId();
    this.#cursors.set(id, cursor);
    return { firstBatch: new RawBatch(docs), id: Long.fromBigInt(id), ns: namespace };
  }

  /** The reply's `cursor` with the next batch. `batchSize` 0 is as much as fits. */
  next(id: bigint, namespace: string, batchSize: number): Doc {
    this.#closeIdle();
    const cursor = this.#cursors.get(id);
    if (cursor === undefined) return fault(43, `cursor id ${id} not found`);
    if (cursor.namespace !== namespace)
      return fault(
        13,
        `Requested getMore on namespace '${namespace}', but cursor belongs to a different namespace ${cursor.namespace}`,
      );
    cursor.usedAt = Date.now();
    const { docs, done } = takeBatch(cursor, batchSize === 0 ? Infinity : batchSize);
    if (done) this.#cursors.delete(id);
    return { nextBatch: new RawBatch(docs), id: done ? Long.ZERO : Long.fromBigInt(id), ns: namespace };
  }

  /** Whether there was such a cursor to close. */
  kill(id: bigint, namespace: string): boolean {
    const cursor = this.#cursors.get(id);
    if (cursor?.namespace !== namespace) return false;
    cursor.docs.return?.();
    return this.#cursors.delete(id);
  }

  /** Closes what a session left open. */
  killSession(sessionId: string): void {
    for (const [id, cursor] of this.#cursors)
      if (cursor.sessionId === sessionId) this.kill(id, cursor.namespace);
  }

  /** Closes the cursors of a namespace that is no more. */
  killNamespace(namespace: string): void {
    for (const [id, cursor] of this.#cursors) if (cursor.namespace === namespace) this.kill(id, namespace);
  }

  closeAll(): void {
    for (const [id, { namespace }] of this.#cursors) this.kill(id, namespace);
  }

  #closeIdle(): void {
    const oldest = Date.now() - IDLE_MS;
    for (const [id, cursor] of this.#cursors)
      if (cursor.usedAt < oldest && !cursor.noTimeout) this.kill(id, cursor.namespace);
  }
}

/** At most `count` documents, and no more than a reply may hold; at least one, if there is one and one is wanted. */
function takeBatch(cursor: Cursor, count: number): { readonly docs: Buffer[]; readonly done: boolean } {
  const docs: Buffer[] = [];
  let bytes = 0;
  while (docs.length < count) {
    const next = cursor.held ?? pull(cursor);
    cursor.held = undefined;
    if (next === undefined) return { docs, done: true };
    bytes += next.length;
    if (docs.length > 0 && bytes > MAX_DOCUMENT_BYTES) {
      cursor.held = next;
      return { docs, done: false };
    }
    docs.push(next);
  }
  // An exhausted cursor is closed at once, so that nobody has to ask again.
  if (count > 0) cursor.held = pull(cursor);
  return { docs, done: count > 0 && cursor.held === undefined };
}

function pull(cursor: Cursor): Buffer | undefined {
  const next = cursor.docs.next();
  return next.done === true ? undefined : next.value;
}

/** Positive, and not to be guessed. */
function newId(): bigint {
  return (randomBytes(8).readBigUInt64BE() >> 1n) | 1n;
}
