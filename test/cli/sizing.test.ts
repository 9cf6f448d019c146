import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { SizingExplanation } from '../../common/index.js';
import type { ClusterEndpoints, Explanations, FederationStatus } from '../../federator/api/schemas.js';
import { startLoad } from '../cluster-agent/support/load.js';
import { startSmtp } from '../federator/support/smtp.js';
import { cli, sandbox, until } from './support.js';

/** One request after the other, 20 ms each. */
const ONE_AT_A_TIME = `
import { createServer } from 'node:http';
let last = Promise.resolve();
createServer((request, response) => {
  last = last.then(() => new Promise((done) => setTimeout(done, 20)));
  void last.then(() => response.end('ok'));
}).listen(Number(process.env.PORT), process.env.HOST);
process.once('SIGTERM', () => process.exit(0));
`;
const MANIFEST = {
  name: 'tiny',
  routes: [{ pattern: '/', methods: ['GET'], test: { path: '/', expect: { status: 200 } } }],
};

it('a federation under load grows to its ceiling, says so, mails once, and grows on when the ceiling is raised', async () => {
  const box = await sandbox();
  onTestFinished(() => box.close());
  const smtp = await startSmtp();
  await box.up();
  const ask = async <T>(...argv: string[]): Promise<T> => {
    const { out, err } = await cli([...argv, '--json'], { env: { DHARMA_HOME: box.home } });
    if (out === '') throw new Error(err);
    return JSON.parse(out) as T;
  };
  /** Settings are read again while it runs. */
  const allow = async (hourly: number): Promise<void> => {
    const file = join(box.home, 'federation.json');
    const settings = JSON.parse(await readFile(file, 'utf8')) as object;
    const mail = { to: ['ops@example.org'], from: 'dharma@example.org', smtp: smtp.url };
    await writeFile(file, JSON.stringify({ ...settings, maxSpend: { hourly }, mail }));
  };
  await allow(2);
  const config = await box.file('blue.json', {
    nodes: 1,
    maxNodes: 3,
    reconfigure: '1s',
    prices: { small: 1 },
  });
  const app = await box.app('app', ONE_AT_A_TIME, MANIFEST);
  expect(
    (await cli(['add-cluster', 'blue', '--config', config, '--app', app], { env: { DHARMA_HOME: box.home } }))
      .code,
  ).toBe(0);
  const { edge } = await ask<FederationStatus>('status');
  const load = startLoad(edge.url, '/', 12);
  onTestFinished(async () => void (await load.stop()));

  const blue = async (): Promise<SizingExplanation | undefined> =>
    (await ask<Explanations>('explain')).clusters[0];
  const held = await until(
    blue,
    (told) => told?.problems.some(({ code }) => code === 'CEILING_REACHED') === true,
  );
  expect(held).toMatchObject({ cluster: 'blue', price: 1, ceiling: 2, most: 3 });
  const status = await until(
    () => ask<FederationStatus>('status'),
    ({ clusters, health, spend }) =>
      clusters[0]!.nodes.filter(({ state }) => state === 'ready').length === 2 &&
      health === 'degraded' &&
      spend?.hourly === 2,
  );
  expect(status.spend).toMatchObject({ hourly: 2, maxHourly: 2, maxMonthly: null });
  expect(status.problems.join()).toContain('ceiling of spending is reached');
  await until(
    async () => smtp.mails.length,
    (mails) => mails > 0,
  );

  const [route] = await until(
    async () => (await ask<ClusterEndpoints[]>('endpoints'))[0]!.endpoints,
    ([first]) => (first?.median ?? 0) > 0 && first!.nodes.length === 2,
  );
  expect(route).toMatchObject({ endpoint: 'GET /', routes: ['GET /'] });
  expect(route!.target).toBeCloseTo(route!.perfAvg! * 2);
  const plan = await ask<Explanations>('plan', 'blue');
  expect(plan.clusters).toMatchObject([{ cluster: 'blue', ceiling: 2 }]);
  expect(await ask('plan', 'nobody')).toMatchObject({ error: { code: 'CLUSTER_UNKNOWN' } });

  await allow(9);
  await until(
    () => ask<FederationStatus>('status'),
    ({ clusters, health }) =>
      health === 'ok' && clusters[0]!.nodes.filter(({ state }) => state === 'ready').length === 3,
  );
  expect((await load.stop()).failures).toEqual([]);
  expect(smtp.mails).toHaveLength(1);
  expect(smtp.mails[0]).toContain('Clusters: blue');
}, 150_000);
