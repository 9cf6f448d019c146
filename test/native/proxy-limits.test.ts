import { once } from 'node:events';
import { readFile } from 'node:fs/promises';

import { afterEach, describe, expect, it } from 'vitest';

import {
  cleanUp,
  echo,
  eventually,
  exchange,
  get,
  lastGet,
  open,
  proxyBinary,
  settled,
  startNode,
  startProxy,
  subscribe,
} from './proxy-harness.js';
import type { ControlPeer } from './proxy-harness.js';

afterEach(cleanUp);

const status = (answer: string): string => answer.slice(9, 12);

async function statuses(port: number, count: number, head = lastGet('/')): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const code = status(await exchange(port, head));
    found[code] = (found[code] ?? 0) + 1;
  }
  return found;
}

/** What the Limits frames so far come to. */
function sums(peer: ControlPeer): Record<string, number> {
  const total: Record<string, number> = {};
  const add = (key: string, n: number): void => void (total[key] = (total[key] ?? 0) + n);
  for (const frame of peer.of('Limits')) {
    add('clientConnections', frame.clientConnections);
    for (const { endpoint, clientRate, endpointRate } of frame.endpoints) {
      if (clientRate > 0) add(`client ${endpoint}`, clientRate);
      if (endpointRate > 0) add(`endpoint ${endpoint}`, endpointRate);
    }
  }
  return total;
}

// A rate of one in 1000 s: nothing is refilled while a test runs, however slow the machine is.
const SLOW = 0.001;
// The sanitizers keep freed memory for a while.
const SANITIZED = proxyBinary.includes('asan');

describe('a rate per client', () => {
  it.each([1, 2])(
    'lets a burst pass and refuses the rest with 429 and Retry-After (%i workers)',
    async (workers) => {
      const node = await startNode(echo);
      const proxy = await startProxy([node.node], { workers, limits: { client: { rate: SLOW, burst: 5 } } });
      const peer = await subscribe(proxy, {});
      expect(await statuses(proxy.at, 20)).toEqual({ 200: 5, 429: 15 });
      expect(await exchange(proxy.at, lastGet('/'))).toMatch(/\r\nRetry-After: (9\d\d|1000)\r\n/);
      expect(node.requests).toBe(5);
      await settled(peer);
      expect(sums(peer)).toEqual({ clientConnections: 0, 'client *': 16 });
      // What was refused is no request of the endpoint: it would pass for a fast one.
      expect(
        peer
          .of('Telemetry')
          .flatMap(({ entries }) => entries.map(({ count }) => count))
          .reduce((a, b) => a + b, 0),
      ).toBe(5);
      expect((await settled(peer)).waitSumNs).toBe(0n);
    },
  );

  it('is that of the client a trusted peer names, IPv6 by prefix', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], {
      trusted: ['127.0.0.1'],
      limits: { client: { rate: SLOW, burst: 2 } },
    });
    const from = (client: string): Promise<Record<string, number>> =>
      statuses(proxy.at, 3, lastGet('/', `X-Forwarded-For: ${client}\r\n`));
    expect(await from('10.0.0.1')).toEqual({ 200: 2, 429: 1 });
    expect(await from('9.9.9.9, 10.0.0.1')).toEqual({ 429: 3 });
    expect(await from('10.0.0.2')).toEqual({ 200: 2, 429: 1 });
    expect(await from('2001:db8::1')).toEqual({ 200: 2, 429: 1 });
    expect(await from('2001:db8::ffff:2')).toEqual({ 429: 3 });
    expect(await from('2001:db8:0:1::1')).toEqual({ 200: 2, 429: 1 });
  });

  it('cannot be evaded by naming somebody else, and survives a reload', async () => {
    const node = await startNode(echo);
    const limits = { client: { rate: SLOW, burst: 2 } };
    const proxy = await startProxy([node.node], { limits });
    for (let i = 0; i < 2; i++) await exchange(proxy.at, lastGet('/', `X-Forwarded-For: 10.0.0.${i}\r\n`));
    const peer = await subscribe(proxy, {});
    expect(await peer.configure(1, JSON.stringify({ ...proxy.config, drainTimeout: 400 }))).toMatchObject({
      ok: true,
    });
    expect(await statuses(proxy.at, 2)).toEqual({ 429: 2 });
  });

  it('keeps the connection: pipelined requests get their answers in order', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], { limits: { client: { rate: SLOW, burst: 2 } } });
    const answers = await exchange(proxy.at, get('/1') + get('/2') + get('/3') + lastGet('/4'));
    expect([...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code]) => code)).toEqual([
      '200',
      '200',
      '429',
      '429',
    ]);
  });
});

describe('a flood of addresses', () => {
  it('takes no memory beyond the table, and does not set free a client that has spent', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], {
      trusted: ['127.0.0.1'],
      // None of these reaches the node: the endpoint has spent its only request.
      routes: [{ pattern: '/*all', limit: { rate: SLOW, burst: 1 } }],
      limits: { client: { rate: SLOW, burst: 2 } },
    });
    const residentKiB = async (): Promise<number> =>
      Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${proxy.child.pid}/status`, 'utf8'))?.[1]);
    const batch = (from: number, count: number): string =>
      Array.from({ length: count }, (_, i) => {
        const n = from + i;
        return get('/', `X-Forwarded-For: 10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}\r\n`);
      }).join('');
    const victim = lastGet('/', 'X-Forwarded-For: 9.9.9.9\r\n');
    expect(await statuses(proxy.at, 3, victim)).toEqual({ 200: 1, 503: 1, 429: 1 });
    const send = async (from: number, count: number): Promise<void> => {
      const answers = await exchange(proxy.at, batch(from, count) + lastGet('/'));
      expect(answers.split('HTTP/1.1 ').length).toBeGreaterThan(count);
    };
    await send(0, 500);
    const before = await residentKiB();
    for (let from = 500; from < 30_500; from += 5000) await send(from, 5000);
    // The table's 1.6 MiB and what 5000 pipelined answers take; a list of clients would be more.
    expect((await residentKiB()) - before).toBeLessThan(SANITIZED ? 100_000 : 6000);
    expect(await statuses(proxy.at, 2, victim)).toEqual({ 429: 2 });
  });
});

describe('a rate per endpoint', () => {
  it('answers 503 over all clients, of that endpoint alone; what its client may not send takes nothing', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], {
      trusted: ['127.0.0.1'],
      limits: { client: { rate: SLOW, burst: 3 } },
      routes: [
        { pattern: '/a', endpoint: 'e', limit: { rate: SLOW, burst: 5 } },
        { pattern: '/b', endpoint: 'e', limit: { rate: SLOW, burst: 5 } },
      ],
    });
    const peer = await subscribe(proxy, {});
    const from = (client: string, path: string): Promise<Record<string, number>> =>
      statuses(proxy.at, 6, lastGet(path, `X-Forwarded-For: ${client}\r\n`));
    expect(await from('10.0.0.1', '/a')).toEqual({ 200: 3, 429: 3 });
    expect(await from('10.0.0.2', '/b')).toEqual({ 200: 2, 503: 1, 429: 3 });
    expect(await from('10.0.0.3', '/')).toEqual({ 200: 3, 429: 3 });
    await settled(peer);
    expect(sums(peer)).toEqual({ clientConnections: 0, 'client e': 6, 'endpoint e': 1, 'client *': 3 });
  });
});

describe('connections per client', () => {
  it('are capped over all workers, and free again when they end', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], { workers: 2, limits: { client: { connections: 3 } } });
    const peer = await subscribe(proxy, {});
    const held = await Promise.all([open(proxy.at), open(proxy.at), open(proxy.at)]);
    for (const socket of held) {
      socket.write(get('/'));
      await once(socket, 'data');
    }
    const refused = await open(proxy.at);
    refused.on('error', () => undefined);
    await once(refused, 'close');
    await settled(peer);
    expect(sums(peer)['clientConnections']).toBe(1);
    held[0]?.destroy();
    await eventually(async () => {
      try {
        return status(await exchange(proxy.at, lastGet('/'))) === '200' ? true : undefined;
      } catch {
        return undefined; // Not yet seen to have ended.
      }
    });
    for (const socket of held) socket.destroy();
  });
});

describe('the measure mode', () => {
  it('refuses nothing and counts what would have been', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], {
      limits: { measure: true, client: { rate: SLOW, burst: 2, connections: 1 } },
      routes: [{ pattern: '/', limit: { rate: SLOW, burst: 3 } }],
    });
    const peer = await subscribe(proxy, {});
    const held = await open(proxy.at);
    held.write(get('/'));
    await once(held, 'data');
    expect(await statuses(proxy.at, 9)).toEqual({ 200: 9 });
    await settled(peer);
    expect(sums(peer)).toEqual({ clientConnections: 9, 'client /': 8, 'endpoint /': 7 });
    expect(peer.of('Limits').every(({ measure }) => measure)).toBe(true);
    expect(node.requests).toBe(10);
    held.destroy();
  });
});
