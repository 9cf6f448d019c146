import { encode } from '../bson/codec.js';
import type { Doc } from '../bson/types.js';
import { crc32c } from './crc32c.js';

/**
 * Messages of the MongoDB wire protocol, as bytes. Every integer is little-endian. Spoken are OP_MSG, and of the
 * legacy opcodes OP_QUERY, with which drivers still open a connection.
 */
export const OP_REPLY = 1;
export const OP_QUERY = 2004;
export const OP_MSG = 2013;

const HEADER_BYTES = 16;
/** mongod's `maxMessageSizeBytes`. */
export const MAX_MESSAGE_BYTES = 48_000_000;

const CHECKSUM_PRESENT = 1;
const MORE_TO_COME = 1 << 1;
/** Bits below 16 must be understood by the receiver. */
const REQUIRED_BITS = 0xffff;

/** The bytes are not the protocol: the connection cannot go on. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

export interface Request {
  readonly requestId: number;
  readonly opCode: typeof OP_MSG | typeof OP_QUERY;
  /** The command document's bytes. */
  readonly body: Buffer;
  /** Document sequences by name: each document's bytes. */
  readonly sequences: ReadonlyMap<string, readonly Buffer[]>;
  /** The sender wants no reply. */
  readonly moreToCome: boolean;
  /** Of OP_QUERY: the collection it addresses (`db.$cmd`). */
  readonly namespace: string | undefined;
}

/** Cuts a stream of bytes into messages. */
export class MessageSplitter {
  #chunks: Buffer[] = [];
  #size = 0;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** The next whole message, or undefined until more has come. */
  next(): Buffer | undefined {
    if (this.#size < HEADER_BYTES) return undefined;
    const first = this.#chunks[0] as Buffer;
    const length = first.length >= 4 ? first.readInt32LE(0) : this.#joined().readInt32LE(0);
    if (length < HEADER_BYTES || length > MAX_MESSAGE_BYTES)
      throw new ProtocolError(
        `message length ${length} is not between ${HEADER_BYTES} and ${MAX_MESSAGE_BYTES}`,
      );
    if (this.#size < length) return undefined;
    const all = this.#joined();
    this.#size -= length;
    this.#chunks = this.#size === 0 ? [] : [all.subarray(length)];
    return all.subarray(0, length);
  }

  #joined(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks, this.#size)];
    return this.#chunks[0] as Buffer;
  }
}

export function parseRequest(message: Buffer): Request {
  const requestId = message.readInt32LE(4);
  const opCode = message.readInt32LE(12);
  if (opCode === OP_MSG) return parseMsg(message, requestId);
  if (opCode === OP_QUERY) return parseQuery(message, requestId);
  throw new ProtocolError(`opcode ${opCode} is not spoken here`);
}

function parseMsg(message: Buffer, requestId: number): Request {
  if (message.length < HEADER_BYTES + 4) throw new ProtocolError('truncated OP_MSG');
  const flags = message.readUInt32LE(HEADER_BYTES);
  if (flags & REQUIRED_BITS & ~(CHECKSUM_PRESENT | MORE_TO_COME))
    throw new ProtocolError(`unknown required OP_MSG flags 0x${flags.toString(16)}`);
  const end = flags & CHECKSUM_PRESENT ? checkedEnd(message) : message.length;
  let body: Buffer | undefined;
  const sequences = new Map<string, readonly Buffer[]>();
  for (let at = HEADER_BYTES + 4; at < end;) {
    const kind = message[at];
    const size = sized(message, at + 1, end);
    const section = message.subarray(at + 1, at + 1 + size);
    if (kind === 0 && body === undefined) body = section;
    else if (kind === 1) sequences.set(...parseSequence(section));
    else throw new ProtocolError(`an OP_MSG section of kind ${kind}, where it cannot stand`);
    at += 1 + size;
  }
  if (body === undefined) throw new ProtocolError('an OP_MSG without a body');
  return {
    requestId,
    opCode: OP_MSG,
    body,
    sequences,
    moreToCome: (flags & MORE_TO_COME) !== 0,
    namespace: undefined,
  };
}

function checkedEnd(message: Buffer): number {
  const end = message.length - 4;
  if (message.readUInt32LE(end) !== crc32c(message.subarray(0, end)))
    throw new ProtocolError('the OP_MSG checksum does not match');
  return end;
}

function sized(message: Buffer, at: number, end: number): number {
  const size = at + 4 <= end ? message.readInt32LE(at) : -1;
  if (size < 4 || at + size > end) throw new ProtocolError('a section reaches past the end of its message');
  return size;
}

function parseSequence(section: Buffer): readonly [string, readonly Buffer[]] {
  const nameEnd = section.indexOf(0, 4);
  if (nameEnd < 0) throw new ProtocolError('a document sequence without a name');
  const docs: Buffer[] = [];
  for (let at = nameEnd + 1; at < section.length;) {
    const size = sized(section, at, section.length);
    docs.push(section.subarray(at, at + size));
    at += size;
  }
  return [section.toString('utf8', 4, nameEnd), docs];
}

function parseQuery(message: Buffer, requestId: number): Request {
  const nameEnd = message.indexOf(0, HEADER_BYTES + 4);
  const bodyAt = nameEnd + 9;
  if (nameEnd < 0) throw new ProtocolError('an OP_QUERY without a collection name');
  const size = sized(message, bodyAt, message.length);
  return {
    requestId,
    opCode: OP_QUERY,
    body: message.subarray(bodyAt, bodyAt + size),
    sequences: new Map(),
    moreToCome: false,
    namespace: message.toString('utf8', HEADER_BYTES + 4, nameEnd),
  };
}

/** Documents that are in a reply as the bytes they are stored in. */
export class RawBatch {
  constructor(readonly docs: readonly Buffer[]) {}
}

/** A reply message to `request`. */
export function encodeReply(request: Request, reply: Doc, replyId: number): Buffer {
  const body = encodeReplyBody(reply);
  const prefix = request.opCode === OP_MSG ? msgPrefix() : replyPrefix();
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeInt32LE(HEADER_BYTES + prefix.length + body.length, 0);
  header.writeInt32LE(replyId, 4);
  header.writeInt32LE(request.requestId, 8);
  header.writeInt32LE(request.opCode === OP_MSG ? OP_MSG : OP_REPLY, 12);
  return Buffer.concat([header, prefix, body]);
}

function msgPrefix(): Buffer {
  return Buffer.alloc(5); // no flags; a section of kind 0
}

function replyPrefix(): Buffer {
  const prefix = Buffer.alloc(20);
  prefix.writeInt32LE(8, 0); // AwaitCapable
  prefix.writeInt32LE(1, 16); // one document
  return prefix;
}

/** BSON of a reply; a `cursor` that holds a RawBatch gets it spliced in, without decoding the documents. */
function encodeReplyBody(reply: Doc): Buffer {
  const cursor = reply.cursor as Doc | undefined;
  const name =
    cursor === undefined ? undefined : Object.keys(cursor).find((key) => cursor[key] instanceof RawBatch);
  if (cursor === undefined || name === undefined) return encode(reply);
  const { [name]: batch, ...cursorRest } = cursor;
  const rest = { ...reply };
  delete rest.cursor;
  const cursorDoc = docOf([element(0x04, name, arrayOf((batch as RawBatch).docs)), fieldsOf(cursorRest)]);
  return docOf([element(0x03, 'cursor', cursorDoc), fieldsOf(rest)]);
}

function fieldsOf(doc: Doc): Buffer {
  return encode(doc).subarray(4, -1);
}

function element(type: number, name: string, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type]), Buffer.from(`${name}\0`), value]);
}

function docOf(parts: readonly Buffer[]): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32LE(parts.reduce((sum, part) => sum + part.length, 5));
  return Buffer.concat([size, ...parts, ZERO]);
}

const ZERO = Buffer.alloc(1);

function arrayOf(docs: readonly Buffer[]): Buffer {
  return docOf(docs.flatMap((doc, at) => [Buffer.from(`\x03${at}\0`, 'latin1'), doc]));
}
