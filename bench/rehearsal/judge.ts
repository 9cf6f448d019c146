import { Endpoints } from '../../shadow/endpoint.js';
import { Judge } from '../../shadow/judge.js';
import { armNames } from '../../shadow/options.js';
import type { EffectDelta } from '../../shadow/arms-contract.js';

export const ARM_NAMES = armNames('2x2');

/** What the arms did besides answering: nothing. */
export const NO_EFFECTS: readonly EffectDelta[] = ARM_NAMES.map(() => ({ entries: [], calls: [] }));

/** The judge as an upgrade has it. */
export function newJudge(): Judge {
  return new Judge({
    arms: ARM_NAMES,
    endpoints: new Endpoints([]),
    request: { forwarded: true },
    roots: ARM_NAMES.map((arm) => [`/srv/releases/${arm}`, `/srv/arms/${arm}`]),
    indexOf: (exchange) => Number.parseInt(exchange.id, 16),
  });
}
