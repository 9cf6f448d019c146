import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../common/index.js';
import { startTestStores, type TestStores } from './support/stores.js';
import { FakeFederation } from './support/fake-federation.js';

let stores: TestStores;
let federation: FakeFederation;
beforeAll(async () => {
  stores = await startTestStores({ redis: true });
});
afterAll(() => stores.close());
beforeEach(async () => {
  federation = await FakeFederation.open(stores);
});
afterEach(() => federation.close());

describe('the config of a cluster that runs', () => {
  test('is changed, whole or by the size of its nodes, and taken back where it cannot be brought about', async () => {
    const client = federation.clientOf(await federation.start('primary'));
    await federation.end(
      client,
      client.addCluster({ name: 'blue', config: { nodes: 1 }, app: '/r1' }, federation.signal),
    );
    const blue = () => federation.machine.specs.get('blue')!.config;
    await federation.end(
      client,
      client.configure('blue', { config: { nodes: 3, drainTimeout: '1s' } }, federation.signal),
    );
    expect(blue()).toMatchObject({ nodes: 3, drainTimeout: 1000, nodeSize: 'small' });
    await federation.end(client, client.configure('blue', { nodeSize: 'large' }, federation.signal));
    expect(blue()).toMatchObject({ nodes: 3, nodeSize: 'large' });

    federation.machine.broken.add('none-such');
    await expect(
      federation.end(client, client.configure('blue', { nodeSize: 'none-such' }, federation.signal)),
    ).rejects.toMatchObject({
      code: 'ROUTE_TEST_FAILED',
    });
    expect(blue()).toMatchObject({ nodes: 3, nodeSize: 'large' });
    const [cluster] = (await client.status(federation.signal)).clusters;
    expect(cluster).toMatchObject({ name: 'blue', state: 'live', config: { nodeSize: 'large' } });

    expect((await client.upgrade('current', federation.signal)).configs).toEqual([
      { cluster: 'blue', changes: ['nodeSize large → none-such'] },
    ]);
    await federation.end(client, client.rollback(federation.signal));
    expect(blue()).toMatchObject({ nodes: 3, nodeSize: 'small' });

    await federation.end(
      client,
      client.addCluster({ name: 'green', config: { nodes: 1 } }, federation.signal),
    );
    await federation.end(
      client,
      client.deploy({ nodeSize: 'large', config: { nodes: 2, env: { A: 'secret' } } }, federation.signal),
    );
    expect(
      [...federation.machine.specs.values()].map(({ config }) => [config.nodes, config.nodeSize]),
    ).toEqual([
      [2, 'large'],
      [2, 'large'],
    ]);
    expect((await client.upgrade('current', federation.signal)).configs?.[1]?.changes).toEqual([
      'nodes 1 → 2',
      'nodeSize small → large',
      'env A',
    ]);
    await federation.end(client, client.rollback(federation.signal));
    expect(
      [...federation.machine.specs.values()].map(({ config }) => [config.nodes, config.nodeSize]),
    ).toEqual([
      [3, 'small'],
      [1, 'small'],
    ]);
    await federation.end(client, client.deploy({ nodeSize: 'large', cluster: 'blue' }, federation.signal));

    const refused = (call: Promise<unknown>, code: string): Promise<void> =>
      expect(call).rejects.toMatchObject({ code });
    await refused(client.configure('red', { nodeSize: 'large' }, federation.signal), 'CLUSTER_UNKNOWN');
    await refused(client.configure('blue', { nodeSize: 'large' }, federation.signal), 'CONFIG_UNCHANGED');
    await refused(client.configure('blue', { config: { nodes: 0 } }, federation.signal), 'CONFIG_INVALID');
    await refused(client.configure('blue', {}, federation.signal), 'REQUEST_INVALID');
  });
});

describe('the API', () => {
  test('wants the token, says health to everybody, and describes itself', async () => {
    const { url } = await federation.start('primary');
    for (const headers of [{}, { authorization: 'Bearer wrong' }]) {
      const answer = await fetch(`${url}/v1/status`, { headers: headers as Record<string, string> });
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({
        error: { code: 'TOKEN_WRONG', remedy: expect.any(String) as string },
      });
    }
    expect(await (await fetch(`${url}/v1/health`)).json()).toMatchObject({
      instance: 'primary',
      active: true,
    });
    const openapi = (await (await fetch(`${url}/v1/openapi.json`)).json()) as {
      paths: Record<string, unknown>;
    };
    expect(Object.keys(openapi.paths)).toEqual(
      expect.arrayContaining([
        '/v1/status',
        '/v1/clusters',
        '/v1/upgrades',
        '/v1/rollback',
        '/v1/upgrades/current/promote',
      ]),
    );
  });

  test('answers what cannot be with one clear error', async () => {
    const client = federation.clientOf(await federation.start('primary'));
    const config = { nodes: 1 };
    const refused = (call: Promise<unknown>, code: string): Promise<void> =>
      expect(call).rejects.toMatchObject({ code, remedy: expect.any(String) as string });
    await refused(
      client.addCluster({ name: 'blue', config: { nods: 2 }, app: '/r1' }, federation.signal),
      'CONFIG_INVALID',
    );
    await refused(
      client.addCluster({ name: 'Blue!', config, app: '/r1' }, federation.signal),
      'REQUEST_INVALID',
    );
    await refused(client.addCluster({ name: 'blue', config }, federation.signal), 'APP_NEEDED');
    await refused(client.removeCluster('blue', federation.signal), 'CLUSTER_UNKNOWN');
    await refused(client.startShadow({ change: { packages: ['x@1'] } }, federation.signal), 'NOTHING_LIVE');
    await refused(client.startShadow({ change: {} }, federation.signal), 'REQUEST_INVALID');
    await refused(client.promote({}, federation.signal), 'PROMOTE_NOTHING');
    await refused(client.rollback(federation.signal), 'ROLLBACK_NOTHING');
    await refused(client.stopShadow(federation.signal), 'SHADOW_NOT_RUNNING');
    await refused(client.shadow('current', federation.signal), 'UPGRADE_UNKNOWN');
    await federation.end(client, client.addCluster({ name: 'blue', config, app: '/r1' }, federation.signal));
    await refused(client.addCluster({ name: 'blue', config }, federation.signal), 'CLUSTER_EXISTS');
    await refused(
      federation.end(client, client.addCluster({ name: 'green', config, app: '/r2' }, federation.signal)),
      'RELEASE_DIFFERS',
    );
  });
});

describe('clusters', () => {
  test('come into the edge only when they have converged, and leave nothing when they do not', async () => {
    const client = federation.clientOf(await federation.start('primary'));
    await federation.end(
      client,
      client.addCluster({ name: 'blue', config: {}, app: '/r1' }, federation.signal),
    );
    expect(federation.machine.edge?.nodes).toMatchObject([{ name: 'blue', state: 'active' }]);
    expect(federation.machine.edge?.routes).toMatchObject([{ pattern: '/orders/:id' }]);
    federation.machine.broken.add('r1');
    await expect(
      federation.end(client, client.addCluster({ name: 'green', config: {} }, federation.signal)),
    ).rejects.toMatchObject({
      code: 'ROUTE_TEST_FAILED',
    });
    expect(federation.machine.edge?.nodes.map((node) => node.name)).toEqual(['blue']);
    expect([...federation.machine.running]).toEqual(['blue']);
    await federation.end(client, client.removeCluster('blue', federation.signal));
    expect(federation.machine.running.size).toBe(0);
  });
});

describe('two instances', () => {
  test('answer alike: the one that stands by passes requests on', async () => {
    const [first, second] = [await federation.start('primary'), await federation.start('second')];
    while (!first.active) await systemClock.sleep(10, federation.signal);
    expect(second.active).toBe(false);
    const client = federation.clientOf(second);
    await federation.end(
      client,
      client.addCluster({ name: 'blue', config: {}, app: '/r1' }, federation.signal),
    );
    const status = await client.status(federation.signal);
    expect(status.instance).toMatchObject({ name: 'primary', active: true });
    expect(status.clusters.map((cluster) => cluster.name)).toEqual(['blue']);
    await expect(client.removeCluster('red', federation.signal)).rejects.toMatchObject({
      code: 'CLUSTER_UNKNOWN',
    });
    const anonymous = await fetch(`${second.url}/v1/status`);
    expect(anonymous.status).toBe(401);
  });

  test('take over from each other, with what the other had begun', async () => {
    const first = await federation.start('primary', 1000);
    while (!first.active) await systemClock.sleep(10, federation.signal);
    const second = await federation.start('second', 1000);
    federation.machine.onWorker = () => undefined;
    const client = federation.clientOf(second);
    await federation.end(
      client,
      client.addCluster({ name: 'blue', config: {}, app: '/r1' }, federation.signal),
    );
    const operation = await client.startShadow({ change: { packages: ['x@2'] } }, federation.signal);
    while (federation.machine.workers.size === 0) await systemClock.sleep(10, federation.signal);
    await federation.stop(first);
    while (!second.active) await systemClock.sleep(10, federation.signal);
    federation.shadowWith('identical');
    federation.machine.onWorker([...federation.machine.workers][0]!);
    await client.follow(operation, () => undefined, federation.signal);
    expect(await client.upgrade('current', federation.signal)).toMatchObject({ state: 'shadowing' });
    expect((await client.status(federation.signal)).instance).toMatchObject({ name: 'second', epoch: 2 });
  });
});
