/** Why bytes are no frame, or values cannot become one. */
export type FrameFault = 'version' | 'type' | 'tooLarge' | 'short' | 'trailing' | 'bool' | 'range';

/** The other side of a control connection broke the protocol, or a value does not fit its field. */
export class FrameError extends Error {
  constructor(
    readonly fault: FrameFault,
    message: string,
  ) {
    super(message);
    this.name = 'FrameError';
  }
}

/** Control frames mostly fit into this many bytes; a writer doubles from here. */
const FIRST_CAPACITY = 512;
const MAX_U64 = 0xffff_ffff_ffff_ffffn;

/** Appends big-endian fields to a buffer that grows. Names are those of the schema's types. */
export class FrameWriter {
  #buffer = Buffer.allocUnsafe(FIRST_CAPACITY);
  #size = 0;

  /** What was written so far; the writer must not be used afterwards. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#size);
  }

  get size(): number {
    return this.#size;
  }

  u8(value: number, field: string): void {
    this.#checkInteger(value, 0xff, field);
    const at = this.#reserve(1);
    this.#buffer.writeUInt8(value, at);
  }

  u16(value: number, field: string): void {
    this.#checkInteger(value, 0xffff, field);
    const at = this.#reserve(2);
    this.#buffer.writeUInt16BE(value, at);
  }

  u32(value: number, field: string): void {
    this.#checkInteger(value, 0xffff_ffff, field);
    const at = this.#reserve(4);
    this.#buffer.writeUInt32BE(value, at);
  }

  /** A u64 that the program holds as a number: a safe integer. */
  u64(value: number, field: string): void {
    this.#checkInteger(value, Number.MAX_SAFE_INTEGER, field);
    const at = this.#reserve(8);
    this.#buffer.writeBigUInt64BE(BigInt(value), at);
  }

  u64big(value: bigint, field: string): void {
    if (value < 0n || value > MAX_U64) throw new FrameError('range', `${field}: ${value} is no u64`);
    const at = this.#reserve(8);
    this.#buffer.writeBigUInt64BE(value, at);
  }

  bool(value: boolean, field: string): void {
    this.u8(value ? 1 : 0, field);
  }

  string(value: string, field: string): void {
    const length = Buffer.byteLength(value);
    this.u32(length, field);
    const at = this.#reserve(length);
    this.#buffer.write(value, at, 'utf8');
  }

  bytes(value: Uint8Array, field: string): void {
    this.u32(value.length, field);
    const at = this.#reserve(value.length);
    this.#buffer.set(value, at);
  }

  array<T>(values: readonly T[], write: (writer: FrameWriter, value: T) => void): void {
    this.u32(values.length, 'array length');
    for (const value of values) write(this, value);
  }

  /** Overwrites a u32 at `offset`: a length that is known only afterwards. */
  patchU32(offset: number, value: number): void {
    this.#buffer.writeUInt32BE(value, offset);
  }

  #checkInteger(value: number, max: number, field: string): void {
    if (!Number.isInteger(value) || value < 0 || value > max)
      throw new FrameError('range', `${field}: ${value} is not an integer from 0 to ${max}`);
  }

  #reserve(size: number): number {
    const at = this.#size;
    const needed = at + size;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, at);
      this.#buffer = grown;
    }
    this.#size = needed;
    return at;
  }
}

/** Reads big-endian fields of one payload. Bytes are views into it, not copies. */
export class FrameReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(payload: Uint8Array) {
    this.#buffer = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#take(1));
  }

  u16(): number {
    return this.#buffer.readUInt16BE(this.#take(2));
  }

  u32(): number {
    return this.#buffer.readUInt32BE(this.#take(4));
  }

  /** A u64 that the program holds as a number; one beyond the safe integers is refused. */
  u64(): number {
    const at = this.#take(8);
    const value = this.#buffer.readUInt32BE(at) * 0x1_0000_0000 + this.#buffer.readUInt32BE(at + 4);
    if (value > Number.MAX_SAFE_INTEGER) throw new FrameError('range', `count ${value} is beyond 2^53 - 1`);
    return value;
  }

  u64big(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(8));
  }

  bool(): boolean {
    const value = this.u8();
    if (value > 1) throw new FrameError('bool', `boolean ${value} is neither 0 nor 1`);
    return value === 1;
  }

  /** Bytes that are no UTF-8 become U+FFFD: what a client sent must never break the link. */
  string(): string {
    const length = this.u32();
    const at = this.#take(length);
    return this.#buffer.toString('utf8', at, at + length);
  }

  bytes(): Buffer {
    const length = this.u32();
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  array<T>(read: (reader: FrameReader) => T): T[] {
    const count = this.u32();
    const values: T[] = [];
    // A count that lies runs out of bytes, at the latest, after as many elements as the payload has bytes.
    for (let i = 0; i < count; i++) values.push(read(this));
    return values;
  }

  /** Refuses what is left after the last field. */
  finish(): void {
    const left = this.#buffer.length - this.#at;
    if (left > 0) throw new FrameError('trailing', `${left} bytes after the frame's last field`);
  }

  #take(size: number): number {
    const at = this.#at;
    if (size > this.#buffer.length - at)
      throw new FrameError(
        'short',
        `frame ends inside a field: ${size} bytes wanted, ${this.#buffer.length - at} left`,
      );
    this.#at = at + size;
    return at;
  }
}
