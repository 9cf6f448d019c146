import { decide, newSizing } from '../../cluster-agent/sizing/decide.js';
import type { AnnouncedRun, SizingConfig } from '../../cluster-agent/sizing/input.js';
import {
  expectCrons,
  learnCrons,
  LONGEST_RUN_MS,
  NO_CRON_COSTS,
  type CronStart,
} from '../../cluster-agent/sizing/cron-cost.js';
import type { Policy, World } from './simulate.js';

/** A Monday, midnight UTC. */
const START = Date.UTC(2026, 0, 5);

/** What the app announces: nothing, runs with what they cost, or only when they begin; s from the start. */
export interface Announced {
  readonly runs?: readonly AnnouncedRun[];
  readonly starts?: readonly number[];
}

/** The decision core of `cluster-agent/sizing`, fed by the simulator. */
export function ours(
  { tickSeconds, readySeconds }: World,
  shortShare: number,
  { runs: announced = [], starts = [] }: Announced = {},
): Policy {
  const config: SizingConfig = {
    reconfigureMs: tickSeconds * 1000,
    waitMultiplier: 2,
    least: 1,
    most: 1000,
    maxSpend: undefined,
    shortShare,
    targetCeilingMs: undefined,
  };
  const runs = announced.map(({ from, to, work }) => ({
    from: START + from * 1000,
    to: START + to * 1000,
    work,
  }));
  const crons = starts.map((at): CronStart => ({ name: 'cron', at: START + at * 1000 }));
  let costs = NO_CRON_COSTS;
  let state = newSizing(config);
  return (sight) => {
    const at = START + sight.at * 1000;
    const from = at - tickSeconds * 1000;
    const begun = crons.filter((start) => start.at >= from && start.at < at);
    if (crons.length > 0) costs = learnCrons(costs, { work: sight.seconds, at, starts: begun });
    const near = crons.filter((start) => Math.abs(start.at - at) <= LONGEST_RUN_MS);
    const decision = decide(
      state,
      {
        now: at,
        observation: { at, work: sight.seconds, waiting: sight.waiting, short: sight.short, endpoints: [] },
        nodes: { serving: sight.ready, starting: sight.starting },
        readyMs: readySeconds * 1000,
        announced: [...runs, ...expectCrons(costs, near)],
        price: undefined,
      },
      config,
    );
    state = decision.state;
    return decision.plan.nodes;
  };
}
