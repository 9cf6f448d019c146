import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ClusterStatus, OutboundCall, OutboundSource } from '../../../common/index.js';
import { soon, specOf, startAgent, urlOf } from '../support/agents.js';
import { httpApp, releaseOf } from '../support/apps.js';
import { temporaryFolder } from '../support/folders.js';

const converged = (status: ClusterStatus): boolean => status.state === 'converged';

/** What the app calls out to: answers with what it was asked. */
async function startShop(): Promise<{ url: string; headers: string[][] }> {
  const headers: string[][] = [];
  const server = createServer((request, response) => {
    headers.push(Object.keys(request.headers));
    request.on('data', () => undefined).on('end', () => response.end(`paid ${request.url}`));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, headers };
}

async function take(source: OutboundSource, count: number): Promise<OutboundCall[]> {
  const calls: OutboundCall[] = [];
  for await (const call of source) if (calls.push(call) === count) break;
  return calls;
}

const CALLING_APP = httpApp(`async (q, r) => {
  try {
    const answer = await fetch(process.env.PAYMENT_URL + q.url, { method: 'POST', body: 'pay ' + q.url });
    r.end(await answer.text());
  } catch (error) { r.statusCode = 502; r.end(String(error)); }
}`);

describe('what a cluster calls out to', () => {
  it('is passed on always, and recorded with its exchange only while the spec says so', async () => {
    const root = await temporaryFolder();
    const [shop, other] = await Promise.all([startShop(), startShop()]);
    const release = await releaseOf(root, CALLING_APP, {
      outbound: { PAYMENT_URL: 'http://127.0.0.1:9/never' },
    });
    const { client } = await startAgent(root);
    const config = { nodes: 1, env: { PAYMENT_URL: shop.url } };
    const first = await specOf(root, release, { config });
    await client.putSpec(first, soon());
    await client.waitUntil(converged, soon());
    const source = client.outbound();
    onTestFinished(() => source.close());
    const reading = take(source, 2);
    await source.subscribed;
    const ask = async (path: string): Promise<string> =>
      (await fetch(`${urlOf(first)}${path}`, { headers: { 'dharma-exchange': '00000000000000a7' } })).text();

    expect(await ask('/before')).toBe('paid /v1/before');
    const second = await specOf(root, release, { before: first, config, recordOutbound: true });
    await client.putSpec(second, soon());
    await client.waitUntil((status) => status.generation === 2 && converged(status), soon());
    expect(await ask('/one')).toBe('paid /v1/one');
    expect(await ask('/two')).toBe('paid /v1/two');

    const calls = await reading;
    expect(calls.map(({ target }) => target)).toEqual(['/v1/one', '/v1/two']);
    expect(calls[0]).toMatchObject({ destination: 'PAYMENT_URL', method: 'POST', response: { status: 200 } });
    expect(Buffer.from(calls[0]!.requestBody).toString()).toBe('pay /one');
    expect(Buffer.from(calls[0]!.response!.body).toString()).toBe('paid /v1/one');
    // The edge's id, by way of the proxy, the app's context and the recorder.
    expect(calls[0]!.exchangeId).toBe('00000000000000a7');
    expect(shop.headers.flat()).not.toContain('dharma-exchange');
    expect(other.headers).toEqual([]);
  });
});
