import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { limitsOf, type AppManifest, type ClusterConfig, type NodeLimits } from '../../common/index.js';
import type { ClusterDocument, ConfigChange } from '../state/documents.js';
import { changedKeys } from '../upgrade/configs.js';

/** What an arm must be given so that it runs as live's nodes do. */
export interface LiveSurroundings {
  /** Env that clusters add to the release's, without stores, outbound addresses and folders. */
  readonly env: Readonly<Record<string, string>>;
  /** The same for the new arms, where the update changes a cluster's config. */
  readonly newEnv?: Readonly<Record<string, string>>;
  /** What nodes of each release may take, where clusters' configs say it of their size. */
  readonly limits?: { readonly old?: NodeLimits; readonly new?: NodeLimits };
  /** What of the update no arm can show. */
  readonly caveats?: readonly string[];
  /** Env name → the address live really calls. */
  readonly outboundUrls: Readonly<Record<string, string>>;
  /** Env name → live's folder. */
  readonly writable: Readonly<Record<string, string>>;
}

/**
 * The surroundings of live's nodes. Clusters differ in their env on purpose; all arms get that of the first cluster by
 * name, so that old and new differ in the update alone. Where the update is of configs, old and new have those of the first
 * cluster that it changes. Pure.
 */
export function liveSurroundings(
  manifest: AppManifest,
  clusters: readonly ClusterDocument[],
  writableDir: string,
  configs: readonly ConfigChange[] = [],
  cpus: number = availableParallelism(),
): LiveSurroundings {
  const [changed] = configs;
  const [first] = [...clusters].sort((a, b) => (a._id < b._id ? -1 : 1));
  const before = changed?.before ?? first?.config;
  const after = changed?.after ?? before;
  const env = before?.env ?? {};
  const limits = armLimits(before, after);
  const caveats = [...notRehearsed(configs), ...tooSmallFor(limits, cpus)];
  const outbound = new Set(Object.keys(manifest.outbound));
  const set = new Set([
    manifest.stores.mongo,
    manifest.stores.redis,
    ...outbound,
    ...Object.keys(manifest.writable),
  ]);
  const own = (all: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(all).filter(([name]) => !set.has(name)));
  return {
    env: own(env),
    ...(changed === undefined ? {} : { newEnv: own(changed.after.env) }),
    ...(limits === undefined ? {} : { limits }),
    ...(changed === undefined && caveats.length === 0 ? {} : { caveats }),
    outboundUrls: Object.fromEntries(
      Object.entries(manifest.outbound).map(([name, url]) => [name, env[name] ?? url]),
    ),
    writable: Object.fromEntries(
      Object.entries(manifest.writable).map(([name, folder]) => [name, join(writableDir, folder)]),
    ),
  };
}

function armLimits(
  before: ClusterConfig | undefined,
  after: ClusterConfig | undefined,
): LiveSurroundings['limits'] {
  const [old, fresh] = [before, after].map((config) => config && limitsOf(config));
  if (old === undefined && fresh === undefined) return undefined;
  return { ...(old === undefined ? {} : { old }), ...(fresh === undefined ? {} : { new: fresh }) };
}

/** A size of more CPUs than this machine has cannot be shown on it. */
function tooSmallFor(limits: LiveSurroundings['limits'], cpus: number): string[] {
  const most = Math.max(limits?.old?.cpus ?? 0, limits?.new?.cpus ?? 0);
  return most > cpus ? [`a copy could take ${most} CPUs, and this machine has ${cpus}`] : [];
}

/** An arm is one copy of the app on this machine: of a cluster's config its env reaches it, and its size where that is said. */
function notRehearsed(configs: readonly ConfigChange[]): string[] {
  const [first, ...others] = configs;
  if (first === undefined) return [];
  const { before, after } = first;
  const { nodeSize, sizes } = limitsOf(before) && limitsOf(after) ? before : after;
  const beyond = changedKeys({ before, after: { ...after, env: before.env, nodeSize, sizes } });
  const unsaid = after.nodeSize !== before.nodeSize && nodeSize === after.nodeSize;
  return [
    ...(beyond.length === 0
      ? []
      : [
          `no copy of the app shows what is of the cluster as a whole, or of its machines: ${beyond.join('; ')}`,
        ]),
    ...(unsaid
      ? ['"sizes" in a cluster\'s config say what nodes of a size have: copies are then held to it']
      : []),
    ...(others.length === 0
      ? []
      : [
          `the env is that of ${first.cluster}; not rehearsed: ${others.map(({ cluster }) => cluster).join(', ')}`,
        ]),
  ];
}
