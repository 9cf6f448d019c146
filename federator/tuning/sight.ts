import { sizingBounds, type ClusterStatus } from '../../common/index.js';
import type { ClusterDocument, OperationDocument, UpgradeDocument } from '../state/documents.js';
import type { Ledger } from '../spend/ledger.js';
import { pointOf, type Space } from './point.js';
import type { TunedCluster } from './state.js';

/** A cluster as tuning sees it. Pure. */
export function tunedCluster(
  { _id: name, config, state, generation }: ClusterDocument,
  status: ClusterStatus | undefined,
  space: Space,
): TunedCluster {
  const isNow = status !== undefined && status.generation >= generation;
  const notTuned =
    state !== 'live'
      ? `it is ${state === 'adding' ? 'being added' : 'being removed'}`
      : sizingBounds(config) === undefined && space.nodeSize === undefined
        ? 'its number of nodes is fixed by its config (minNodes or maxNodes has it sized)'
        : undefined;
  return {
    name,
    point: pointOf(config, space),
    ...(notTuned === undefined ? {} : { notTuned }),
    standing: isNow ? status.state : 'converging',
    reconfigureMs: config.reconfigure,
    readyMs: status?.sizing?.readyMs ?? 0,
  };
}

/** Why configs must not be touched now; undefined: nothing is in the way. Pure. */
export function busyWith(
  upgrade: UpgradeDocument | undefined,
  operations: readonly OperationDocument[],
): string | undefined {
  if (upgrade !== undefined)
    return `upgrade ${upgrade._id} is under way (${upgrade.kind === 'shadow' ? `a shadow, ${upgrade.state}` : 'a deploy'})`;
  const [first] = operations;
  return first === undefined ? undefined : `${first.kind} of ${first.subject} is under way`;
}

/** What clusters cost an hour now: US dollars by the ledger, or nodes where nobody's cost anything. Pure. */
export function hourlyOf(
  clusters: readonly ClusterDocument[],
  status: (name: string) => ClusterStatus | undefined,
  { entries }: Ledger,
): ReadonlyMap<string, number> {
  const isFree = entries.every(({ hourly }) => hourly === 0);
  return new Map(
    clusters.flatMap(({ _id: name }) => {
      const own = status(name);
      if (own === undefined) return [];
      const spent = entries
        .filter(({ cluster }) => cluster === name)
        .reduce((sum, { hourly }) => sum + hourly, 0);
      return [[name, isFree ? own.nodes.length : spent] as const];
    }),
  );
}
