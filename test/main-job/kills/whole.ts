import { readdir } from 'node:fs/promises';
import { expect } from 'vitest';
import { systemClock } from '../../../common/index.js';
import type { FederationStatus } from '../../../federator/api/schemas.js';
import type { UpgradeState } from '../../../federator/state/documents.js';
import type { KilledFederation } from './federation.js';
import { below, ownNetwork } from './processes.js';
import { ask } from './visitors.js';

/** How long a federation may take to be itself again; only what hangs waits for it. */
const SETTLE_MS = 120_000;

/** Waits until nothing is under way and all is well, then looks at everything a half-done step could have left. */
export async function whole(federation: KilledFederation): Promise<{ state: UpgradeState; live: string }> {
  const status = await settled(federation);
  const { live, clusters, edge } = status;
  // One live release, in the database, in each cluster and at the clients.
  expect(clusters.map(({ active }) => active)).toEqual(clusters.map(() => live));
  const answers = await Promise.all(Array.from({ length: 12 }, () => ask(federation.url)));
  expect(new Set(answers.map(({ word, failed }) => failed ?? word)).size, JSON.stringify(answers)).toBe(1);
  const state = (status.upgrade?.state ?? 'settled') as UpgradeState;
  const shadows = state === 'shadowing';
  expect({ state, capture: edge.capture }).toEqual({ state, capture: shadows });
  const { workers } = await federation.supervisor();
  expect(workers.map(({ name }) => name)).toEqual(shadows ? [status.upgrade!.id] : []);
  if (state === 'promoted') expect(live).toBe(status.upgrade!.next);
  else if (state !== 'settled') expect(live).toBe(status.upgrade!.base);
  await nothingLeft(federation, shadows ? status.upgrade!.id : undefined);
  return { state, live: live! };
}

async function settled(federation: KilledFederation): Promise<FederationStatus> {
  const deadline = AbortSignal.timeout(SETTLE_MS);
  let status: FederationStatus | undefined;
  let missing: unknown = 'an answer';
  try {
    for (;;) {
      status = await federation.answers();
      missing = await unsettled(federation, status, deadline);
      if (missing === undefined) return status;
      await systemClock.sleep(100, deadline);
    }
  } catch (error) {
    throw new Error(`not whole again: ${JSON.stringify([missing, status])}\n${await federation.logs()}`, {
      cause: error,
    });
  }
}

/** What is still on its way; undefined when nothing is. */
async function unsettled(
  federation: KilledFederation,
  { operations, health, problems, upgrade, clusters }: FederationStatus,
  signal: AbortSignal,
): Promise<unknown> {
  if (operations.length > 0) return operations;
  if (health !== 'ok') return problems;
  const moving = clusters.filter((cluster) => cluster.health !== 'converged');
  if (moving.length > 0) return moving;
  if (upgrade?.state !== 'shadowing') return undefined;
  // A worker that was killed begins anew: the shadow is whole when it replays.
  const { restarts } = (await federation.supervisor()).workers[0] ?? {};
  const { status } = await (await federation.client()).shadow(upgrade.id, signal);
  const arms = armsOf(federation, (await federation.supervisor()).workers[0]?.pid);
  return status.phase === 'replaying' && arms > 0 ? undefined : { restarts, phase: status.phase, arms };
}

function armsOf(federation: KilledFederation, worker: number | undefined): number {
  if (worker === undefined) return 0;
  return below(worker, federation.processes()).filter(({ command }) => /main\.js$/.test(command)).length;
}

/** No process, namespace, socket or folder of a shadow but those of the one that runs. */
async function nothingLeft(federation: KilledFederation, shadow: string | undefined): Promise<void> {
  const { home } = federation;
  const root = (await federation.supervisor()).pid;
  const deadline = AbortSignal.timeout(30_000);
  for (;;) {
    const all = federation.processes();
    const owned = new Set(below(root, all).map(({ pid }) => pid));
    const orphans = all.filter(({ pid }) => pid !== root && !owned.has(pid));
    const jailed = shadow === undefined ? all.filter(({ net }) => net !== ownNetwork()) : [];
    if (orphans.length + jailed.length === 0) break;
    // Nodes that were retired end by and by; what stays is left over.
    if (deadline.aborted) expect({ orphans, jailed }).toEqual({ orphans: [], jailed: [] });
    await systemClock.sleep(100);
  }
  expect(await readdir(home.shadowDir)).toEqual(shadow === undefined ? [] : [shadow]);
}
