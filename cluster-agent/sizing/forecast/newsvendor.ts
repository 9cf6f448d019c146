import { tails, type Residuals } from './residuals.js';
import type { PointForecast } from './methods.js';

export interface Offer {
  readonly forecast: PointForecast;
  readonly residuals: Residuals;
  readonly priorUnit: number;
  /** What a short second costs, in node-seconds. */
  readonly shortPrice: number;
  /** Nodes that are there or on their way; each beyond them costs its start. */
  readonly have: number;
  /** A start, in seconds that a node is paid and does not serve. */
  readonly startSeconds: number;
  /** For how long the choice stands, s. */
  readonly seconds: number;
  readonly least: number;
  readonly most: number;
}

export interface Choice {
  readonly nodes: number;
  /** Share of seconds expected to be short with them. */
  readonly short: number;
}

/** The number of nodes where one more costs more than the short seconds it is expected to spare. Pure. */
export function chooseNodes(offer: Offer): Choice {
  const { forecast, have, seconds, shortPrice, least, most } = offer;
  let best: Choice = { nodes: most, short: 0 };
  let bestCost = Infinity;
  for (let from = least; from <= most; from += BATCH) {
    const counts = Array.from({ length: Math.min(BATCH, most - from + 1) }, (_, i) => from + i);
    const shares = tails(
      offer.residuals,
      counts.map((nodes) => (nodes - forecast.work) / forecast.scale),
      offer.priorUnit,
    );
    for (const [i, nodes] of counts.entries()) {
      const short = shares[i]!;
      const starts = Math.max(0, nodes - have) * offer.startSeconds;
      const cost = nodes * seconds + starts + shortPrice * seconds * short;
      if (cost < bestCost) {
        bestCost = cost;
        best = { nodes, short };
      }
      // Even if further nodes spared every short second that is left, they would not pay.
      if (shortPrice * short < 1) return best;
    }
  }
  return best;
}

/** Nodes weighed at a time, so that a large fleet is no longer loop than it needs. */
const BATCH = 64;
