import type { Ledger } from '../../common/index.js';

export type Outcome = 'compared' | 'unbound' | 'truncated' | 'unanswered';

/** Accounts for every captured exchange: each is in exactly one column, or pending. */
export class LedgerBook {
  #captured = 0;
  readonly #outcomes: Record<Outcome, number> = { compared: 0, unbound: 0, truncated: 0, unanswered: 0 };
  readonly #dropped = new Map<string, number>();
  readonly #waiting: { readonly captured: number; readonly resolve: () => void }[] = [];

  /** Exchanges were seen by the capture; what becomes of them is told later. */
  capture(count = 1): void {
    this.#captured += count;
  }

  settle(outcome: Outcome): void {
    this.#outcomes[outcome] += 1;
    this.#wake();
  }

  drop(reason: string, count = 1): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + count);
    this.#wake();
  }

  /** Resolves when as many exchanges are accounted for as have been captured by now. */
  settled(): Promise<void> {
    const captured = this.#captured;
    return new Promise((resolve) => {
      this.#waiting.push({ captured, resolve });
      this.#wake();
    });
  }

  /** Lets whoever waits go: nothing more will be accounted for. */
  release(): void {
    for (const waiter of this.#waiting.splice(0)) waiter.resolve();
  }

  read(): Ledger {
    return {
      captured: this.#captured,
      ...this.#outcomes,
      pending: this.#captured - this.#accounted(),
      dropped: Object.fromEntries(this.#dropped),
    };
  }

  #accounted(): number {
    let sum = 0;
    for (const count of Object.values(this.#outcomes)) sum += count;
    for (const count of this.#dropped.values()) sum += count;
    return sum;
  }

  #wake(): void {
    if (this.#waiting.length === 0) return;
    const accounted = this.#accounted();
    for (const waiter of this.#waiting.filter(({ captured }) => captured <= accounted)) {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.resolve();
    }
  }
}
