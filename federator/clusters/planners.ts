import { rm } from 'node:fs/promises';
import {
  clusterConfigSchema,
  freePort,
  isDuplicateKey,
  type ClusterConfig,
  type ClusterStatus,
  type ReleaseStore,
} from '../../common/index.js';
import type { SupervisorClient } from '../daemon/client.js';
import type { Home } from '../home/home.js';
import type { Planner, Step } from '../operations/plan.js';
import type { ClusterStore } from '../state/cluster-store.js';
import type { OperationDocument } from '../state/documents.js';
import type { ReleaseRecords } from '../state/release-records.js';
import { releaseDiffers } from './errors.js';
import type { Reconciler } from './reconciler.js';

/** What a deploy of one cluster may take beyond its nodes' own readyTimeout: route tests and their short load. */
export const CONVERGE_MS = 300_000;

export interface ClusterContext {
  readonly home: Home;
  readonly clusters: ClusterStore;
  readonly releases: ReleaseStore;
  readonly records: ReleaseRecords;
  readonly reconciler: Reconciler;
  readonly supervisor: SupervisorClient;
}

export const isConverged = (status: ClusterStatus): boolean => status.state === 'converged';

/** Brings a new cluster up and then, when all its nodes passed their tests, into the edge's traffic. */
export function addClusterPlanner(context: ClusterContext): Planner {
  return async (operation) => {
    const { subject: name } = operation;
    return [
      {
        name: 'release',
        doing: 'installing the release',
        run: (signal) => makeFirstRelease(context, operation, signal),
        undo: () => forgetFirstRelease(context, operation),
      },
      {
        name: 'cluster',
        doing: `starting cluster ${name}`,
        run: () => insertCluster(context, operation),
        undo: () => removeCluster(context, name),
      },
      {
        name: 'converge',
        doing: `starting and testing the nodes of ${name}`,
        run: (signal) => context.reconciler.waitFor(name, isConverged, signal, CONVERGE_MS),
      },
      {
        name: 'traffic',
        doing: `sending traffic to ${name}`,
        run: async (signal) => {
          await context.clusters.setState(name, 'live');
          await context.reconciler.tick(signal);
        },
      },
    ];
  };
}

/** Takes a cluster out of the traffic, lets it finish what it has, and removes it with its files. */
export function removeClusterPlanner(context: ClusterContext): Planner {
  return async ({ subject: name }): Promise<readonly Step[]> => [
    {
      name: 'drain',
      doing: `taking ${name} out of the traffic`,
      run: async (signal) => {
        await context.clusters.setState(name, 'removing');
        await context.reconciler.tick(signal);
      },
    },
    { name: 'remove', doing: `stopping ${name}`, run: () => removeCluster(context, name) },
  ];
}

/**
 * The release of the app folder that was given becomes the live one when no other cluster runs one; later clusters run
 * the live one. Errors: those of ReleaseStore.create; RELEASE_DIFFERS.
 */
async function makeFirstRelease(
  { clusters, releases, records }: ClusterContext,
  operation: OperationDocument,
  signal: AbortSignal,
): Promise<void> {
  const { input } = operation;
  if (typeof input.app !== 'string') return;
  const release = await releases.create(input.app, { signal });
  await records.remember(release);
  const { live } = await clusters.federation();
  const alone = (await clusters.list()).every(({ _id: name }) => name === operation.subject);
  if (live === null || alone) await clusters.setFederation({ live: release.id });
  else if (live !== release.id) throw releaseDiffers(input.app, release.id, live);
}

/** A release that no cluster could be started with is not the live one: the next try may bring another. */
async function forgetFirstRelease({ clusters }: ClusterContext, { input }: OperationDocument): Promise<void> {
  if (typeof input.app !== 'string' || (await clusters.list()).length > 0) return;
  await clusters.setFederation({ live: null });
}

async function insertCluster(
  { clusters, reconciler }: ClusterContext,
  operation: OperationDocument,
): Promise<void> {
  const { live, capture } = await clusters.federation();
  if (live === null) throw new Error('add-cluster got past its checks without a live release');
  const config: ClusterConfig = clusterConfigSchema.parse(operation.input.config);
  try {
    await clusters.insert({
      name: operation.subject,
      config,
      active: live,
      listen: { address: '127.0.0.1', port: await freePort() },
      recordOutbound: capture, // A shadow that runs copies this cluster's requests too.
    });
  } catch (error) {
    if (!isDuplicateKey(error)) throw error; // Ours, from before we were cut short: the name was free when it began.
  }
  reconciler.nudge();
}

async function removeCluster({ clusters, supervisor, home }: ClusterContext, name: string): Promise<void> {
  await clusters.setState(name, 'removing');
  // The agent drains its nodes before it ends. The document goes last: as long as it stands, this can be repeated.
  await supervisor.stopAgent(name);
  await clusters.remove(name);
  await supervisor.stopAgent(name); // The reconciler may have started it again in between.
  await rm(home.cluster(name), { recursive: true, force: true });
}
