import { bet, isSure } from './e-detector.js';

/**
 * Whether an endpoint's median really is above its threshold (waitMultiplier × perfAvg). If it is not, at most half of its
 * requests take longer. Each tick bets against that (see `e-detector`), in units of how much the share has varied by itself.
 */
export interface WaitTest {
  /** log of what the bets have grown to since they last were at 1. */
  readonly log: number;
  /** Smoothed square of how far the share moves from tick to tick by itself. */
  readonly noise: number;
  readonly share: number | undefined;
}

/** Before it has been measured, a share moves by a tenth. */
const FIRST_NOISE = 0.01;
const NOISE_TICKS = 10;
/** The share that is under test: the median. */
const HALF = 0.5;

export const NO_WAIT_TEST: WaitTest = { log: 0, noise: FIRST_NOISE, share: undefined };

/** After a tick with `count` successes, of which `over` took longer than the threshold. Nothing sent says nothing. */
export function weighWait(before: WaitTest, count: number, over: number): WaitTest {
  if (count === 0) return before;
  const share = over / count;
  const deviation = Math.sqrt(before.noise + (HALF * HALF) / count);
  const moved = before.share === undefined ? before.noise : (share - before.share) ** 2 / 2;
  return {
    log: bet(before.log, (share - HALF) / deviation),
    noise: before.noise + (moved - before.noise) / NOISE_TICKS,
    share,
  };
}

export function isSlow({ log }: WaitTest): boolean {
  return isSure(log);
}
