import { z } from 'zod';
import type { CacheFrame, ProxyCache, ProxyNode, ProxyRoute } from '../../common/index.js';
import type { EdgeAssetSettings } from '../home/settings.js';
import type { Origin, OriginServer } from './origin-addresses.js';

/** Classes of the edge's nodes where assets lie elsewhere than in the app. */
const APP = 'app';
const ASSETS = 'assets';

/**
 * The edge's nodes, routes and cache with the operator's assets. With origins of their own no other route may end there.
 * `servers`: where the origins are; a name may have none just now. Pure.
 */
export function withAssets(
  config: { readonly nodes: readonly ProxyNode[]; readonly routes?: readonly ProxyRoute[] | undefined },
  settings: EdgeAssetSettings,
  diskPath: string,
  servers: readonly OriginServer[],
): { nodes: readonly ProxyNode[]; routes: readonly ProxyRoute[]; cache: ProxyCache } {
  const { memoryBytes, diskBytes, diskObjectBytes, origins, originHost, originPath, signing, requestFields } =
    settings;
  const cache: ProxyCache = {
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(diskBytes === 0 ? {} : { diskPath, diskBytes }),
    ...(diskBytes === 0 || diskObjectBytes === undefined ? {} : { diskObjectBytes }),
    ...hostOf(originHost, origins ?? []),
    ...(originPath === undefined ? {} : { originPath }),
    ...(signing === undefined ? {} : { signing }),
    ...(requestFields === undefined ? {} : { requestFields }),
  };
  const routes = config.routes ?? [];
  if (origins === undefined) return { nodes: config.nodes, routes, cache };
  return {
    nodes: [
      ...config.nodes.map((node) => ({ ...node, class: APP })),
      ...servers.map((server, i) => ({ name: `assets-${i + 1}`, ...server, class: ASSETS })),
    ],
    routes: [
      ...routes.map((route) => ({ ...route, nodeClasses: [route.class === 'asset' ? ASSETS : APP] })),
      // What matches no route must not go to the store either.
      ...(routes.some(takesAll) ? [] : [{ pattern: '/*rest', endpoint: '*', nodeClasses: [APP] }]),
    ],
    cache,
  };
}

/** What the store is called: as the operator says, or by the one name that its servers have. */
function hostOf(told: string | undefined, origins: readonly Origin[]): Pick<ProxyCache, 'originHost'> {
  if (told !== undefined) return { originHost: told };
  const [first, ...others] = new Set(
    origins.map(({ host, port, tls }) =>
      host === undefined || port === (tls ? 443 : 80) ? host : `${host}:${port}`,
    ),
  );
  return first === undefined || others.length > 0 ? {} : { originHost: first };
}

const takesAll = ({ pattern, methods }: ProxyRoute): boolean =>
  methods === undefined && /^\/\*[^/]*$/.test(pattern);

/** What the cache did since the supervisor started, and what it holds. */
export const assetCountsSchema = z.object({
  /** Requests answered from the store. */
  hits: z.int(),
  /** Of stale answers: while a newer one was fetched, or in an error's place. */
  stale: z.int(),
  /** Requests the origin was asked for. */
  misses: z.int(),
  collapsed: z.int(),
  bypassed: z.int(),
  memoryBytes: z.int(),
  diskBytes: z.int(),
  /** Files that were not whole, and answers that could not be written, since the proxy started. */
  diskDamaged: z.int(),
  diskFailures: z.int(),
});
export type AssetCounts = z.output<typeof assetCountsSchema>;

export const NO_ASSET_COUNTS: AssetCounts = {
  hits: 0,
  stale: 0,
  misses: 0,
  collapsed: 0,
  bypassed: 0,
  memoryBytes: 0,
  diskBytes: 0,
  diskDamaged: 0,
  diskFailures: 0,
};

/** The counts with one more frame of a worker. Pure. */
export function addAssets(counts: AssetCounts, frame: CacheFrame): AssetCounts {
  return {
    hits: counts.hits + frame.hits,
    stale: counts.stale + frame.stale,
    misses: counts.misses + frame.misses,
    collapsed: counts.collapsed + frame.collapsed,
    bypassed: counts.bypassed + frame.bypassed,
    memoryBytes: frame.bytes,
    diskBytes: frame.diskBytes,
    diskDamaged: frame.diskDamaged,
    diskFailures: frame.diskFailures,
  };
}
