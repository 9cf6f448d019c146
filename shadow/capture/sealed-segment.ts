import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { systemCode } from '../../common/index.js';
import { SEAL_BYTES, spoolDamaged, type SpoolCipher } from './spool-cipher.js';

/** Before each record: the length of what is sealed. */
const HEAD_BYTES = 4;

/** What a disk says that is full, or whose quota is. */
const DISK_FULL = new Set(['ENOSPC', 'EDQUOT']);

/** What a record of so many bytes takes of a segment. */
export function sealedSize(recordBytes: number): number {
  return HEAD_BYTES + recordBytes + SEAL_BYTES;
}

/**
 * Sealed records one after the other in a file that has no name: it is unlinked as soon as it is open, so that whatever
 * ends the process leaves none behind. The owner must `close()` it.
 */
export class SealedSegment {
  readonly #fd: number;
  readonly #cipher: SpoolCipher;
  #bytes = 0;

  /** `path`: where the file is made. */
  constructor(path: string, cipher: SpoolCipher) {
    this.#cipher = cipher;
    rmSync(path, { force: true });
    this.#fd = openSync(path, 'wx+', 0o600);
    rmSync(path);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Writes the record of that index at the end. False: the disk is full, and nothing was added. */
  append(index: number, record: Uint8Array): boolean {
    const sealed = this.#cipher.seal(index, record);
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32BE(sealed.length);
    if (!writeAll(this.#fd, Buffer.concat([head, sealed]), this.#bytes)) return false;
    this.#bytes += HEAD_BYTES + sealed.length;
    return true;
  }

  /** The record of that index, which begins at byte `at`, and where the next one begins. Error: SPOOL_DAMAGED. */
  read(index: number, at: number): { readonly record: Buffer; readonly next: number } {
    const from = at + HEAD_BYTES;
    const next = from + this.#readAt(index, at, HEAD_BYTES).readUInt32BE(0);
    if (next > this.#bytes) throw spoolDamaged(index);
    return { record: this.#cipher.open(index, this.#readAt(index, from, next - from)), next };
  }

  close(): void {
    closeSync(this.#fd);
  }

  #readAt(index: number, at: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    if (readSync(this.#fd, bytes, 0, length, at) !== length) throw spoolDamaged(index);
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
