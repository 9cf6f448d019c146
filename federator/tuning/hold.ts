import { keysOf, type Space } from './point.js';
import type { TunedCluster, TuningSight, TuningState } from './state.js';

/** A trial needs clusters to compare. */
const LEAST_CLUSTERS = 2;

/** The clusters whose configs may be set. */
export function tunedOf(
  { pinned }: Pick<TuningState, 'pinned'>,
  { clusters }: TuningSight,
): readonly TunedCluster[] {
  return clusters.filter(({ name, notTuned }) => notTuned === undefined && !pinned.includes(name));
}

/** Why nothing is to be done now; undefined: nothing is in the way. Pure. */
export function holdOf(state: TuningState, sight: TuningSight, space: Space): string | undefined {
  if (!state.on) return 'tuning is off: federate tuning on';
  if (sight.release === null) return 'nothing is live yet';
  if (sight.busy !== undefined) return sight.busy;
  if (keysOf(space).length === 0) return 'the settings leave nothing to be tuned';
  const tuned = tunedOf(state, sight).length;
  if (tuned >= LEAST_CLUSTERS) return undefined;
  const why = sight.clusters.flatMap(({ name, notTuned }) =>
    notTuned === undefined && !state.pinned.includes(name) ? [] : [`${name}: ${notTuned ?? 'pinned'}`],
  );
  const found = tuned === 1 ? 'there is one' : 'there are none';
  return `it takes two clusters that may be tuned, ${found}${why.length === 0 ? '' : ` (${why.join('; ')})`}`;
}
