import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock, type ClusterStatus } from '../../../common/index.js';
import { soon, specOf, startAgent, urlOf } from '../support/agents.js';
import { httpApp, releaseOf } from '../support/apps.js';
import { temporaryFolder } from '../support/folders.js';
import { answered, startLoad } from '../support/load.js';

/** Says which node answers, and listens once the file GATE is there. */
const GATED = `const http = require('node:http');
const { existsSync } = require('node:fs');
const server = http.createServer((q, r) => r.end(process.env.HOST));
const gate = setInterval(() => {
  if (!existsSync(process.env.GATE)) return;
  clearInterval(gate);
  server.listen(process.env.PORT, process.env.HOST);
}, 10);
process.on('SIGTERM', () => (clearInterval(gate), server.close(() => process.exit(0))));
`;

const converged =
  (nodes: number) =>
  (status: ClusterStatus): boolean =>
    status.state === 'converged' && status.nodes.length === nodes;

it('a spare takes the requests of a killed node before that one could have started', async () => {
  const root = await temporaryFolder();
  const gate = join(root, 'gate');
  await writeFile(gate, '');
  const { client } = await startAgent(root);
  const release = await releaseOf(root, GATED);
  const spec = await specOf(root, release, { config: { nodes: 1, standby: 1, env: { GATE: gate } } });
  await client.putSpec(spec, soon());
  // A cluster has converged when those that serve do; its spare may still be starting.
  const before = await client.waitUntil(
    (status) => converged(2)(status) && status.nodes.every(({ state }) => state === 'ready'),
    soon(),
  );
  expect(before.sizing).toMatchObject({ wanted: 1, spares: 1 });
  const load = startLoad(urlOf(spec), '/', 2);
  await answered(load, 20);
  const seen = await (await fetch(urlOf(spec))).text();
  const lost = before.nodes.find(({ address }) => address === seen)!;
  const spare = before.nodes.find(({ address }) => address !== seen)!;

  await rm(gate);
  process.kill(lost.pid!, 'SIGKILL');
  const after = await client.waitUntil(
    ({ nodes }) => nodes.find(({ name }) => name === lost.name)!.state !== 'ready',
    soon(),
  );
  expect(after.nodes.find(({ name }) => name === spare.name)!.state).toBe('ready');
  while ((await (await fetch(urlOf(spec))).text()) !== spare.address) await systemClock.sleep(5, soon());
  // It serves while the lost one has not even begun to listen.
  const { nodes } = await client.status(soon());
  expect(nodes.find(({ name }) => name === lost.name)!.state).toBe('starting');
  await load.stop();
});

it('a killed node of a cluster without spares is replaced and serves again', async () => {
  const root = await temporaryFolder();
  const { client } = await startAgent(root);
  const release = await releaseOf(root, httpApp('(q, r) => r.end(String(process.pid))'));
  const spec = await specOf(root, release, { config: { nodes: 2 } });
  await client.putSpec(spec, soon());
  const before = await client.waitUntil(converged(2), soon());
  const [lost] = before.nodes;
  process.kill(lost!.pid!, 'SIGKILL');
  const after = await client.waitUntil(
    (status) => converged(2)(status) && status.nodes.every(({ pid }) => pid !== lost!.pid),
    soon(),
  );
  expect(after.nodes.map(({ restarts }) => restarts).sort()).toEqual([0, 1]);
});
