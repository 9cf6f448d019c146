import type { DharmaErrorJson } from '../../common/index.js';
import type { SizingState } from './decide.js';
import { targetOf, type EndpointTick, type SizingConfig, type SizingInput } from './input.js';
import { gainOf, type Trial } from './returns.js';

/** What slow endpoints ask for. */
export interface Answer {
  readonly trials: SizingState['trials'];
  readonly strain: number;
  /** No fewer nodes than this while a trial is under way. */
  readonly least: number;
  readonly faults: readonly DharmaErrorJson[];
}

/** One more node at a time, each judged by what it brought before the next is asked for. */
export function answerSlow(
  state: Pick<SizingState, 'strain' | 'trials'>,
  slow: readonly EndpointTick[],
  { nodes }: SizingInput,
  config: SizingConfig,
  { have, forecast }: { readonly have: number; readonly forecast: number },
): Answer {
  const trials: Record<string, Trial> = {};
  const faults: DharmaErrorJson[] = [];
  let strain = 1 + (state.strain - 1) * Math.exp(-config.reconfigureMs / STRAIN_MEMORY_MS);
  let least = 0;
  for (const { endpoint, median, perfAvg } of slow) {
    if (median === undefined || perfAvg === undefined) continue;
    const target = targetOf(perfAvg, config);
    const trial = state.trials[endpoint];
    const isOpen = trial !== undefined && (nodes.starting > 0 || nodes.serving <= trial.nodes);
    if (
      trial?.givenUp === true ||
      (trial !== undefined && !isOpen && !gainOf(trial, { nodes: nodes.serving, median }, target).worth)
    ) {
      if (!trial.givenUp) strain = Math.min(strain, trial.strain);
      trials[endpoint] = { ...trial, givenUp: true };
      faults.push(unattainable(endpoint, median, target));
    } else if (isOpen) {
      // Its node is on the way, or was not granted: what it brings cannot be told yet.
      trials[endpoint] = trial;
      least = Math.max(least, nodes.starting > 0 ? have : have + 1);
    } else if (forecast <= have) {
      trials[endpoint] = { nodes: have, median, strain, givenUp: false };
      least = Math.max(least, have + 1);
    }
  }
  const begun = Object.values(trials).some(({ givenUp, nodes: before }) => !givenUp && before === have);
  return { trials, faults, least, strain: begun ? Math.max(strain, least / forecast) : strain };
}

/** As long as residuals are remembered. */
const STRAIN_MEMORY_MS = 5 * 86_400_000;

function unattainable(endpoint: string, median: number, target: number): DharmaErrorJson {
  return {
    code: 'TARGET_UNATTAINABLE',
    message: `more nodes do not bring ${endpoint} to its target: the gain of the last one was not worth its price`,
    found: `median ${median.toFixed(1)} ms, target ${target.toFixed(1)} ms`,
    remedy:
      'Raise waitMultiplier, or look at what the endpoint waits for (a store, a lock, another service).',
  };
}
