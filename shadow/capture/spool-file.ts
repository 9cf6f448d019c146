import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { systemCode } from '../../common/index.js';
import type { DiskBudget } from './disk-budget.js';
import { SEAL_BYTES, SpoolCipher, spoolDamaged } from './spool-cipher.js';

/** A file of the spool is given back to the disk when all of it was read: so much waits for that at most. */
const SEGMENT_BYTES = 64 * 1024 * 1024;

/** Before each record: the length of what is sealed. */
const HEAD_BYTES = 4;

/** What a disk says that is full, or whose quota is. */
const DISK_FULL = new Set(['ENOSPC', 'EDQUOT']);

interface Segment {
  readonly fd: number;
  readAt: number;
  writeAt: number;
}

/**
 * Records on disk, first in first out, encrypted (see SpoolCipher). Its files have no name: they are unlinked as soon as
 * they are open, so that whatever ends the process leaves none behind. The owner must `close()` it.
 */
export class SpoolFile {
  readonly #path: string;
  readonly #budget: DiskBudget;
  readonly #segmentBytes: number;
  readonly #cipher = new SpoolCipher();
  readonly #segments: Segment[] = [];
  #written = 0;
  #read = 0;
  #bytes = 0;
  /** What the budget allowed when it was asked last. */
  #allowed = 0;

  /** `path`: where its files are made; `budget`: bytes it may take of the disk. */
  constructor(path: string, budget: DiskBudget, segmentBytes = SEGMENT_BYTES) {
    this.#path = path;
    this.#budget = budget;
    this.#segmentBytes = Math.max(1, Math.min(segmentBytes, Math.floor(budget(0) / 4)));
  }

  /** Records that wait. */
  get length(): number {
    return this.#written - this.#read;
  }

  /** Bytes of the disk it holds. */
  get bytes(): number {
    return this.#bytes;
  }

  /** False: neither the budget nor the disk has room. */
  push(record: Uint8Array): boolean {
    const size = HEAD_BYTES + record.length + SEAL_BYTES;
    if (!this.#isAllowed(size)) return false;
    const sealed = this.#cipher.seal(this.#written, record);
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32BE(sealed.length);
    const segment = this.#segmentToWrite();
    if (!writeAll(segment.fd, Buffer.concat([head, sealed]), segment.writeAt)) return false;
    segment.writeAt += size;
    this.#bytes += size;
    this.#written += 1;
    return true;
  }

  /** The oldest record; undefined: none waits. Error: SPOOL_DAMAGED. */
  shift(): Buffer | undefined {
    if (this.length === 0) return undefined;
    const segment = this.#segments[0]!;
    const head = this.#readAt(segment, HEAD_BYTES);
    const length = head.readUInt32BE(0);
    if (segment.readAt + length > segment.writeAt) throw spoolDamaged(this.#read);
    const record = this.#cipher.open(this.#read, this.#readAt(segment, length));
    this.#read += 1;
    if (segment.readAt === segment.writeAt) this.#release();
    return record;
  }

  /** Gives the disk back and wipes the key. Idempotent. */
  close(): void {
    this.#cipher.wipe();
    for (const { fd } of this.#segments.splice(0)) closeSync(fd);
    this.#bytes = 0;
    this.#read = this.#written;
  }

  /** The budget is asked with each new segment, and when it would be exceeded. */
  #isAllowed(size: number): boolean {
    const last = this.#segments.at(-1);
    const isNewSegment = last === undefined || last.writeAt >= this.#segmentBytes;
    if (isNewSegment || this.#bytes + size > this.#allowed) this.#allowed = this.#budget(this.#bytes);
    return this.#bytes + size <= this.#allowed;
  }

  #segmentToWrite(): Segment {
    const last = this.#segments.at(-1);
    if (last !== undefined && last.writeAt < this.#segmentBytes) return last;
    rmSync(this.#path, { force: true });
    const fd = openSync(this.#path, 'wx+', 0o600);
    rmSync(this.#path);
    const segment = { fd, readAt: 0, writeAt: 0 };
    this.#segments.push(segment);
    return segment;
  }

  #release(): void {
    const segment = this.#segments.shift()!;
    closeSync(segment.fd);
    this.#bytes -= segment.writeAt;
  }

  #readAt(segment: Segment, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    if (readSync(segment.fd, bytes, 0, length, segment.readAt) !== length) throw spoolDamaged(this.#read);
    segment.readAt += length;
    return bytes;
  }
}

/** False: the disk is full. */
function writeAll(fd: number, bytes: Buffer, at: number): boolean {
  try {
    for (let done = 0; done < bytes.length;)
      done += writeSync(fd, bytes, done, bytes.length - done, at + done);
    return true;
  } catch (error) {
    if (DISK_FULL.has(systemCode(error) ?? '')) return false;
    throw error;
  }
}
