import { deserialize, serialize } from 'node:v8';
import type { Exchange, OutboundCall } from '../../common/index.js';
import type { DiskBudget } from './disk-budget.js';
import { sealedSize, SealedSegment } from './sealed-segment.js';
import { SpoolCipher } from './spool-cipher.js';

/** What was replayed, and what live called out to meanwhile. */
export type Kept =
  | { readonly kind: 'call'; readonly call: OutboundCall }
  | { readonly kind: 'exchange'; readonly exchange: Exchange; readonly index: number };

/**
 * The first of what was replayed, from the clone on and without a gap, to be replayed again beside other releases.
 * Encrypted as the spool is, and in a file without a name. The owner must `close()` it.
 */
export class KeptExchanges {
  readonly #path: string;
  readonly #budget: DiskBudget;
  readonly #cipher = new SpoolCipher();
  #segment: SealedSegment | undefined;
  #count = 0;
  #lastIndex = -1;
  #full = false;

  /** `path`: where the file is made; `budget`: bytes it may have. */
  constructor(path: string, budget: DiskBudget) {
    this.#path = path;
    this.#budget = budget;
  }

  /** Bytes of the disk it holds. */
  get bytes(): number {
    return this.#segment?.bytes ?? 0;
  }

  /** Bytes of the disk that it may still take. */
  get reservedBytes(): number {
    return this.#full ? 0 : Math.max(0, this.#budget(this.bytes) - this.bytes);
  }

  /** The number of the last exchange that is kept; -1: none is. */
  get lastIndex(): number {
    return this.#lastIndex;
  }

  /** Something had no room: nothing that comes later is kept either, for it may hang on it. */
  get isFull(): boolean {
    return this.#full;
  }

  keep(item: Kept): void {
    if (this.#full) return;
    const record = serialize(item);
    const fits = this.bytes + sealedSize(record.length) <= this.#budget(this.bytes);
    this.#segment ??= new SealedSegment(this.#path, this.#cipher);
    if (!fits || !this.#segment.append(this.#count, record)) {
      this.#full = true;
      return;
    }
    this.#count += 1;
    if (item.kind === 'exchange') this.#lastIndex = Math.max(this.#lastIndex, item.index);
  }

  /** What is kept by now, in the order in which it was. Error: SPOOL_DAMAGED. */
  *read(): Generator<Kept, void, undefined> {
    const count = this.#count;
    for (let index = 0, at = 0; index < count; index += 1) {
      if (this.#segment === undefined) return; // Closed meanwhile.
      const { record, next } = this.#segment.read(index, at);
      at = next;
      yield deserialize(record) as Kept;
    }
  }

  /** Gives the disk back and wipes the key. Idempotent. */
  close(): void {
    this.#full = true;
    this.#cipher.wipe();
    this.#segment?.close();
    this.#segment = undefined;
  }
}
