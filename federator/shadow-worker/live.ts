import type { AppManifest } from '../../common/index.js';
import type { ClusterDocument } from '../state/documents.js';
import { join } from 'node:path';

/** What an arm must be given so that it runs as live's nodes do. */
export interface LiveSurroundings {
  /** Env that clusters add to the release's, without stores, outbound addresses and folders. */
  readonly env: Readonly<Record<string, string>>;
  /** Env name → the address live really calls. */
  readonly outboundUrls: Readonly<Record<string, string>>;
  /** Env name → live's folder. */
  readonly writable: Readonly<Record<string, string>>;
}

/**
 * The surroundings of live's nodes. Clusters differ in their env on purpose; all arms get that of the first cluster by
 * name, so that old and new differ in the update alone. Pure.
 */
export function liveSurroundings(
  manifest: AppManifest,
  clusters: readonly ClusterDocument[],
  writableDir: string,
): LiveSurroundings {
  const [first] = [...clusters].sort((a, b) => (a._id < b._id ? -1 : 1));
  const env = first?.config.env ?? {};
  const outbound = new Set(Object.keys(manifest.outbound));
  const set = new Set([
    manifest.stores.mongo,
    manifest.stores.redis,
    ...outbound,
    ...Object.keys(manifest.writable),
  ]);
  return {
    env: Object.fromEntries(Object.entries(env).filter(([name]) => !set.has(name))),
    outboundUrls: Object.fromEntries(
      Object.entries(manifest.outbound).map(([name, url]) => [name, env[name] ?? url]),
    ),
    writable: Object.fromEntries(
      Object.entries(manifest.writable).map(([name, folder]) => [name, join(writableDir, folder)]),
    ),
  };
}
