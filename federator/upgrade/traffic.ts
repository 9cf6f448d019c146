import { CONVERGE_MS, isConverged } from '../clusters/planners.js';
import type { UpgradeContext } from './context.js';

/** Moving clusters from one release to another. Each function may be repeated, and cut short anywhere. */

/** Starts and tests nodes of `release` beside the active ones, in every cluster; resolves when all are ready. */
export async function warmEverywhere(
  { clusters, reconciler }: UpgradeContext,
  release: string,
  signal: AbortSignal,
): Promise<void> {
  const all = await clusters.list();
  for (const { _id: name, active, warm } of all)
    if (active !== release && !warm.includes(release))
      await clusters.change(name, { warm: [...warm, release] });
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

/** Moves one cluster's traffic to `to`; what served before stays warm. */
export async function flip(
  context: UpgradeContext,
  name: string,
  to: string,
  signal: AbortSignal,
): Promise<void> {
  await writeFlip(context, name, to);
  await context.reconciler.waitFor(
    name,
    (status) => status.activeRelease === to && isConverged(status),
    signal,
    CONVERGE_MS,
  );
}

/** Moves all clusters' traffic to `to` at once and waits until the proxies have it. */
export async function flipEverywhere(
  context: UpgradeContext,
  to: string,
  signal: AbortSignal,
): Promise<void> {
  const all = await context.clusters.list();
  await Promise.all(all.map(({ _id: name }) => writeFlip(context, name, to)));
  await Promise.all(
    all.map(({ _id: name }) =>
      context.reconciler.waitFor(name, (status) => status.activeRelease === to, signal, CONVERGE_MS),
    ),
  );
}

async function writeFlip({ clusters, reconciler }: UpgradeContext, name: string, to: string): Promise<void> {
  const cluster = await clusters.get(name);
  if (cluster === undefined || cluster.active === to) return;
  const warm = [...cluster.warm.filter((release) => release !== to), cluster.active];
  await clusters.change(name, { active: to, warm });
  reconciler.nudge();
}

/** What the edge has stored of the app's own assets is of another release: it is asked for anew. */
export async function forgetAssets({ supervisor }: UpgradeContext): Promise<void> {
  await supervisor.forgetAppAssets();
}

/** Ends the warm nodes of all releases but those named. */
export async function coolEverywhere(
  { clusters, reconciler }: UpgradeContext,
  keep: readonly string[] = [],
): Promise<void> {
  for (const { _id: name, warm } of await clusters.list()) {
    const kept = warm.filter((release) => keep.includes(release));
    if (kept.length !== warm.length) await clusters.change(name, { warm: kept });
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
