import type { TuningView } from './view.js';

/** What tuning does with a cluster's config, for those who ask why the cluster is as it is. Pure. */
export function tuningOf(view: TuningView, cluster: string): string[] {
  const own = view.clusters.find((one) => one.cluster === cluster);
  if (!view.on || own === undefined) return [];
  const share = own.weight === 1 ? [] : [`share of the edge's traffic ${own.weight.toFixed(2)}`];
  return [roleOf(view, own), ...(view.hold === undefined ? [] : [`holds: ${view.hold}`]), ...share];
}

function roleOf({ trial }: TuningView, own: TuningView['clusters'][number]): string {
  if (own.pinned) return 'leaves its config alone: pinned';
  if (own.notTuned !== undefined) return `leaves its config alone: ${own.notTuned}`;
  if (trial === null) return 'has the best config so far';
  const { what, because, compared, won } = trial;
  const has = trial.challenging.includes(own.cluster)
    ? `has what is tried: ${what} (${because})`
    : `has the best config so far, beside those that try ${what}`;
  return `${has}; better in ${won} of ${compared} comparisons`;
}
