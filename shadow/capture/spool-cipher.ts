import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { DharmaError } from '../../common/index.js';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What of the nonce stands before a sealed record: the counter. The rest is zero. */
const COUNTER_BYTES = 8;

/** What a sealed record has on top of its plain text, bytes. */
export const SEAL_BYTES = COUNTER_BYTES + TAG_BYTES;

/**
 * Seals records with AES-256-GCM under a random key that is nowhere but in this object. A record's index is authenticated
 * with it: it opens as that record of this spool and as no other, so that none can be swapped, left out or played again.
 * The owner must `wipe()` it.
 *
 * Nonces: a counter, 64 bits, big-endian, that rises with every call of `seal`, also where what was sealed was thrown
 * away. A key belongs to one object of one process, so that no nonce comes twice under one key.
 */
export class SpoolCipher {
  readonly #key = randomBytes(KEY_BYTES);
  #counter = 0n;
  #wiped = false;

  /** The record, sealed as the one of that index. */
  seal(index: number, plain: Uint8Array): Buffer {
    this.#checkKey();
    const counter = Buffer.alloc(COUNTER_BYTES);
    counter.writeBigUInt64BE(this.#counter++);
    const cipher = createCipheriv(ALGORITHM, this.#key, nonceOf(counter), { authTagLength: TAG_BYTES });
    cipher.setAAD(authenticated(index));
    return Buffer.concat([counter, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  /** What was sealed as the record of that index. Error: SPOOL_DAMAGED, when this is not it. */
  open(index: number, sealed: Uint8Array): Buffer {
    this.#checkKey();
    try {
      const nonce = nonceOf(sealed.subarray(0, COUNTER_BYTES));
      const end = sealed.length - TAG_BYTES;
      const decipher = createDecipheriv(ALGORITHM, this.#key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(authenticated(index)).setAuthTag(sealed.subarray(Math.max(0, end)));
      return Buffer.concat([decipher.update(sealed.subarray(COUNTER_BYTES, end)), decipher.final()]);
    } catch (error) {
      throw spoolDamaged(index, error);
    }
  }

  /** Overwrites the key: what was sealed with it can be read by nobody any more. */
  wipe(): void {
    this.#wiped = true;
    this.#key.fill(0);
  }

  #checkKey(): void {
    if (this.#wiped) throw new Error('the spool was wiped');
  }
}

/** Error of a spool whose bytes on disk are not those that were written. */
export function spoolDamaged(index: number, cause?: unknown): DharmaError {
  return new DharmaError({
    code: 'SPOOL_DAMAGED',
    message: `captured exchange ${index} is not on disk as it was written`,
    remedy: 'Somebody or something changed the file: see to the disk, then start the shadow again.',
    ...(cause === undefined ? {} : { cause }),
  });
}

function nonceOf(counter: Uint8Array): Buffer {
  return Buffer.concat([Buffer.alloc(NONCE_BYTES - COUNTER_BYTES), counter]);
}

function authenticated(index: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(index));
  return bytes;
}
