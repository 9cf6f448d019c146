import { decide, newSizing } from '../../cluster-agent/sizing/decide.js';
import type { AnnouncedRun, SizingConfig } from '../../cluster-agent/sizing/input.js';
import type { Policy, World } from './simulate.js';

/** A Monday, midnight UTC. */
const START = Date.UTC(2026, 0, 5);

/** The decision core of `cluster-agent/sizing`, fed by the simulator. `announced`: runs as the app would have announced them, s from the start. */
export function ours(
  { tickSeconds, readySeconds }: World,
  shortShare: number,
  announced: readonly AnnouncedRun[] = [],
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
  let state = newSizing(config);
  return (sight) => {
    const at = START + sight.at * 1000;
    const decision = decide(
      state,
      {
        now: at,
        observation: { at, work: sight.seconds, waiting: sight.waiting, short: sight.short, endpoints: [] },
        nodes: { serving: sight.ready, starting: sight.starting },
        readyMs: readySeconds * 1000,
        announced: runs,
        price: undefined,
      },
      config,
    );
    state = decision.state;
    return decision.plan.nodes;
  };
}
