import type { ClusterSpec, Release } from '../../common/index.js';
import type { ClusterDocument } from '../state/documents.js';

export interface SpecSurroundings {
  /** A release installed on this machine. */
  readonly release: (id: string) => Release | undefined;
  readonly stores: ClusterSpec['stores'];
  readonly writableDir: string;
}

/** What a cluster's agent is told; the releases that are missing on this machine where it cannot be said. Pure. */
export function specOf(
  cluster: ClusterDocument,
  surroundings: SpecSurroundings,
): { readonly spec: ClusterSpec } | { readonly missing: readonly string[] } {
  const active = surroundings.release(cluster.active);
  const warm = cluster.warm.map((id) => surroundings.release(id));
  const missing = [cluster.active, ...cluster.warm].filter((id) => surroundings.release(id) === undefined);
  if (active === undefined || missing.length > 0) return { missing };
  return {
    spec: {
      name: cluster._id,
      generation: cluster.generation,
      config: cluster.config,
      active,
      warm: warm.filter((release) => release !== undefined),
      ...(cluster.warmConfigs === undefined ? {} : { warmConfigs: cluster.warmConfigs }),
      stores: surroundings.stores,
      listen: cluster.listen,
      writableDir: surroundings.writableDir,
      recordOutbound: cluster.recordOutbound,
    },
  };
}
