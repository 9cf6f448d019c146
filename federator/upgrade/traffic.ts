import { isDeepStrictEqual } from 'node:util';
import { limitsOf, type ClusterConfig } from '../../common/index.js';
import { CONVERGE_MS, isConverged } from '../clusters/planners.js';
import type { ClusterDocument, ConfigChange, UpgradeDocument } from '../state/documents.js';
import type { UpgradeContext } from './context.js';

/** Moving clusters from one release, and config, to another. Each function may be repeated, and cut short anywhere. */

/** Where clusters are taken: a release, and the config of each that gets another one. */
export interface Move {
  readonly release: string;
  readonly configs: Readonly<Record<string, ClusterConfig>>;
}

/** To what the upgrade makes, once it is known which release that is. Pure. */
export function forth({ configs }: Pick<UpgradeDocument, 'configs'>, next: string): Move {
  return { release: next, configs: byCluster(configs, ({ after }) => after) };
}

/** To what there was before the upgrade. Pure. */
export function back({ base, configs }: Pick<UpgradeDocument, 'base' | 'configs'>): Move {
  return { release: base, configs: byCluster(configs, ({ before }) => before) };
}

function byCluster(
  configs: readonly ConfigChange[] = [],
  which: (change: ConfigChange) => ClusterConfig,
): Move['configs'] {
  return Object.fromEntries(configs.map((change) => [change.cluster, which(change)]));
}

/**
 * Starts and tests nodes of another release beside the active ones, in every cluster, by the config that they will have;
 * resolves when all are ready.
 */
export async function warmEverywhere(
  { clusters, reconciler }: UpgradeContext,
  { release, configs }: Move,
  signal: AbortSignal,
): Promise<void> {
  const all = await clusters.list();
  for (const { _id: name, active, warm, warmConfigs = {} } of all) {
    if (active === release || warm.includes(release)) continue;
    const own = configs[name];
    await clusters.change(name, {
      warm: [...warm, release],
      ...(own === undefined ? {} : { warmConfigs: { ...warmConfigs, [release]: own } }),
    });
  }
  await Promise.all(
    all.map(({ _id: name }) =>
      reconciler.waitFor(
        name,
        (status) => isConverged(status) && status.readyReleases.includes(release),
        signal,
        CONVERGE_MS,
      ),
    ),
  );
}

/**
 * Takes one cluster there. What served before stays warm, by the config it had; nodes that are not there yet are started and
 * tested beside it first.
 */
export async function flip(
  context: UpgradeContext,
  name: string,
  move: Move,
  signal: AbortSignal,
): Promise<void> {
  await writeFlip(context, name, move, 'warm');
  await context.reconciler.waitFor(
    name,
    (status) => status.activeRelease === move.release && isConverged(status),
    signal,
    CONVERGE_MS,
  );
}

/** Takes back a flip that did not come to its end: the nodes that it was for are no longer wanted. */
export async function takeBack(
  context: UpgradeContext,
  name: string,
  move: Move,
  signal: AbortSignal,
): Promise<void> {
  await writeFlip(context, name, move, 'gone');
  await context.reconciler.waitFor(
    name,
    (status) => status.activeRelease === move.release && isConverged(status),
    signal,
    CONVERGE_MS,
  );
}

/** Takes all clusters back from `from` at once and waits until the proxies have it. */
export async function flipEverywhere(
  context: UpgradeContext,
  from: string | null,
  to: Move,
  signal: AbortSignal,
): Promise<void> {
  const all = await context.clusters.list();
  // Between releases the traffic has moved once the release has: nodes of a new one that does not work are no obstacle.
  const isSame = from === to.release;
  await Promise.all(all.map(({ _id: name }) => writeFlip(context, name, to, isSame ? 'gone' : 'warm')));
  await Promise.all(
    all.map(({ _id: name }) =>
      context.reconciler.waitFor(
        name,
        (status) => status.activeRelease === to.release && (!isSame || isConverged(status)),
        signal,
        CONVERGE_MS,
      ),
    ),
  );
}

async function writeFlip(
  { clusters, reconciler }: UpgradeContext,
  name: string,
  move: Move,
  before: 'warm' | 'gone',
): Promise<void> {
  const cluster = await clusters.get(name);
  const next = cluster && flipped(cluster, move, before);
  if (next === undefined) return;
  await clusters.change(name, next);
  reconciler.nudge();
}

/** What the edge has stored of the app's own assets is of another release: it is asked for anew. */
export async function forgetAssets({ supervisor }: UpgradeContext): Promise<void> {
  await supervisor.forgetAppAssets();
}

/** The cluster once it is there, and what served before warm or gone; undefined: it is there already. Pure. */
export function flipped(
  { _id: name, active, config, warm, warmConfigs = {} }: ClusterDocument,
  { release, configs }: Move,
  before: 'warm' | 'gone',
): Pick<ClusterDocument, 'active' | 'config' | 'warm' | 'warmConfigs'> | undefined {
  const after = configs[name] ?? config;
  const isSameConfig = isDeepStrictEqual(after, config);
  // Told again, an agent would converge again.
  if (active === release && isSameConfig) return undefined;
  const keeps = before === 'warm' && (active !== release || !haveNodesAlike(config, after));
  const others = warm.filter((id) => id !== release && id !== active);
  return {
    active: release,
    config: after,
    warm: keeps ? [...others, active] : others,
    warmConfigs: { ...only(warmConfigs, others), ...(keeps && !isSameConfig ? { [active]: config } : {}) },
  };
}

/** Whether nodes by one config would do for the other. */
function haveNodesAlike(one: ClusterConfig, other: ClusterConfig): boolean {
  const told = (config: ClusterConfig): unknown => [config.nodeSize, limitsOf(config), config.env];
  return isDeepStrictEqual(told(one), told(other));
}

function only<T>(all: Readonly<Record<string, T>>, keys: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(all).filter(([key]) => keys.includes(key)));
}

/** Ends the warm nodes of all releases but those named. */
export async function coolEverywhere(
  { clusters, reconciler }: UpgradeContext,
  keep: readonly string[] = [],
): Promise<void> {
  for (const { _id: name, warm, warmConfigs = {} } of await clusters.list()) {
    const kept = warm.filter((release) => keep.includes(release));
    if (kept.length === warm.length) continue;
    await clusters.change(name, { warm: kept, warmConfigs: only(warmConfigs, kept) });
  }
  reconciler.nudge();
}

/** Switches the recording of outbound calls in all clusters; resolves when all agents have it. */
export async function recordOutbound(
  { clusters, reconciler }: UpgradeContext,
  on: boolean,
  signal: AbortSignal,
): Promise<void> {
  const all = await clusters.list();
  for (const cluster of all)
    if (cluster.recordOutbound !== on) await clusters.change(cluster._id, { recordOutbound: on });
  await Promise.all(all.map(({ _id: name }) => reconciler.waitFor(name, isConverged, signal, CONVERGE_MS)));
}
