import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../common/index.js';
import type { FederationClient } from '../../federator/client/client.js';
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

describe('upgrades', () => {
  async function withClusters(): Promise<FederationClient> {
    const client = federation.clientOf(await federation.start('primary'));
    for (const name of ['blue', 'green'])
      await federation.end(client, client.addCluster({ name, config: {}, app: '/r1' }, federation.signal));
    return client;
  }
  const active = (): string[] => [...federation.machine.specs.values()].map((spec) => spec.active.id);
  const warm = (): string[][] =>
    [...federation.machine.specs.values()].map((spec) => spec.warm.map(({ id }) => id));

  test('go from shadow to promotion and back', async () => {
    const client = await withClusters();
    federation.shadowWith('identical');
    await federation.end(client, client.startShadow({ change: { packages: ['x@2'] } }, federation.signal));
    const { id } = await client.upgrade('current', federation.signal);
    expect([...federation.machine.workers]).toEqual([id]);
    expect(federation.machine.edge?.capture).toEqual({ enabled: true });
    expect([...federation.machine.specs.values()].every((spec) => spec.recordOutbound)).toBe(true);
    await expect(
      client.startShadow({ change: { packages: ['y@1'] } }, federation.signal),
    ).rejects.toMatchObject({
      code: 'SHADOW_ALREADY_RUNNING',
    });
    await expect(client.deploy({ app: '/r9' }, federation.signal)).rejects.toMatchObject({
      code: 'SHADOW_ALREADY_RUNNING',
    });

    await federation.end(client, client.promote({}, federation.signal));
    expect(active()).toEqual(['r1+x@2', 'r1+x@2']);
    expect(federation.machine.assetsForgotten).toEqual([['r1+x@2', 'r1+x@2']]);
    expect(warm()).toEqual([['r1'], ['r1']]);
    expect(federation.machine.workers.size).toBe(0);
    expect(federation.machine.edge?.capture).toEqual({ enabled: false });
    expect((await client.status(federation.signal)).live).toBe('r1+x@2');

    await federation.end(client, client.rollback(federation.signal));
    expect(active()).toEqual(['r1', 'r1']);
    expect(federation.machine.assetsForgotten.slice(1)).toEqual([['r1', 'r1']]);
    expect((await client.status(federation.signal)).live).toBe('r1');
    await expect(client.rollback(federation.signal)).rejects.toMatchObject({ code: 'ROLLBACK_NOTHING' });
  });

  test('are not promoted without a word when the verdict is inconclusive', async () => {
    const client = await withClusters();
    federation.shadowWith('inconclusive');
    await federation.end(client, client.startShadow({ change: { packages: ['x@2'] } }, federation.signal));
    await expect(client.promote({}, federation.signal)).rejects.toMatchObject({
      code: 'VERDICT_NEEDS_WORD',
      exitCode: 4,
    });
    expect(active()).toEqual(['r1', 'r1']);
    await federation.end(client, client.promote({ yes: true }, federation.signal));
    expect(active()).toEqual(['r1+x@2', 'r1+x@2']);
  });

  test('that differ are promoted only despite each difference by name', async () => {
    const client = await withClusters();
    federation.shadowWith('differs', ['integer', '"x"']);
    await federation.end(client, client.startShadow({ change: { packages: ['x@2'] } }, federation.signal));
    await expect(client.promote({ yes: true }, federation.signal)).rejects.toMatchObject({
      ...{ code: 'DIFFERENCES_OPEN', exitCode: 4 },
      found: expect.stringContaining('d1 (GET /orders/:id body:$.total)') as string,
    });
    await expect(client.promote({ yes: true, despite: ['d2'] }, federation.signal)).rejects.toMatchObject({
      code: 'DIFFERENCE_UNKNOWN',
    });
    expect(active()).toEqual(['r1', 'r1']);
    await federation.end(client, client.promote({ despite: ['d1'] }, federation.signal));
    expect(active()).toEqual(['r1+x@2', 'r1+x@2']);
  });

  test('are promoted when all that differs is accepted, and the next one knows it', async () => {
    const client = await withClusters();
    federation.shadowWith('differs', ['integer', '"x"']);
    await federation.end(client, client.startShadow({ change: { packages: ['x@2'] } }, federation.signal));
    const refused = { code: 'DIFFERENCE_UNKNOWN' };
    await expect(
      client.accept({ difference: 'd2', reason: 'why not' }, federation.signal),
    ).rejects.toMatchObject(refused);
    await expect(client.accept({ difference: 'd1', reason: ' ' }, federation.signal)).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    });
    await federation.end(client, client.stopShadow(federation.signal)); // Its report can still be accepted.
    const { upgrade } = await client.accept(
      { difference: 'd1', reason: 'totals are texts' },
      federation.signal,
    );
    expect(await client.shadow('current', federation.signal)).toMatchObject({
      status: { verdict: 'identical', differences: 0 },
      report: { accepted: ['d1'], differences: [{ acceptedBecause: 'totals are texts' }] },
    });
    await federation.end(client, client.promote({}, federation.signal));

    await federation.end(client, client.startShadow({ change: { packages: ['y@2'] } }, federation.signal));
    expect((await client.shadow('current', federation.signal)).report).toMatchObject({ accepted: ['d1'] });
    await federation.end(client, client.stopShadow(federation.signal));
    federation.shadowWith('differs', ['integer', '"x"'], ['integer', 'null']);
    await federation.end(client, client.startShadow({ change: { packages: ['z@2'] } }, federation.signal));
    expect((await client.shadow('current', federation.signal)).report).toMatchObject({
      ...{ verdict: 'differs', accepted: [] },
      differences: [{ changes: [{ accepted: true }, { accepted: false }] }],
    });
    await expect(client.promote({ yes: true }, federation.signal)).rejects.toMatchObject({
      code: 'DIFFERENCES_OPEN',
    });

    expect(await client.acceptedRules(federation.signal)).toMatchObject([{ id: 'd1', upgrade }]);
    await client.unaccept('d1', federation.signal);
    await expect(client.unaccept('d1', federation.signal)).rejects.toMatchObject({ code: 'RULE_UNKNOWN' });
    expect(await client.acceptedRules(federation.signal)).toEqual([]);
    expect((await client.shadow(upgrade!, federation.signal)).report, 'as it was promoted').toMatchObject({
      accepted: ['d1'],
    });
  });

  test('whose new nodes fail are taken back, and the shadow goes on', async () => {
    const client = await withClusters();
    federation.shadowWith('identical');
    await federation.end(client, client.startShadow({ change: { packages: ['x@2'] } }, federation.signal));
    federation.machine.broken.add('r1+x@2');
    await expect(federation.end(client, client.promote({}, federation.signal))).rejects.toMatchObject({
      code: 'ROUTE_TEST_FAILED',
    });
    expect(active()).toEqual(['r1', 'r1']);
    const upgrade = await client.upgrade('current', federation.signal);
    expect(upgrade).toMatchObject({ state: 'shadowing', error: { code: 'ROUTE_TEST_FAILED' } });
    expect(federation.machine.workers.has(upgrade.id)).toBe(true);
  });

  test('are rolled back before a promotion by ending remote1', async () => {
    const client = await withClusters();
    federation.shadowWith('differs');
    await federation.end(client, client.startShadow({ change: { packages: ['x@2'] } }, federation.signal));
    await federation.end(client, client.rollback(federation.signal));
    expect(federation.machine.workers.size).toBe(0);
    expect(federation.machine.edge?.capture).toEqual({ enabled: false });
    expect(await client.upgrade('current', federation.signal)).toMatchObject({ state: 'rolled-back' });
    expect((await client.shadow('current', federation.signal)).report).toMatchObject({ verdict: 'differs' });
  });

  test('that are rolled back while they start leave nothing behind', async () => {
    const client = await withClusters();
    federation.machine.onWorker = () => undefined; // Its worker never gets anywhere.
    const starting = federation
      .end(client, client.startShadow({ change: { packages: ['x@2'] } }, federation.signal))
      .catch((e: unknown) => e);
    while (federation.machine.workers.size === 0) await systemClock.sleep(10, federation.signal);
    await federation.end(client, client.rollback(federation.signal));
    expect(await starting).toMatchObject({ code: 'CANCELLED' });
    expect(federation.machine.workers.size).toBe(0);
    expect(federation.machine.edge?.capture).toEqual({ enabled: false });
  });

  test('can be promoted after the shadow was stopped', async () => {
    const client = await withClusters();
    federation.shadowWith('identical');
    await federation.end(client, client.startShadow({ change: { packages: ['x@2'] } }, federation.signal));
    await federation.end(client, client.stopShadow(federation.signal));
    expect(federation.machine.workers.size).toBe(0);
    await federation.end(client, client.promote({}, federation.signal));
    expect(active()).toEqual(['r1+x@2', 'r1+x@2']);
  });

  test('give the old nodes up when the rollback window is over', async () => {
    const client = await withClusters();
    federation.shadowWith('identical');
    await federation.end(client, client.startShadow({ change: { packages: ['x@2'] } }, federation.signal));
    await federation.end(client, client.promote({ rollbackWindowMs: 0 }, federation.signal));
    while (warm().flat().length > 0) await systemClock.sleep(20, federation.signal);
    await expect(client.rollback(federation.signal)).rejects.toMatchObject({ code: 'ROLLBACK_NOTHING' });
  });

  test('by deploy can be rolled back too', async () => {
    const client = await withClusters();
    await federation.end(client, client.deploy({ app: '/r2' }, federation.signal));
    expect(active()).toEqual(['r2', 'r2']);
    await federation.end(client, client.rollback(federation.signal));
    expect(active()).toEqual(['r1', 'r1']);
  });

  test('by deploy of static assets are of the live release, and can be rolled back', async () => {
    const client = await withClusters();
    const assets = await mkdtemp(join(tmpdir(), 'dharma-assets-'));
    onTestFinished(() => rm(assets, { recursive: true, force: true }));
    await expect(
      federation.end(client, client.deploy({ assets: { dir: assets } }, federation.signal)),
    ).rejects.toMatchObject({
      code: 'ASSETS_NOT_FOUND',
    });
    await writeFile(join(assets, 'app.css'), 'body {}');
    await federation.end(
      client,
      client.deploy({ assets: { dir: assets, into: 'public' } }, federation.signal),
    );
    expect(active()).toEqual(['r1+', 'r1+']);
    await federation.end(client, client.rollback(federation.signal));
    expect(active()).toEqual(['r1', 'r1']);
  });

  test('may change the release and configs at once, each cluster its nodes together, and go back', async () => {
    const client = await withClusters();
    const specs = (): unknown[] =>
      [...federation.machine.specs.values()].map(({ name, active, warm, config, warmConfigs = {} }) => [
        name,
        `${active.id} ${config.nodeSize}`,
        warm.map(({ id }) => `${id} ${(warmConfigs[id] ?? config).nodeSize}`).join(),
      ]);
    const both = { nodeSize: 'large', cluster: 'blue' };
    federation.shadowWith('identical');
    await federation.end(
      client,
      client.startShadow({ change: { packages: ['x@2'], ...both } }, federation.signal),
    );
    await federation.end(client, client.promote({}, federation.signal));
    const promoted = [
      ['blue', 'r1+x@2 large', 'r1 small'],
      ['green', 'r1+x@2 small', 'r1 small'],
    ];
    expect(specs()).toEqual(promoted);
    expect(await client.upgrade('current', federation.signal)).toMatchObject({
      change: { packages: ['x@2'] },
      configs: [{ cluster: 'blue', changes: ['nodeSize small → large'] }],
    });
    await federation.end(client, client.rollback(federation.signal));
    const before = [
      ['blue', 'r1 small', ''],
      ['green', 'r1 small', ''],
    ];
    expect(specs()).toEqual(before);

    federation.machine.broken.add('broken');
    await expect(
      federation.end(
        client,
        client.deploy({ app: '/r2', nodeSize: 'broken', cluster: 'green' }, federation.signal),
      ),
    ).rejects.toMatchObject({ code: 'ROUTE_TEST_FAILED' });
    expect(specs()).toEqual(before);
    await federation.end(client, client.deploy({ app: '/r2', ...both }, federation.signal));
    expect(specs()).toEqual([
      ['blue', 'r2 large', 'r1 small'],
      ['green', 'r2 small', 'r1 small'],
    ]);
  });

  test('are none where a cron is rehearsed: its shadow runs what is live, and there is nothing to promote', async () => {
    const client = await withClusters();
    federation.shadowWith('identical');
    await expect(
      client.startShadow({ change: { packages: ['x@2'] }, cron: 'nightly' }, federation.signal),
    ).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await expect(client.startShadow({ change: {} }, federation.signal)).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    });
    await federation.end(client, client.startShadow({ cron: 'nightly' }, federation.signal));
    const { id, ...upgrade } = await client.upgrade('current', federation.signal);
    expect(upgrade).toMatchObject({ state: 'shadowing', cron: 'nightly', base: 'r1', next: 'r1' });
    expect([...federation.machine.workers]).toEqual([id]);
    const promoted = (): Promise<string> => client.promote({ yes: true }, federation.signal);
    await expect(promoted()).rejects.toMatchObject({ code: 'PROMOTE_NOTHING' });
    await federation.end(client, client.stopShadow(federation.signal));
    await expect(promoted()).rejects.toMatchObject({ code: 'PROMOTE_NOTHING' });
    expect(active()).toEqual(['r1', 'r1']);
  });

  test('of configs alone keep the old nodes warm, as one that goes to another size', async () => {
    const client = await withClusters();
    await federation.end(client, client.deploy({ nodeSize: 'large' }, federation.signal));
    const [blue] = [...federation.machine.specs.values()];
    expect(blue).toMatchObject({
      ...{ active: { id: 'r1' }, config: { nodeSize: 'large' } },
      ...{ warm: [{ id: 'r1' }], warmConfigs: { r1: { nodeSize: 'small' } } },
    });
    await federation.end(client, client.rollback(federation.signal));
    expect([...federation.machine.specs.values()][0]).toMatchObject({
      ...{ config: { nodeSize: 'small' }, warm: [], warmConfigs: {} },
    });
    // Another interval makes no other nodes.
    await federation.end(client, client.deploy({ config: { reconfigure: '2s' } }, federation.signal));
    expect(warm()).toEqual([[], []]);
  });

  test('cut short with everything else just before they were rehearsed have a worker again', async () => {
    const client = await withClusters();
    federation.shadowWith('identical');
    const operation = await client.startShadow({ change: { packages: ['x@2'] } }, federation.signal);
    await federation.end(client, Promise.resolve(operation));
    const { id } = await client.upgrade('current', federation.signal);
    await federation.stop();
    // As it was written before the last step.
    await federation.database.upgrades.updateOne({ _id: id }, { $set: { state: 'starting' } });
    await federation.database.operations.updateOne(
      { _id: operation },
      { $set: { state: 'running' }, $pull: { steps: { name: 'shadowing' } } },
    );
    federation.machine.workers.clear();
    const again = federation.clientOf(await federation.start('primary'));
    await federation.end(again, Promise.resolve(operation));
    expect(await again.upgrade('current', federation.signal)).toMatchObject({ state: 'shadowing' });
    expect([...federation.machine.workers]).toEqual([id]);
  });

  test('whose federation was stopped while they were rehearsed are over, and say so', async () => {
    const client = await withClusters();
    federation.shadowWith('identical');
    await federation.end(client, client.startShadow({ change: { packages: ['x@2'] } }, federation.signal));
    await federation.stop();
    federation.machine.workers.clear();
    const again = federation.clientOf(await federation.start('primary'));
    expect(await again.upgrade('current', federation.signal)).toMatchObject({
      state: 'stopped',
      error: { code: 'SHADOW_INTERRUPTED' },
    });
    while (federation.machine.edge?.capture?.enabled !== false)
      await systemClock.sleep(10, federation.signal);
  });
});
