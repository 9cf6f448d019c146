import { BSONError, serialize } from 'bson';
import { fault } from '../errors.js';
import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  Double,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
  isInt32,
  setField,
  type Doc,
} from './types.js';

/** MongoDB's limits: of a document, and of how deep one may nest. */
export const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;
const MAX_DEPTH = 180;

const MALFORMED = 22; // InvalidBSON

/**
 * Reads BSON into the server's form (see `Doc`), strictly: every length must agree with what is there. It is a
 * reader of its own because the `bson` package turns doubles into ints, DBRefs into a class and regexes into JS ones.
 */
export function decode(bytes: Buffer): Doc {
  const reader = new Reader(bytes);
  const doc = checked(MALFORMED, () => reader.document(0));
  if (reader.at !== bytes.length) fault(MALFORMED, 'bytes follow the end of a BSON document');
  return doc;
}

/** The bson package's classes refuse some values (a regex with unknown options, say): that is the client's to know. */
function checked<T>(code: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof BSONError) fault(code, error.message);
    throw error;
  }
}

/** Writes BSON. A field whose value is undefined is left out. */
export function encode(doc: Doc): Buffer {
  const bytes = checked(2, () => serialize(doc, { ignoreUndefined: true, checkKeys: false }));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Where a top-level field stands in `bytes`: [start of the element, start of its value, end]; undefined if absent. */
export function elementSpan(bytes: Buffer, name: string): readonly [number, number, number] | undefined {
  const reader = new Reader(bytes);
  const end = reader.enter();
  while (reader.at < end - 1) {
    const start = reader.at;
    const type = reader.byte();
    const found = reader.cstring();
    const valueAt = reader.at;
    reader.value(type, 0);
    if (found === name) return [start, valueAt, reader.at];
  }
  return undefined;
}

class Reader {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(): number {
    const value = this.#bytes[this.at++];
    return value ?? fault(MALFORMED, 'truncated BSON');
  }

  /** Steps over a document's length and returns where it ends. */
  enter(): number {
    const start = this.at;
    if (start + 5 > this.#bytes.length) fault(MALFORMED, 'truncated BSON document');
    const size = this.#bytes.readInt32LE(start);
    const end = start + size;
    if (size < 5 || end > this.#bytes.length) fault(MALFORMED, `a BSON document gives its size as ${size}`);
    if (this.#bytes[end - 1] !== 0) fault(MALFORMED, 'a BSON document does not end with a zero byte');
    this.at = start + 4;
    return end;
  }

  document(depth: number): Doc {
    if (depth > MAX_DEPTH) fault(15, `BSON nests deeper than ${MAX_DEPTH}`);
    const end = this.enter();
    const doc: Doc = {};
    while (this.at < end - 1) {
      const type = this.byte();
      const name = this.cstring();
      setField(doc, name, this.value(type, depth));
    }
    return this.#leave(end, doc);
  }

  array(depth: number): unknown[] {
    if (depth > MAX_DEPTH) fault(15, `BSON nests deeper than ${MAX_DEPTH}`);
    const end = this.enter();
    const array: unknown[] = [];
    while (this.at < end - 1) {
      const type = this.byte();
      this.cstring();
      array.push(this.value(type, depth));
    }
    return this.#leave(end, array);
  }

  #leave<T>(end: number, value: T): T {
    if (this.at !== end - 1) fault(MALFORMED, 'an element reaches past the end of its BSON document');
    this.at = end;
    return value;
  }

  cstring(): string {
    const end = this.#bytes.indexOf(0, this.at);
    if (end < 0) fault(MALFORMED, 'an unterminated name in BSON');
    const text = this.#text(this.at, end);
    this.at = end + 1;
    return text;
  }

  /** Short names and strings are mostly ASCII, where reading them byte by byte beats a call into the decoder. */
  #text(start: number, end: number): string {
    if (end - start > 24) return this.#bytes.toString('utf8', start, end);
    let text = '';
    for (let at = start; at < end; at++) {
      const byte = this.#bytes[at] as number;
      if (byte > 127) return this.#bytes.toString('utf8', start, end);
      text += String.fromCharCode(byte);
    }
    return text;
  }

  #string(): string {
    const size = this.#int32();
    const end = this.at + size;
    if (size < 1 || end > this.#bytes.length || this.#bytes[end - 1] !== 0)
      fault(MALFORMED, 'a BSON string with a wrong length');
    const text = this.#text(this.at, end - 1);
    this.at = end;
    return text;
  }

  #need(count: number): number {
    const start = this.at;
    if (count < 0 || start + count > this.#bytes.length) fault(MALFORMED, 'truncated BSON value');
    this.at = start + count;
    return start;
  }

  #int32(): number {
    return this.#bytes.readInt32LE(this.#need(4));
  }

  #double(): number | Double {
    const value = this.#bytes.readDoubleLE(this.#need(8));
    return isInt32(value) ? new Double(value) : value;
  }

  #long(): Long {
    const start = this.#need(8);
    return new Long(this.#bytes.readInt32LE(start), this.#bytes.readInt32LE(start + 4));
  }

  #copy(count: number): Buffer {
    const start = this.#need(count);
    return Buffer.from(this.#bytes.subarray(start, start + count));
  }

  #binary(): Binary {
    const size = this.#int32();
    const subtype = this.byte();
    // Subtype 2 is the old form of plain bytes, with their length a second time.
    if (subtype === 2 && this.#int32() !== size - 4) fault(MALFORMED, 'old binary with a wrong length');
    return new Binary(this.#copy(subtype === 2 ? size - 4 : size), subtype);
  }

  #codeWithScope(depth: number): Code {
    const end = this.at + this.#int32();
    const code = this.#string();
    return this.#checkEnd(end, new Code(code, this.document(depth + 1)));
  }

  #checkEnd<T>(end: number, value: T): T {
    return this.at === end ? value : fault(MALFORMED, 'code with scope of a wrong length');
  }

  value(type: number, depth: number): unknown {
    switch (type) {
      case 0x01:
        return this.#double();
      case 0x02:
        return this.#string();
      case 0x03:
        return this.document(depth + 1);
      case 0x04:
        return this.array(depth + 1);
      case 0x05:
        return this.#binary();
      case 0x07:
        return new ObjectId(this.#copy(12));
      case 0x08:
        return this.#boolean();
      case 0x09:
        return new Date(this.#long().toNumber());
      case 0x06: // undefined: deprecated, and compares like null
      case 0x0a:
        return null;
      case 0x0b:
        return new BSONRegExp(this.cstring(), this.cstring());
      case 0x0c: // DBPointer, deprecated
        return { $ref: this.#string(), $id: new ObjectId(this.#copy(12)) };
      case 0x0d:
        return new Code(this.#string());
      case 0x0e:
        return new BSONSymbol(this.#string());
      case 0x0f:
        return this.#codeWithScope(depth);
      case 0x10:
        return this.#int32();
      case 0x11:
        return this.#timestamp();
      case 0x12:
        return this.#long();
      case 0x13:
        return new Decimal128(this.#copy(16));
      case 0x7f:
        return new MaxKey();
      case 0xff:
        return new MinKey();
      default:
        return fault(MALFORMED, `unknown BSON type 0x${type.toString(16)}`);
    }
  }

  #boolean(): boolean {
    const byte = this.byte();
    if (byte > 1) fault(MALFORMED, 'a BSON boolean that is neither 0 nor 1');
    return byte === 1;
  }

  #timestamp(): Timestamp {
    const start = this.#need(8);
    return new Timestamp({ i: this.#bytes.readUInt32LE(start), t: this.#bytes.readUInt32LE(start + 4) });
  }
}
