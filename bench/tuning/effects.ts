import type { Point, Space } from '../../federator/tuning/point.js';
import type { Effect } from './world.js';

/** Bounds as wide as an operator would leave them. */
export const SPACE: Space = {
  waitMultiplier: { kind: 'range', least: 1.1, most: 20 },
  reconfigure: { kind: 'range', least: 10_000, most: 600_000 },
};

/** Fewer nodes where waits may be longer; fresh decisions against what changing costs. Best at about 3.2 and 39 s. */
export const TRADE_OFF: Effect = ({ waitMultiplier = 2, reconfigure = 60_000 }) => ({
  cost: (1 + 2 / waitMultiplier) * (1 + 5000 / reconfigure),
  wait: (1 + 0.2 * waitMultiplier) * (1 + reconfigure / 300_000),
});

/** Nothing that is tuned makes a difference. */
export const NONE: Effect = () => ({ cost: 1, wait: 1 });

export const POOR: Point = { waitMultiplier: 16, reconfigure: 240_000 };
export const USUAL: Point = { waitMultiplier: 2, reconfigure: 60_000 };
