import { Heap } from './heap.js';

/** What the scheduler needs to know of an exchange: its live interval. */
export interface Interval {
  readonly id: string;
  readonly startedNs: bigint;
  readonly finishedNs: bigint;
}

/**
 * Decides for one arm what may be sent next. The rule: B is sent only when every admitted exchange that had finished,
 * live, before B started has finished in this arm. Exchanges that overlapped live may overlap.
 *
 * Exchanges are admitted in the order they finished live, so whatever must come before B is admitted before B is, and
 * stopping admission at any point cannot deadlock. What is in flight together overlapped live pairwise, so an arm's
 * concurrency never exceeds live's. Each step costs O(log n).
 *
 * Pure: no clock, no I/O.
 */
export class HappensBefore<T extends Interval> {
  /** Admitted and not sent, the earliest start first: live's own order of arrival. */
  readonly #waiting = new Heap<T>((a, b) => a.startedNs < b.startedNs);
  /** Admitted and not finished, the earliest end first; finished ones are dropped when they surface. */
  readonly #unfinished = new Heap<T>((a, b) => a.finishedNs < b.finishedNs);
  readonly #finished = new Set<string>();
  #inFlight = 0;

  /** Exchanges admitted and not sent. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Exchanges sent and not finished. */
  get inFlight(): number {
    return this.#inFlight;
  }

  admit(exchange: T): void {
    this.#waiting.push(exchange);
    this.#unfinished.push(exchange);
  }

  /** Takes the next exchange that may be sent now, or undefined when there is none. */
  next(): T | undefined {
    const candidate = this.#waiting.peek();
    if (candidate === undefined) return undefined;
    // Only what ended strictly before the candidate began must be done; the candidate itself never holds itself up.
    const earliest = this.#earliestUnfinished();
    if (earliest !== undefined && earliest.finishedNs < candidate.startedNs) return undefined;
    this.#waiting.pop();
    this.#inFlight += 1;
    return candidate;
  }

  /** The arm has answered it (or has been given up on). */
  finish(exchange: T): void {
    this.#inFlight -= 1;
    this.#finished.add(exchange.id);
    this.#earliestUnfinished();
  }

  #earliestUnfinished(): T | undefined {
    for (;;) {
      const earliest = this.#unfinished.peek();
      if (earliest === undefined || !this.#finished.delete(earliest.id)) return earliest;
      this.#unfinished.pop();
    }
  }
}
