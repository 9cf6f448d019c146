import type { AnnouncedRun } from '../../cluster-agent/sizing/input.js';
import { ours } from './ours.js';
import { RIVALS, type Rival } from './rivals.js';
import { oracleCost, simulate, type Score, type World } from './simulate.js';
import type { Trace } from './traces.js';

export interface Row {
  readonly trace: string;
  readonly readySeconds: number;
  readonly who: string;
  readonly score: Score;
  /** Cost over the oracle's. */
  readonly ratio: number;
}

/** Fleets begin with so many nodes. */
const FIRST = 10;
/** Above a target of 1 a fleet only falls behind, and pays for it later. */
const KNOB: readonly [number, number] = [0.1, 1];
const BISECTIONS = 14;

/** The rival with its knob turned until it costs what is given, or as near as it gets. */
export function atCost(
  rival: Rival,
  cost: number,
  load: Float64Array,
  world: World,
): { knob: number; score: Score } {
  let [low, high] = KNOB;
  for (let i = 0; i < BISECTIONS; i += 1) {
    const middle = (low + high) / 2;
    if (simulate(load, rival.make(middle), world, FIRST).cost > cost) low = middle;
    else high = middle;
  }
  return { knob: high, score: simulate(load, rival.make(high), world, FIRST) };
}

/** Everyone on one trace. */
export function comparePolicies(
  trace: Trace,
  world: World,
  shortShare: number,
  announced: readonly AnnouncedRun[],
): Row[] {
  const load = trace.seconds;
  const oracle = oracleCost(load, world);
  const row = (who: string, score: Score): Row => ({
    trace: trace.name,
    readySeconds: world.readySeconds,
    who,
    score,
    ratio: score.cost / oracle,
  });
  const mine = simulate(load, ours(world, shortShare), world, FIRST);
  const told =
    announced.length === 0
      ? []
      : [
          row(
            'dharma, told when cron runs',
            simulate(
              load,
              ours(world, shortShare, { starts: announced.map(({ from }) => from) }),
              world,
              FIRST,
            ),
          ),
          row(
            'dharma, told what cron costs',
            simulate(load, ours(world, shortShare, { runs: announced }), world, FIRST),
          ),
        ];
  const rivals = RIVALS.flatMap((rival) => {
    const equal = atCost(rival, mine.cost, load, world);
    return [
      row(`${rival.name} at ${rival.usual}`, simulate(load, rival.make(rival.usual), world, FIRST)),
      row(`${rival.name} at equal cost (${equal.knob.toFixed(2)})`, equal.score),
    ];
  });
  return [row('dharma', mine), ...told, ...rivals];
}
