import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { FederationClient } from '../../federator/client/client.js';
import { Home } from '../../federator/home/home.js';

/** An API that answers what it is told to, one answer a request, the last one ever again. */
async function startApi(
  ...answers: (readonly [number, unknown])[]
): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const [status, body] = answers[Math.min(asked.length, answers.length - 1)]!;
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const AWAY = [503, { error: { code: 'NO_ACTIVE_INSTANCE', message: 'none', remedy: 'wait' } }] as const;

it('asks again while no instance is active, also for what changes something', async () => {
  const { url, asked } = await startApi(AWAY, AWAY, [202, { operation: 'op1' }]);
  const client = new FederationClient(url, 'token', new Home('/nowhere'));
  expect(await client.removeCluster('blue', AbortSignal.timeout(30_000))).toBe('op1');
  expect(asked).toEqual(Array.from({ length: 3 }, () => 'DELETE /v1/clusters/blue'));
});

it('tells any other error at once', async () => {
  const other = [503, { error: { code: 'LEASE_LOST', message: 'lost', remedy: 'look' } }] as const;
  const { url, asked } = await startApi(other);
  const client = new FederationClient(url, 'token', new Home('/nowhere'));
  await expect(client.removeCluster('blue', AbortSignal.timeout(30_000))).rejects.toMatchObject({
    code: 'LEASE_LOST',
  });
  expect(asked).toHaveLength(1);
});
