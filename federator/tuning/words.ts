import { difference } from './point.js';
import type { TuningState } from './state.js';
import type { Subject, Trial } from './trial.js';
import { weightsText } from './weights.js';

/** What is tried, for people. */
export function whatOf(subject: Subject, { search, weights, tuned }: TuningState): string {
  if (subject.kind === 'config') return difference(search!.best, subject.point);
  return `shares at the edge ${weightsText(weights, tuned)} → ${weightsText(subject.weights, tuned)}`;
}

/** Why it is tried, for people. */
export function reasonOf(subject: Subject): string {
  if (subject.kind === 'weights') return 'clients wait longer at some clusters, whatever config these run';
  const { origin } = subject;
  return origin.kind === 'brought'
    ? `${origin.cluster} came with it`
    : `a step ${origin.direction} in ${origin.key} from the best so far`;
}

/** What the challenger brings, in the mean, for people. */
export function gainText({ gain, compared }: Trial): string {
  if (compared === 0) return 'nothing was compared';
  const percent = (log: number): string => {
    const change = (Math.exp(-log / compared) - 1) * 100;
    return `${change > 0 ? '+' : ''}${change.toFixed(1)}%`;
  };
  return `cost per request ${percent(gain.cost)}, time to answer ${percent(gain.wait)}`;
}
