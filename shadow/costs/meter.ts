import type { Clock } from '../../common/index.js';
import type { CostBook } from './cost-book.js';
import { resourcesOf } from './resources.js';

/**
 * Reading what the arms' processes have taken costs about a millisecond: it is done so often at most, ms, and CPU time is
 * told in larger steps anyway.
 */
const READ_EVERY_MS = 50;

/** Reads what the arms take when they lie still, and tells the book. */
export class Meter {
  readonly #book: CostBook;
  readonly #pids: () => readonly number[];
  readonly #clock: Clock;
  #exchanges = 0;
  #readAt: number;

  /** Reads at once, before the first exchange. `pids`: of the arms' apps as they run now. */
  constructor(book: CostBook, pids: () => readonly number[], clock: Clock) {
    this.#book = book;
    this.#pids = pids;
    this.#clock = clock;
    this.#readAt = clock.monotonic();
    this.#read();
  }

  /** The arms lie still after so many more exchanges. */
  still(exchanges: number): void {
    this.#exchanges += exchanges;
    if (this.#clock.monotonic() - this.#readAt >= READ_EVERY_MS) this.#read();
  }

  #read(): void {
    this.#book.taken(this.#pids().map(resourcesOf), this.#exchanges);
    this.#exchanges = 0;
    this.#readAt = this.#clock.monotonic();
  }
}
