/**
 * What a client writes to Mongo, read from the bytes it sends (OP_MSG of the MongoDB wire protocol, BSON 1.1): no more of it
 * than names the documents. Part of a preload: no imports but Node's own.
 */
export interface MongoWrite {
  /** `database.collection` */
  readonly namespace: string;
  /** Of each document that is named: the type of its `_id`, one byte, and its value, as BSON. */
  readonly ids: readonly Buffer[];
  /** It may write others too: they are picked by something else, or the collection itself is changed. */
  readonly others: boolean;
}

interface Element {
  readonly type: number;
  readonly name: string;
  /** Where its value begins and ends. */
  readonly start: number;
  readonly end: number;
}

const HEADER = 16;
const OP_MSG = 2013;

const STRING = 0x02;
const DOCUMENT = 0x03;
const ARRAY = 0x04;

/** Bytes of a value by its type, where all of a type have as many. */
const FIXED = new Map([
  [0x01, 8],
  [0x06, 0],
  [0x07, 12],
  [0x08, 1],
  [0x09, 8],
  [0x0a, 0],
  [0x10, 4],
  [0x11, 8],
  [0x12, 8],
  [0x13, 16],
  [0x7f, 0],
  [0xff, 0],
]);

/** Commands that name documents: the list of them, and what in each of the list picks a document. */
const LISTS = new Map([
  ['insert', { list: 'documents', pick: undefined }],
  ['update', { list: 'updates', pick: 'q' }],
  ['delete', { list: 'deletes', pick: 'q' }],
]);

const COLLECTION_COMMANDS = new Set(['create', 'drop', 'createIndexes', 'dropIndexes', 'collMod']);

/** Reads a connection's commands as they are written. A command that comes in pieces is passed over. */
export class MongoWrites {
  /** Bytes of a command in pieces that are still to come. */
  #skip = 0;
  #isLost = false;

  feed(bytes: Buffer): readonly MongoWrite[] {
    const writes: MongoWrite[] = [];
    let at = Math.min(this.#skip, bytes.length);
    this.#skip -= at;
    while (at < bytes.length && !this.#isLost) {
      const size = bytes.length - at < HEADER ? 0 : bytes.readInt32LE(at);
      if (size < HEADER) this.#isLost = true;
      else if (at + size > bytes.length) this.#skip = at + size - bytes.length;
      else if (bytes.readInt32LE(at + 12) === OP_MSG) {
        const write = writeOf(bytes.subarray(at, at + size));
        if (write !== undefined) writes.push(write);
      }
      at = Math.min(bytes.length, at + Math.max(size, HEADER));
    }
    return writes;
  }
}

/** The write that a whole message asks for; undefined: none that is known. */
function writeOf(message: Buffer): MongoWrite | undefined {
  try {
    return written(message);
  } catch {
    return undefined; // No BSON that can be read: the app's own affair.
  }
}

function written(message: Buffer): MongoWrite | undefined {
  const hasChecksum = (message.readUInt32LE(HEADER) & 1) !== 0;
  const end = message.length - (hasChecksum ? 4 : 0);
  let body: readonly Element[] = [];
  const sequences = new Map<string, readonly number[]>();
  for (let at = HEADER + 4; at < end;) {
    const kind = message[at]!;
    const size = message.readInt32LE(at + 1);
    if (kind === 0) body = elementsOf(message, at + 1);
    else if (kind === 1) {
      const name = message.indexOf(0, at + 5);
      sequences.set(message.toString('utf8', at + 5, name), documentsFrom(message, name + 1, at + 1 + size));
    } else return undefined;
    at += 1 + size;
  }
  const [command] = body;
  const database = body.find(({ name }) => name === '$db');
  if (command?.type !== STRING || database?.type !== STRING) return undefined;
  const namespace = `${textOf(message, database)}.${textOf(message, command)}`;
  if (COLLECTION_COMMANDS.has(command.name)) return { namespace, ids: [], others: true };
  const picked = pickedBy(message, command.name, body, sequences);
  if (picked === undefined) return undefined;
  const ids = picked.map((at) => idIn(message, at));
  return { namespace, ids: ids.filter((id) => id !== undefined), others: ids.includes(undefined) };
}

/** Where the documents begin that name what a command writes; undefined: it writes nothing. */
function pickedBy(
  message: Buffer,
  command: string,
  body: readonly Element[],
  sequences: ReadonlyMap<string, readonly number[]>,
): readonly number[] | undefined {
  if (command === 'findAndModify') {
    const query = body.find(({ name, type }) => name === 'query' && type === DOCUMENT);
    return query && [query.start];
  }
  const known = LISTS.get(command);
  if (known === undefined) return undefined;
  const inBody = body.find(({ name, type }) => name === known.list && type === ARRAY);
  const list =
    sequences.get(known.list) ?? (inBody ? elementsOf(message, inBody.start).map((e) => e.start) : []);
  if (known.pick === undefined) return list;
  return list.flatMap((at) =>
    elementsOf(message, at).flatMap(({ name, start }) => (name === known.pick ? [start] : [])),
  );
}

/** The `_id` of the document at `at`; undefined: it has none, or tells several. */
function idIn(message: Buffer, at: number): Buffer | undefined {
  const id = elementsOf(message, at).find(({ name }) => name === '_id');
  if (id === undefined) return undefined;
  const isOperator = id.type === DOCUMENT && (elementsOf(message, id.start)[0]?.name ?? '').startsWith('$');
  if (isOperator) return undefined;
  return Buffer.concat([Buffer.from([id.type]), message.subarray(id.start, id.end)]);
}

function textOf(message: Buffer, { start, end }: Element): string {
  return message.toString('utf8', start + 4, end - 1);
}

function documentsFrom(message: Buffer, from: number, end: number): readonly number[] {
  const found: number[] = [];
  for (let at = from; at < end; at += sizeAt(message, at)) found.push(at);
  return found;
}

/** The size of a document at `at`. Throws where it cannot be one. */
function sizeAt(message: Buffer, at: number): number {
  const size = message.readInt32LE(at);
  if (size < 5) throw new RangeError('no document');
  return size;
}

/** The elements of the document at `at`. Throws where it is none. */
function elementsOf(message: Buffer, at: number): readonly Element[] {
  const end = at + sizeAt(message, at) - 1;
  const found: Element[] = [];
  for (let next = at + 4; next < end;) {
    const type = message[next]!;
    const nameEnd = message.indexOf(0, next + 1);
    const start = nameEnd + 1;
    const valueEnd = start + valueSize(message, type, start);
    found.push({ type, name: message.toString('utf8', next + 1, nameEnd), start, end: valueEnd });
    next = valueEnd;
  }
  return found;
}

function valueSize(message: Buffer, type: number, start: number): number {
  const fixed = FIXED.get(type);
  if (fixed !== undefined) return fixed;
  // Strings and code count their characters and a zero, binary data its bytes and a subtype before them.
  if (type === STRING || type === 0x0d || type === 0x0e) return 4 + message.readInt32LE(start);
  if (type === DOCUMENT || type === ARRAY || type === 0x0f) return sizeAt(message, start);
  if (type === 0x05) return 5 + message.readInt32LE(start);
  if (type === 0x0c) return 4 + message.readInt32LE(start) + 12;
  // A regular expression: two texts, each with a zero behind it.
  if (type === 0x0b) return message.indexOf(0, message.indexOf(0, start) + 1) + 1 - start;
  throw new RangeError(`type ${type}`);
}
