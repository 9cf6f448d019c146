import { expect, it } from 'vitest';
import { clusterConfigSchema } from '../../common/index.js';
import { isConverged } from '../../federator/clusters/planners.js';
import { Reconciler } from '../../federator/clusters/reconciler.js';
import type { ClusterStore } from '../../federator/state/cluster-store.js';
import type { ClusterDocument } from '../../federator/state/documents.js';
import { FakeMachine, FakeReleases, release, silent } from './support/federation.js';

function cluster(active: string): ClusterDocument {
  return {
    _id: 'blue',
    config: clusterConfigSchema.parse({}),
    active,
    warm: [],
    listen: { address: '127.0.0.1', port: 1 },
    recordOutbound: false,
    generation: 1,
    state: 'adding',
    createdAt: new Date(0),
    epoch: 1,
  };
}

it('does not tell a cluster by the status of one that had its name', async () => {
  const machine = new FakeMachine();
  const releases = new FakeReleases();
  for (const id of ['bad', 'good']) releases.all.set(id, release(id));
  machine.broken.add('bad');
  let document = cluster('bad');
  const reconciler = new Reconciler({
    clusters: {
      federation: async () => ({ live: null }),
      list: async () => [document],
      get: async () => document,
      // The rest of the store is not asked for.
    } as unknown as ClusterStore,
    releases,
    supervisor: machine.supervisor,
    agent: (name) => machine.agent(name),
    surroundings: {
      stores: { mongo: 'mongodb://nowhere', redis: 'redis://nowhere' },
      writableDir: '/nowhere',
    },
    log: silent,
  });
  const arrived = (): Promise<void> =>
    reconciler.waitFor('blue', isConverged, AbortSignal.timeout(10_000), 5000);
  try {
    await expect(arrived()).rejects.toMatchObject({ code: 'ROUTE_TEST_FAILED' });
    await machine.supervisor.stopAgent('blue');
    document = cluster('good');
    await arrived();
    expect(reconciler.status('blue')?.activeRelease).toBe('good');
  } finally {
    await reconciler.close();
  }
});
