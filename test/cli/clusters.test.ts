import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../common/index.js';
import type { FederationStatus } from '../../federator/api/schemas.js';
import { load } from '../native/proxy-load.js';
import { processesWithEnv, sandbox, sayingApp, until, type CliResult, type Sandbox } from './support.js';

const CONFIG = { nodes: 1, measure: false };

/** One federation with real agents, proxies and nodes; each test goes on where the one before it ended. */
describe('clusters of a real app', () => {
  let box: Sandbox;
  let config: string;
  beforeAll(async () => {
    box = await sandbox();
    config = await box.file('cluster.json', CONFIG);
    await box.up();
  });
  afterAll(() => box.close());

  const add = (name: string, app?: string, file = config): Promise<CliResult> =>
    box.run('add-cluster', name, '--config', file, ...(app === undefined ? [] : ['--app', app]), '--json');
  const errorOf = ({ out }: CliResult): { code: string; message: string; found?: string; remedy: string } =>
    (JSON.parse(out) as { error: { code: string; message: string; remedy: string } }).error;
  const status = async (): Promise<FederationStatus> =>
    JSON.parse((await box.run('status', '--json')).out) as FederationStatus;
  const answer = async (): Promise<string> => (await fetch((await status()).edge.url)).text();

  test.each([
    [
      'does not start',
      'throw new Error("no such luck");',
      undefined,
      /APP_EXITED|RELEASE|APP_/,
      'no such luck',
    ],
    ['does not listen', 'setInterval(() => {}, 1000);', { readyTimeout: '1s' }, /APP_NOT_LISTENING/, ''],
    [
      'fails a route test',
      sayingApp('old'),
      { routes: [{ pattern: '/', test: { path: '/', expect: { contains: 'something else' } } }] },
      /ROUTE_TEST/,
      '',
    ],
    [
      'has a route that cannot be',
      sayingApp('old'),
      { routes: [{ pattern: '/a/*rest/b' }] },
      /CONFIG_INVALID/,
      '*rest',
    ],
  ])('an app that %s is told of, and leaves nothing', async (what, source, manifest, code, told) => {
    const app = await box.app(`bad-${what.replaceAll(' ', '-')}`, source, { name: 'tiny', ...manifest });
    const result = await add('blue', app);
    expect(result.code).not.toBe(0);
    const error = errorOf(result);
    expect(error.code).toMatch(code);
    expect(`${error.message} ${error.found ?? ''}`).toContain(told);
    expect(error.remedy).not.toBe('');
    const { clusters, live } = await status();
    expect(clusters).toEqual([]);
    expect(live).toBeNull();
    expect(existsSync(join(box.home, 'clusters/blue'))).toBe(false);
  });

  test('serve through the edge, each with its own config', async () => {
    const app = await box.app('app', sayingApp('old'), {
      name: 'tiny',
      routes: [{ pattern: '/', test: { path: '/' } }],
    });
    expect(await add('blue', app)).toMatchObject({ code: 0 });
    const two = await box.file('green.json', { ...CONFIG, nodes: 2 });
    expect(await add('green', undefined, two)).toMatchObject({ code: 0 });
    const { clusters } = await until(status, ({ health }) => health === 'ok');
    expect(clusters.map(({ name, nodes }) => [name, nodes.length])).toEqual([
      ['blue', 1],
      ['green', 2],
    ]);
    expect(await answer()).toMatch(/^old \d+$/);
  });

  test('have their proxies replaced, and the edge by its changed settings, without a failed request', async () => {
    const before = await status();
    const clients = load(Number(new URL(before.edge.url).port), 4);
    const file = join(box.home, 'federation.json');
    const settings = JSON.parse(await readFile(file, 'utf8')) as { edge: object };
    const write = (edge: object): Promise<void> => writeFile(file, JSON.stringify({ ...settings, edge }));
    await write({ ...settings.edge, limits: { client: { rate: 'many' } } });
    const refused = await box.run('replace-proxy', 'edge', '--json');
    expect([refused.code, errorOf(refused).code]).toEqual([2, 'CONFIG_INVALID']);
    await write({ ...settings.edge, limits: { measure: true } });
    const result = await box.run('replace-proxy', '--json');
    expect(result).toMatchObject({ code: 0 });
    const { replaced } = JSON.parse(result.out) as { replaced: { name: string; pid: number }[] };
    expect(replaced.map(({ name }) => name)).toEqual(['blue', 'green', 'edge']);
    await systemClock.sleep(200, AbortSignal.timeout(5000));
    const { done, failed } = await clients.stop();
    expect(failed).toEqual([]);
    expect(done).toBeGreaterThan(0);
    const after = await until(status, ({ health }) => health === 'ok');
    expect(after).toMatchObject({ health: 'ok', edge: { url: before.edge.url, restarts: 0 } });
    expect(after.edge.pid).not.toBe(before.edge.pid);
    expect(after.edge.limits?.measure).toBe(true);
    const unknown = await box.run('replace-proxy', 'red', '--json');
    expect([unknown.code, errorOf(unknown).code]).toEqual([1, 'CLUSTER_UNKNOWN']);
  });

  test('are told apart by name', async () => {
    const twice = await add('blue');
    expect([twice.code, errorOf(twice).code]).toEqual([1, 'CLUSTER_EXISTS']);
    const unknown = await box.run('remove-cluster', 'red', '--yes', '--json');
    expect([unknown.code, errorOf(unknown).code]).toEqual([1, 'CLUSTER_UNKNOWN']);
  });

  test('are not removed without a word', async () => {
    const asked = await box.run('remove-cluster', 'green', '--json');
    expect([asked.code, errorOf(asked).code]).toEqual([4, 'INPUT_NEEDED']);
    expect((await status()).clusters).toHaveLength(2);
  });

  test('refuse an update that cannot be installed, and go on as before', async () => {
    const none = await box.run('shadow', 'start', '--update', 'express@999.0.0', '--json');
    expect(none.code).toBe(1);
    expect(errorOf(none).code).toBe('PACKAGE_NOT_FOUND');
    const { upgrade, edge } = await status();
    expect(upgrade).toMatchObject({ state: 'failed' });
    expect(edge.capture).toBe(false);
    const nothing = await box.run('promote', '--yes', '--json');
    expect([nothing.code, errorOf(nothing).code]).toEqual([1, 'PROMOTE_NOTHING']);
  });

  test('take a new release and go back, without a failed request', async () => {
    const { url } = (await status()).edge;
    const stop = new AbortController();
    const seen = { ok: 0, failed: 0, words: new Set<string>() };
    const traffic = (async () => {
      while (!stop.signal.aborted) {
        const response = await fetch(url).catch(() => undefined);
        if (response?.status === 200) seen.ok += 1;
        else seen.failed += 1;
        seen.words.add(((await response?.text()) ?? 'none').split(' ')[0]!);
      }
    })();
    const app = await box.app('next', sayingApp('new'), {
      name: 'tiny',
      routes: [{ pattern: '/', test: { path: '/' } }],
    });
    await box.done('deploy', app);
    expect(await answer()).toMatch(/^new/);
    await box.done('rollback', '--yes');
    expect(await answer()).toMatch(/^old/);
    stop.abort();
    await traffic;
    expect(seen.failed).toBe(0);
    expect([...seen.words].sort()).toEqual(['new', 'old']);
  });

  test('take a release that only runs under its new config together with that, and go back', async () => {
    const { url } = (await status()).edge;
    const clients = load(Number(new URL(url).port), 2);
    const app = await box.app(
      'needy',
      `if (process.env.COLOUR !== 'red') throw new Error('not my colour');${sayingApp('needy')}`,
      { name: 'tiny', routes: [{ pattern: '/', test: { path: '/' } }] },
    );
    const red = await box.file('red.json', { ...CONFIG, env: { COLOUR: 'red' } });
    const alone = await box.run('deploy', app, '--json');
    expect([alone.code, errorOf(alone).found]).toEqual([1, expect.stringContaining('not my colour')]);
    expect(await answer()).toMatch(/^old/);
    await box.done('deploy', app, '--config', red);
    expect(await answer()).toMatch(/^needy/);
    expect((await status()).upgrade).toMatchObject({
      configs: [{ cluster: 'blue' }, { cluster: 'green', changes: ['nodes 2 → 1', 'env COLOUR'] }],
    });
    await box.done('rollback', '--yes');
    expect(await answer()).toMatch(/^old/);
    const { clusters } = await status();
    expect(clusters.map(({ config }) => [config.nodes, config.env])).toEqual([
      [1, {}],
      [2, {}],
    ]);
    expect((await clients.stop()).failed).toEqual([]);
  });

  test('are found again after everything was killed', async () => {
    const { id } = JSON.parse(await readFile(join(box.home, 'federation.json'), 'utf8')) as { id: string };
    const all = processesWithEnv('DHARMA_FEDERATION', id).map(({ pid }) => pid);
    const supervisor = (
      JSON.parse(await readFile(join(box.home, 'run/dharmad.json'), 'utf8')) as { pid: number }
    ).pid;
    for (const pid of [supervisor, ...all]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It died with the one before it.
      }
    }
    const deadline = AbortSignal.timeout(30_000);
    while (processesWithEnv('DHARMA_FEDERATION', id).length > 0) await systemClock.sleep(20, deadline);
    const again = await box.up();
    expect(
      (JSON.parse(again.out) as FederationStatus).clusters.map(({ name, health }) => [name, health]),
    ).toEqual([
      ['blue', 'converged'],
      ['green', 'converged'],
    ]);
    expect(await answer()).toMatch(/^old/);
  });

  test('are removed with all that was theirs', async () => {
    await box.done('remove-cluster', 'green', '--yes');
    expect((await status()).clusters.map(({ name }) => name)).toEqual(['blue']);
    expect(existsSync(join(box.home, 'clusters/green'))).toBe(false);
    expect(await answer()).toMatch(/^old/);
    const logs = await box.run('logs', 'blue');
    expect(logs.code).toBe(0);
    expect(logs.out).toContain('blue/');
    const wrong = await box.run('logs', 'mauve', '--json');
    expect([wrong.code, errorOf(wrong).code]).toEqual([1, 'LOG_UNKNOWN']);
  });
});
