import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { deserialize, serialize, type Document } from 'bson';
import { DharmaError } from '../../common/index.js';

/** One write that the server refused, by the document's place in the batch. */
export interface RawWriteError {
  readonly index: number;
  readonly code: number;
  readonly errmsg: string;
  readonly keyPattern?: Document;
  readonly keyValue?: Document;
}

const OP_MSG = 2013;
/** Message header (16), flag bits (4), section kind (1). */
const HEADER_BYTES = 21;

/**
 * Inserts documents as the bytes they were read as, which the driver cannot: it would decode and encode them, and
 * lose what JavaScript cannot tell apart (a key that stands twice, `undefined`, the order of a DBRef's fields).
 * Speaks OP_MSG to a mirror of ours, without authentication. The owner must `close()` it.
 */
export class RawInserter {
  readonly #socket: Socket;
  readonly #replies: AsyncIterator<Buffer, undefined>;
  #requestId = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#replies = readMessages(socket);
  }

  /** `uri`: `mongodb://host:port/…`, or the percent-encoded path of a unix socket as host. */
  static async connect(uri: string): Promise<RawInserter> {
    const socket = connect(addressOf(uri));
    await once(socket, 'connect');
    socket.setNoDelay(true);
    return new RawInserter(socket);
  }

  /** Inserts unordered, past validators (live holds these documents already). Resolves to what was refused. */
  async insert(
    database: string,
    collection: string,
    documents: readonly Uint8Array[],
  ): Promise<RawWriteError[]> {
    const command = serialize({
      insert: collection,
      ordered: false,
      bypassDocumentValidation: true,
      writeConcern: { w: 1 },
      $db: database,
    });
    const name = Buffer.from('documents\0');
    const sequenceBytes = 4 + name.length + documents.reduce((sum, d) => sum + d.length, 0);
    const head = Buffer.alloc(HEADER_BYTES);
    head.writeInt32LE(HEADER_BYTES + command.length + 1 + sequenceBytes, 0);
    head.writeInt32LE(++this.#requestId, 4);
    head.writeInt32LE(OP_MSG, 12);
    const sequence = Buffer.alloc(5);
    sequence.writeUInt8(1, 0);
    sequence.writeInt32LE(sequenceBytes, 1);
    this.#socket.cork();
    for (const part of [head, command, sequence, name, ...documents]) this.#socket.write(part);
    this.#socket.uncork();
    return writeErrorsOf(await this.#reply());
  }

  close(): void {
    this.#socket.destroy();
  }

  async #reply(): Promise<Document> {
    const next = await this.#replies.next();
    if (next.done === true)
      throw new DharmaError({
        code: 'CLONE_FAILED',
        message: 'the copy of Mongo ended the connection while documents were written',
        remedy: 'See its log; check the memory and disk of this machine.',
      });
    return deserialize(next.value.subarray(HEADER_BYTES));
  }
}

function writeErrorsOf(reply: Document): RawWriteError[] {
  if (reply.ok !== 1)
    throw new DharmaError({
      code: 'CLONE_FAILED',
      message: `the copy of Mongo refused an insert: ${String(reply.errmsg)}`,
      found: String(reply.codeName ?? reply.code),
      remedy: 'See its log; check the disk of this machine.',
    });
  return (reply.writeErrors as RawWriteError[] | undefined) ?? [];
}

/** Whole messages from the socket, in order; ends when the socket does. */
async function* readMessages(socket: Socket): AsyncGenerator<Buffer, undefined> {
  let pending: Buffer = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= 4 && pending.length >= pending.readInt32LE(0)) {
      const size = pending.readInt32LE(0);
      yield pending.subarray(0, size);
      pending = pending.subarray(size);
    }
  }
  return undefined;
}

function addressOf(uri: string): { host: string; port: number } | { path: string } {
  const host = /^mongodb:\/\/(?:[^@/]*@)?([^/?,]+)/.exec(uri)?.[1];
  if (host === undefined) throw new Error('a mirror has one plain mongodb:// address');
  if (/%2f/i.test(host)) return { path: decodeURIComponent(host) };
  const colon = host.lastIndexOf(':');
  return colon < 0
    ? { host, port: 27017 }
    : { host: host.slice(0, colon), port: Number(host.slice(colon + 1)) };
}
