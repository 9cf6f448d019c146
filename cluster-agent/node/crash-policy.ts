import { nextBackoff, type Backoff } from '../../common/index.js';

/** How a node has done so far, for deciding what comes after its process has ended. */
export interface LifeHistory {
  /** Lives in a row that ended before they were stable. */
  readonly crashesInRow: number;
  /** Whether it has ever passed its route tests. */
  readonly everReady: boolean;
}

/** One crash may be a bad request and two bad luck; a third without a stable time between is how this node is. */
const CRASH_LOOP = 3;

/**
 * What follows a life of `readyMs` milliseconds of serving (0: it never got that far). A node that is `failed` is still
 * tried again, ever more slowly: what it waits for may come back. One that has never worked is failed at once, so that a
 * deploy hears of it.
 */
export function afterLife(
  history: LifeHistory,
  readyMs: number,
  backoff: Backoff,
): { readonly history: LifeHistory; readonly waitMs: number; readonly failed: boolean } {
  const everReady = history.everReady || readyMs > 0;
  const crashesInRow = readyMs > backoff.stableAfter ? 1 : history.crashesInRow + 1;
  return {
    history: { crashesInRow, everReady },
    waitMs: nextBackoff(backoff, crashesInRow),
    failed: !everReady || crashesInRow >= CRASH_LOOP,
  };
}
