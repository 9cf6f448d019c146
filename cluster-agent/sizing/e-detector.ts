/**
 * Bets against "nothing is wrong", tick by tick, in units of how much a figure moves by itself. Bets multiply, and start again
 * at 1 whenever they have lost (an e-detector: Shin, Ramdas and Rinaldo 2022). However long one watches, a false alarm
 * comes at most once in `TICKS_BETWEEN` ticks on average; what is clear is believed within a tick or two, what is noisy when
 * its own noise allows. No grace window.
 */

/** A week of minutes. */
const TICKS_BETWEEN = 10_080;
/** Bets on small and on large excesses alike. */
const STAKES = [0.5, 1, 2, 4] as const;

/** log of what the bets have grown to, after another tick with `excess` (in standard deviations). Pure. */
export function bet(log: number, excess: number): number {
  const payout = STAKES.reduce((sum, stake) => sum + Math.exp(stake * excess - stake ** 2 / 2), 0);
  return Math.max(0, log + Math.log(payout / STAKES.length));
}

export function isSure(log: number): boolean {
  return log >= Math.log(TICKS_BETWEEN);
}
