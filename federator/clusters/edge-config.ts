import type { ClusterStatus, ProxyRate, Release } from '../../common/index.js';
import type { EdgeConfig } from '../daemon/protocol.js';
import type { ClusterDocument, FederationDocument } from '../state/documents.js';

/**
 * The edge's config: its nodes are the clusters' proxies, its routes those of the live release. A cluster that is being
 * added gets no traffic yet, one that is being removed no more. Pure.
 */
export function edgeConfigOf(
  federation: FederationDocument,
  clusters: readonly ClusterDocument[],
  statuses: ReadonlyMap<string, ClusterStatus>,
  live: Release | undefined,
): EdgeConfig {
  return {
    nodes: clusters
      .filter((cluster) => cluster.state !== 'adding')
      .map((cluster) => ({
        name: cluster._id,
        address: cluster.listen.address,
        // The agent's word counts: it may have had to take another port than it was told.
        port: statuses.get(cluster._id)?.proxy.port || cluster.listen.port,
        ...(cluster.weight === undefined ? {} : { weight: cluster.weight }),
        state: cluster.state === 'live' ? ('active' as const) : ('drain' as const),
      })),
    routes: (live?.manifest.routes ?? []).map((route) => ({
      pattern: route.pattern,
      ...(route.methods === undefined ? {} : { methods: route.methods }),
      ...(route.endpoint === undefined ? {} : { endpoint: route.endpoint }),
      class: route.class,
      sticky: route.sticky,
      // Enforced once, where all clients come in.
      ...(route.limit === undefined ? {} : { limit: rateOf(route.limit) }),
    })),
    capture: { enabled: federation.capture },
  };
}

function rateOf({ rate, burst }: NonNullable<Release['manifest']['routes'][number]['limit']>): ProxyRate {
  return { rate, ...(burst === undefined ? {} : { burst }) };
}
