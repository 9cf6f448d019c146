import { deserialize, serialize } from 'node:v8';
import type { DiskBudget } from '../capture/disk-budget.js';
import { sealedSize, SealedSegment } from '../capture/sealed-segment.js';
import { SpillQueue } from '../capture/spill-queue.js';
import { SpoolCipher } from '../capture/spool-cipher.js';
import type { LogItem } from './protocol.js';

/** Items and bytes that are read at a time: what a reader holds in memory. */
const BATCH = { items: 256, bytes: 4 * 1024 * 1024 } as const;

interface Reading {
  index: number;
  at: number;
}

/**
 * What was captured and what was done with it, from the beginning, encrypted and in a file without a name: whoever reads
 * it knows what the last reader knew. Where the budget is spent it goes on as a queue, which is read once; nobody can
 * take over then. One reader at a time. The owner must `close()` it.
 */
export class KeeperLog {
  readonly #budget: DiskBudget;
  readonly #cipher = new SpoolCipher();
  readonly #file: SealedSegment;
  readonly #rest: SpillQueue<LogItem>;
  #count = 0;
  #whole = true;
  /** The next item to be read. */
  #reading: Reading = { index: 0, at: 0 };
  /** Items that were there when the reader began. */
  #past = 0;
  #closed = false;
  #wake: (() => void) | undefined;

  /** `path`: where the files are made; `budget`: bytes each of log and queue may have. */
  constructor(path: string, budget: DiskBudget) {
    this.#budget = budget;
    this.#file = new SealedSegment(path, this.#cipher);
    this.#rest = new SpillQueue(`${path}.rest`, budget);
  }

  /** Nothing is missing: a new reader can take over. */
  get isWhole(): boolean {
    return this.#whole;
  }

  /** Bytes of the disk that it may still take. */
  get reservedBytes(): number {
    return Math.max(0, this.#budget(this.#file.bytes) - this.#file.bytes);
  }

  /** Adds what was captured or done. False: there is no room for it; of what was captured that is a loss to be counted. */
  add(item: LogItem): boolean {
    if (this.#closed) return true;
    const kept = this.#keep(item);
    this.#wake?.();
    return kept;
  }

  #keep(item: LogItem): boolean {
    if (this.#whole) {
      const record = serialize(item);
      const fits = this.#file.bytes + sealedSize(record.length) <= this.#budget(this.#file.bytes);
      if (fits && this.#file.append(this.#count, record)) {
        this.#count += 1;
        return true;
      }
      this.#whole = false;
    }
    // Who did it knows; nobody will take over from it.
    if (item.kind === 'entry') return true;
    return this.#rest.push(item, serialize(item).length);
  }

  /** A new reader begins, at the beginning; the one before it gets nothing more. How many items there are. */
  rewind(): number {
    this.#reading = { index: 0, at: 0 };
    this.#past = this.#count;
    this.#wake?.();
    return this.#past;
  }

  /** The next items, at least one; none once it is closed or another one reads. Error: SPOOL_DAMAGED. */
  async read(): Promise<readonly LogItem[]> {
    for (const reading = this.#reading; !this.#closed && reading === this.#reading;) {
      if (reading.index < this.#count) {
        const items = this.#batch(reading);
        if (items.length > 0) return items;
      } else if (!this.#whole) {
        const item = await this.#rest.next();
        return item === undefined ? [] : [item];
      } else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return [];
  }

  /** What a reader has done itself it need not be told. */
  #batch(reading: Reading): LogItem[] {
    const items: LogItem[] = [];
    for (let bytes = 0; reading.index < this.#count && items.length < BATCH.items && bytes < BATCH.bytes;) {
      const { index, at } = reading;
      const { record, next } = this.#file.read(index, at);
      reading.index += 1;
      reading.at = next;
      const item = deserialize(record) as LogItem;
      if (item.kind === 'entry' && index >= this.#past) continue;
      items.push(item);
      bytes += record.length;
    }
    return items;
  }

  /** Gives the disk back and wipes the keys. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cipher.wipe();
    this.#file.close();
    this.#rest.close();
    this.#wake?.();
  }
}
