import type { DiskBudget } from './disk-budget.js';
import { sealedSize, SealedSegment } from './sealed-segment.js';
import { SpoolCipher } from './spool-cipher.js';

/** A file of the spool is given back to the disk when all of it was read: so much waits for that at most. */
const SEGMENT_BYTES = 64 * 1024 * 1024;

interface Reading {
  readonly segment: SealedSegment;
  /** Where the next record begins. */
  at: number;
}

/**
 * Records on disk, first in first out, encrypted (see SpoolCipher) and in files without a name (see SealedSegment). The
 * owner must `close()` it.
 */
export class SpoolFile {
  readonly #path: string;
  readonly #budget: DiskBudget;
  readonly #segmentBytes: number;
  readonly #cipher = new SpoolCipher();
  readonly #segments: Reading[] = [];
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
    const size = sealedSize(record.length);
    if (!this.#isAllowed(size) || !this.#segmentToWrite().append(this.#written, record)) return false;
    this.#bytes += size;
    this.#written += 1;
    return true;
  }

  /** The oldest record; undefined: none waits. Error: SPOOL_DAMAGED. */
  shift(): Buffer | undefined {
    if (this.length === 0) return undefined;
    const reading = this.#segments[0]!;
    const { record, next } = reading.segment.read(this.#read, reading.at);
    reading.at = next;
    this.#read += 1;
    if (next === reading.segment.bytes) this.#release();
    return record;
  }

  /** Gives the disk back and wipes the key. Idempotent. */
  close(): void {
    this.#cipher.wipe();
    for (const { segment } of this.#segments.splice(0)) segment.close();
    this.#bytes = 0;
    this.#read = this.#written;
  }

  /** The budget is asked with each new segment, and when it would be exceeded. */
  #isAllowed(size: number): boolean {
    const last = this.#segments.at(-1)?.segment;
    const isNewSegment = last === undefined || last.bytes >= this.#segmentBytes;
    if (isNewSegment || this.#bytes + size > this.#allowed) this.#allowed = this.#budget(this.#bytes);
    return this.#bytes + size <= this.#allowed;
  }

  #segmentToWrite(): SealedSegment {
    const last = this.#segments.at(-1)?.segment;
    if (last !== undefined && last.bytes < this.#segmentBytes) return last;
    const segment = new SealedSegment(this.#path, this.#cipher);
    this.#segments.push({ segment, at: 0 });
    return segment;
  }

  #release(): void {
    const { segment } = this.#segments.shift()!;
    segment.close();
    this.#bytes -= segment.bytes;
  }
}
