import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock, type ShadowReport, type ShadowStatus } from '../../common/index.js';
import { FederationClient } from '../../federator/client/client.js';
import type { Home } from '../../federator/home/home.js';
import type { Runtime } from '../../federator/home/runtime.js';
import { FederatorInstance } from '../../federator/server/instance.js';
import { Database } from '../../federator/state/database.js';
import { FakeMachine, FakeReleases, silent, temporaryHome } from './support/federation.js';
import { startTestStores, type TestStores } from './support/stores.js';

const signal = AbortSignal.timeout(120_000);
const TOKEN = 'a token';

let stores: TestStores;
beforeAll(async () => {
  stores = await startTestStores({ redis: true });
});
afterAll(() => stores.close());

let home: Home;
let removeHome: () => Promise<void>;
let machine: FakeMachine;
let releases: FakeReleases;
let runtime: Runtime;
let open: FederatorInstance[];
let database: Database;
beforeEach(async () => {
  ({ home, remove: removeHome } = await temporaryHome());
  machine = new FakeMachine();
  releases = new FakeReleases();
  open = [];
  const name = randomUUID().slice(0, 8);
  runtime = {
    federation: name,
    stores: { mongo: `${stores.mongo}/${name}`, redis: stores.redis },
    app: { mongo: `${stores.mongo}/app`, redis: stores.redis },
    mongoKind: 'embedded',
    edge: { address: '127.0.0.1', port: 1 },
    api: { port: 0 },
    rollbackWindowMs: 60_000,
  };
  database = await Database.open(runtime.stores.mongo);
});
afterEach(async () => {
  for (const instance of open) await instance.close();
  await database.close();
  await removeHome();
});

async function start(name: string, leaseTtlMs = 5000): Promise<FederatorInstance> {
  const instance = await FederatorInstance.start({
    home,
    runtime,
    name,
    port: 0,
    token: TOKEN,
    supervisor: machine.supervisor,
    releases,
    agent: (cluster) => machine.agent(cluster),
    agentSocket: () => '/nowhere',
    log: silent,
    signal,
    leaseTtlMs,
  });
  open.push(instance);
  return instance;
}
const clientOf = (instance: FederatorInstance): FederationClient =>
  new FederationClient(instance.url, TOKEN, home);

async function end(client: FederationClient, operation: Promise<string>): Promise<void> {
  await client.follow(await operation, () => undefined, signal);
}

/** A shadow that replays at once and has a verdict, with a difference where it differs. */
function shadowWith(
  verdict: ShadowReport['verdict'],
  ...changes: (readonly [old: string, fresh: string])[]
): void {
  machine.onWorker = (upgrade) => {
    const status = { upgrade, phase: 'replaying', step: 'replaying', verdict } as ShadowStatus;
    const otherwise = { verdict: verdict === 'differs' ? 'identical' : verdict, because: 'it was told to' };
    const difference = {
      ...{ id: 'd1', endpoint: 'GET /orders/:id', where: 'body:$.total', kind: 'changed', count: 1 },
      changes: changes.map(([old, fresh]) => ({
        kind: 'changed',
        old,
        new: fresh,
        count: 1,
        accepted: false,
      })),
    };
    const report = {
      ...{ verdict, because: 'it was told to', otherwise, differing: [], requests: 1 },
      differences: verdict === 'differs' ? [difference] : [],
      coverage: { endpoints: [] },
    } as unknown as ShadowReport;
    void database.reports.updateOne(
      { _id: upgrade },
      { $set: { status, report, at: new Date() } },
      { upsert: true },
    );
  };
}

describe('the API', () => {
  test('wants the token, says health to everybody, and describes itself', async () => {
    const { url } = await start('primary');
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
    const client = clientOf(await start('primary'));
    const config = { nodes: 1 };
    const refused = (call: Promise<unknown>, code: string): Promise<void> =>
      expect(call).rejects.toMatchObject({ code, remedy: expect.any(String) as string });
    await refused(
      client.addCluster({ name: 'blue', config: { nods: 2 }, app: '/r1' }, signal),
      'CONFIG_INVALID',
    );
    await refused(client.addCluster({ name: 'Blue!', config, app: '/r1' }, signal), 'REQUEST_INVALID');
    await refused(client.addCluster({ name: 'blue', config }, signal), 'APP_NEEDED');
    await refused(client.removeCluster('blue', signal), 'CLUSTER_UNKNOWN');
    await refused(client.startShadow({ change: { packages: ['x@1'] } }, signal), 'NOTHING_LIVE');
    await refused(client.startShadow({ change: {} }, signal), 'REQUEST_INVALID');
    await refused(client.promote({}, signal), 'PROMOTE_NOTHING');
    await refused(client.rollback(signal), 'ROLLBACK_NOTHING');
    await refused(client.stopShadow(signal), 'SHADOW_NOT_RUNNING');
    await refused(client.shadow('current', signal), 'UPGRADE_UNKNOWN');
    await end(client, client.addCluster({ name: 'blue', config, app: '/r1' }, signal));
    await refused(client.addCluster({ name: 'blue', config }, signal), 'CLUSTER_EXISTS');
    await refused(
      end(client, client.addCluster({ name: 'green', config, app: '/r2' }, signal)),
      'RELEASE_DIFFERS',
    );
  });
});

describe('clusters', () => {
  test('come into the edge only when they have converged, and leave nothing when they do not', async () => {
    const client = clientOf(await start('primary'));
    await end(client, client.addCluster({ name: 'blue', config: {}, app: '/r1' }, signal));
    expect(machine.edge?.nodes).toMatchObject([{ name: 'blue', state: 'active' }]);
    expect(machine.edge?.routes).toMatchObject([{ pattern: '/orders/:id' }]);
    machine.broken.add('r1');
    await expect(end(client, client.addCluster({ name: 'green', config: {} }, signal))).rejects.toMatchObject(
      {
        code: 'ROUTE_TEST_FAILED',
      },
    );
    expect(machine.edge?.nodes.map((node) => node.name)).toEqual(['blue']);
    expect([...machine.running]).toEqual(['blue']);
    await end(client, client.removeCluster('blue', signal));
    expect(machine.running.size).toBe(0);
  });
});

describe('upgrades', () => {
  async function withClusters(): Promise<FederationClient> {
    const client = clientOf(await start('primary'));
    for (const name of ['blue', 'green'])
      await end(client, client.addCluster({ name, config: {}, app: '/r1' }, signal));
    return client;
  }
  const active = (): string[] => [...machine.specs.values()].map((spec) => spec.active.id);
  const warm = (): string[][] => [...machine.specs.values()].map((spec) => spec.warm.map(({ id }) => id));

  test('go from shadow to promotion and back', async () => {
    const client = await withClusters();
    shadowWith('identical');
    await end(client, client.startShadow({ change: { packages: ['x@2'] } }, signal));
    const { id } = await client.upgrade('current', signal);
    expect([...machine.workers]).toEqual([id]);
    expect(machine.edge?.capture).toEqual({ enabled: true });
    expect([...machine.specs.values()].every((spec) => spec.recordOutbound)).toBe(true);
    await expect(client.startShadow({ change: { packages: ['y@1'] } }, signal)).rejects.toMatchObject({
      code: 'SHADOW_ALREADY_RUNNING',
    });
    await expect(client.deploy('/r9', signal)).rejects.toMatchObject({ code: 'SHADOW_ALREADY_RUNNING' });

    await end(client, client.promote({}, signal));
    expect(active()).toEqual(['r1+x@2', 'r1+x@2']);
    expect(warm()).toEqual([['r1'], ['r1']]);
    expect(machine.workers.size).toBe(0);
    expect(machine.edge?.capture).toEqual({ enabled: false });
    expect((await client.status(signal)).live).toBe('r1+x@2');

    await end(client, client.rollback(signal));
    expect(active()).toEqual(['r1', 'r1']);
    expect((await client.status(signal)).live).toBe('r1');
    await expect(client.rollback(signal)).rejects.toMatchObject({ code: 'ROLLBACK_NOTHING' });
  });

  test('are not promoted without a word when the verdict is inconclusive', async () => {
    const client = await withClusters();
    shadowWith('inconclusive');
    await end(client, client.startShadow({ change: { packages: ['x@2'] } }, signal));
    await expect(client.promote({}, signal)).rejects.toMatchObject({
      code: 'VERDICT_NEEDS_WORD',
      exitCode: 4,
    });
    expect(active()).toEqual(['r1', 'r1']);
    await end(client, client.promote({ yes: true }, signal));
    expect(active()).toEqual(['r1+x@2', 'r1+x@2']);
  });

  test('that differ are promoted only despite each difference by name', async () => {
    const client = await withClusters();
    shadowWith('differs', ['integer', '"x"']);
    await end(client, client.startShadow({ change: { packages: ['x@2'] } }, signal));
    await expect(client.promote({ yes: true }, signal)).rejects.toMatchObject({
      ...{ code: 'DIFFERENCES_OPEN', exitCode: 4 },
      found: expect.stringContaining('d1 (GET /orders/:id body:$.total)') as string,
    });
    await expect(client.promote({ yes: true, despite: ['d2'] }, signal)).rejects.toMatchObject({
      code: 'DIFFERENCE_UNKNOWN',
    });
    expect(active()).toEqual(['r1', 'r1']);
    await end(client, client.promote({ despite: ['d1'] }, signal));
    expect(active()).toEqual(['r1+x@2', 'r1+x@2']);
  });

  test('are promoted when all that differs is accepted, and the next one knows it', async () => {
    const client = await withClusters();
    shadowWith('differs', ['integer', '"x"']);
    await end(client, client.startShadow({ change: { packages: ['x@2'] } }, signal));
    const refused = { code: 'DIFFERENCE_UNKNOWN' };
    await expect(client.accept({ difference: 'd2', reason: 'why not' }, signal)).rejects.toMatchObject(
      refused,
    );
    await expect(client.accept({ difference: 'd1', reason: ' ' }, signal)).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    });
    await end(client, client.stopShadow(signal)); // Its report can still be accepted.
    const { upgrade } = await client.accept({ difference: 'd1', reason: 'totals are texts' }, signal);
    expect(await client.shadow('current', signal)).toMatchObject({
      status: { verdict: 'identical', differences: 0 },
      report: { accepted: ['d1'], differences: [{ acceptedBecause: 'totals are texts' }] },
    });
    await end(client, client.promote({}, signal));

    await end(client, client.startShadow({ change: { packages: ['y@2'] } }, signal));
    expect((await client.shadow('current', signal)).report).toMatchObject({ accepted: ['d1'] });
    await end(client, client.stopShadow(signal));
    shadowWith('differs', ['integer', '"x"'], ['integer', 'null']);
    await end(client, client.startShadow({ change: { packages: ['z@2'] } }, signal));
    expect((await client.shadow('current', signal)).report).toMatchObject({
      ...{ verdict: 'differs', accepted: [] },
      differences: [{ changes: [{ accepted: true }, { accepted: false }] }],
    });
    await expect(client.promote({ yes: true }, signal)).rejects.toMatchObject({ code: 'DIFFERENCES_OPEN' });

    expect(await client.acceptedRules(signal)).toMatchObject([{ id: 'd1', upgrade }]);
    await client.unaccept('d1', signal);
    await expect(client.unaccept('d1', signal)).rejects.toMatchObject({ code: 'RULE_UNKNOWN' });
    expect(await client.acceptedRules(signal)).toEqual([]);
    expect((await client.shadow(upgrade!, signal)).report, 'as it was promoted').toMatchObject({
      accepted: ['d1'],
    });
  });

  test('whose new nodes fail are taken back, and the shadow goes on', async () => {
    const client = await withClusters();
    shadowWith('identical');
    await end(client, client.startShadow({ change: { packages: ['x@2'] } }, signal));
    machine.broken.add('r1+x@2');
    await expect(end(client, client.promote({}, signal))).rejects.toMatchObject({
      code: 'ROUTE_TEST_FAILED',
    });
    expect(active()).toEqual(['r1', 'r1']);
    const upgrade = await client.upgrade('current', signal);
    expect(upgrade).toMatchObject({ state: 'shadowing', error: { code: 'ROUTE_TEST_FAILED' } });
    expect(machine.workers.has(upgrade.id)).toBe(true);
  });

  test('are rolled back before a promotion by ending remote1', async () => {
    const client = await withClusters();
    shadowWith('differs');
    await end(client, client.startShadow({ change: { packages: ['x@2'] } }, signal));
    await end(client, client.rollback(signal));
    expect(machine.workers.size).toBe(0);
    expect(machine.edge?.capture).toEqual({ enabled: false });
    expect(await client.upgrade('current', signal)).toMatchObject({ state: 'rolled-back' });
    expect((await client.shadow('current', signal)).report).toMatchObject({ verdict: 'differs' });
  });

  test('that are rolled back while they start leave nothing behind', async () => {
    const client = await withClusters();
    machine.onWorker = () => undefined; // Its worker never gets anywhere.
    const starting = end(client, client.startShadow({ change: { packages: ['x@2'] } }, signal)).catch(
      (e: unknown) => e,
    );
    while (machine.workers.size === 0) await systemClock.sleep(10, signal);
    await end(client, client.rollback(signal));
    expect(await starting).toMatchObject({ code: 'CANCELLED' });
    expect(machine.workers.size).toBe(0);
    expect(machine.edge?.capture).toEqual({ enabled: false });
  });

  test('can be promoted after the shadow was stopped', async () => {
    const client = await withClusters();
    shadowWith('identical');
    await end(client, client.startShadow({ change: { packages: ['x@2'] } }, signal));
    await end(client, client.stopShadow(signal));
    expect(machine.workers.size).toBe(0);
    await end(client, client.promote({}, signal));
    expect(active()).toEqual(['r1+x@2', 'r1+x@2']);
  });

  test('give the old nodes up when the rollback window is over', async () => {
    const client = await withClusters();
    shadowWith('identical');
    await end(client, client.startShadow({ change: { packages: ['x@2'] } }, signal));
    await end(client, client.promote({ rollbackWindowMs: 0 }, signal));
    while (warm().flat().length > 0) await systemClock.sleep(20, signal);
    await expect(client.rollback(signal)).rejects.toMatchObject({ code: 'ROLLBACK_NOTHING' });
  });

  test('by deploy can be rolled back too', async () => {
    const client = await withClusters();
    await end(client, client.deploy('/r2', signal));
    expect(active()).toEqual(['r2', 'r2']);
    await end(client, client.rollback(signal));
    expect(active()).toEqual(['r1', 'r1']);
  });

  test('cut short with everything else just before they were rehearsed have a worker again', async () => {
    const client = await withClusters();
    shadowWith('identical');
    const operation = await client.startShadow({ change: { packages: ['x@2'] } }, signal);
    await end(client, Promise.resolve(operation));
    const { id } = await client.upgrade('current', signal);
    await open.pop()?.close();
    // As it was written before the last step.
    await database.upgrades.updateOne({ _id: id }, { $set: { state: 'starting' } });
    await database.operations.updateOne(
      { _id: operation },
      { $set: { state: 'running' }, $pull: { steps: { name: 'shadowing' } } },
    );
    machine.workers.clear();
    const again = clientOf(await start('primary'));
    await end(again, Promise.resolve(operation));
    expect(await again.upgrade('current', signal)).toMatchObject({ state: 'shadowing' });
    expect([...machine.workers]).toEqual([id]);
  });

  test('whose federation was stopped while they were rehearsed are over, and say so', async () => {
    const client = await withClusters();
    shadowWith('identical');
    await end(client, client.startShadow({ change: { packages: ['x@2'] } }, signal));
    await open.pop()?.close();
    machine.workers.clear();
    const again = clientOf(await start('primary'));
    expect(await again.upgrade('current', signal)).toMatchObject({
      state: 'stopped',
      error: { code: 'SHADOW_INTERRUPTED' },
    });
    while (machine.edge?.capture?.enabled !== false) await systemClock.sleep(10, signal);
  });
});

describe('two instances', () => {
  test('answer alike: the one that stands by passes requests on', async () => {
    const [first, second] = [await start('primary'), await start('second')];
    while (!first.active) await systemClock.sleep(10, signal);
    expect(second.active).toBe(false);
    const client = clientOf(second);
    await end(client, client.addCluster({ name: 'blue', config: {}, app: '/r1' }, signal));
    const status = await client.status(signal);
    expect(status.instance).toMatchObject({ name: 'primary', active: true });
    expect(status.clusters.map((cluster) => cluster.name)).toEqual(['blue']);
    await expect(client.removeCluster('red', signal)).rejects.toMatchObject({ code: 'CLUSTER_UNKNOWN' });
    const anonymous = await fetch(`${second.url}/v1/status`);
    expect(anonymous.status).toBe(401);
  });

  test('take over from each other, with what the other had begun', async () => {
    const first = await start('primary', 1000);
    while (!first.active) await systemClock.sleep(10, signal);
    const second = await start('second', 1000);
    machine.onWorker = () => undefined;
    const client = clientOf(second);
    await end(client, client.addCluster({ name: 'blue', config: {}, app: '/r1' }, signal));
    const operation = await client.startShadow({ change: { packages: ['x@2'] } }, signal);
    while (machine.workers.size === 0) await systemClock.sleep(10, signal);
    open.splice(open.indexOf(first), 1);
    await first.close();
    while (!second.active) await systemClock.sleep(10, signal);
    shadowWith('identical');
    machine.onWorker([...machine.workers][0]!);
    await client.follow(operation, () => undefined, signal);
    expect(await client.upgrade('current', signal)).toMatchObject({ state: 'shadowing' });
    expect((await client.status(signal)).instance).toMatchObject({ name: 'second', epoch: 2 });
  });
});
