import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { NodeCaller } from '../../../cluster-agent/routetest/caller.js';
import { measureRoutes } from '../../../cluster-agent/routetest/measure.js';
import { runRouteTests } from '../../../cluster-agent/routetest/run.js';
import { manifestSchema } from '../../../common/index.js';

let signal: AbortSignal;
beforeEach(() => {
  signal = AbortSignal.timeout(50_000);
});

const { routes } = manifestSchema.parse({
  name: 'shop',
  routes: [
    { pattern: '/slow', methods: ['GET'], test: { path: '/slow' } },
    { pattern: '/fast', methods: ['GET'], test: { path: '/fast' } },
    { pattern: '/once', methods: ['GET'], test: { path: '/once', load: false } },
    { pattern: '/post', methods: ['POST'], test: { method: 'POST', path: '/post', body: 'x' } },
    { pattern: '/search', methods: ['POST'], test: { method: 'POST', path: '/search', load: true } },
    { pattern: '/broken', methods: ['GET'], test: { path: '/broken' } },
    { pattern: '/untested', methods: ['GET'] },
  ],
});

async function startNode() {
  const hits = new Map<string, number>();
  let connections = 0;
  const server = createServer((request, response) => {
    hits.set(request.url!, (hits.get(request.url!) ?? 0) + 1);
    request.resume();
    if (request.url === '/broken') response.statusCode = 500;
    setTimeout(() => response.end('ok'), request.url === '/slow' ? 30 : 0);
  });
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const caller = new NodeCaller({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }, 10_000);
  onTestFinished(async () => {
    await caller.close();
    server.closeAllConnections();
    server.close();
  });
  return { hits, caller, connections: () => connections };
}

describe('the short load of a deploy', () => {
  it('measures what may be repeated, and nothing else', async () => {
    const { hits, caller, connections } = await startNode();
    const measured = await measureRoutes(caller, routes, signal);
    expect(measured.map(({ endpoint }) => endpoint)).toEqual(['GET /slow', 'GET /fast', 'POST /search']);
    expect(measured[0]!.median).toBeGreaterThanOrEqual(29);
    expect(measured[0]!.median).toBeGreaterThan(measured[1]!.median);
    expect(measured.every(({ errors, count }) => errors === 0 && count > 0)).toBe(true);
    expect([...hits.keys()].sort()).toEqual(['/broken', '/fast', '/search', '/slow']);
    // A route that fails is not hammered: one line of requests alone, four together.
    expect(hits.get('/broken')).toBe(5);
    // Connections are kept: many requests go over each.
    const requests = [...hits.values()].reduce((sum, count) => sum + count, 0);
    expect(connections()).toBeLessThan(requests / 2);
  });

  it('ends when it is told to', async () => {
    const { caller } = await startNode();
    await expect(measureRoutes(caller, routes, AbortSignal.abort(new Error('enough')))).rejects.toThrow(
      'enough',
    );
  });
});

describe('route tests', () => {
  it('are run once each, and all that failed are told at once', async () => {
    const { hits, caller } = await startNode();
    const run = runRouteTests(caller, routes, signal);
    await expect(run).rejects.toMatchObject({
      code: 'ROUTE_TEST_FAILED',
      found: 'GET /broken (GET /broken): expected status 200, found status 500',
    });
    await expect(run).rejects.toThrow('1 of 6 route tests failed');
    expect([...hits.values()]).toEqual(Array(6).fill(1));
  });

  it('tell a node that does not answer', async () => {
    const caller = new NodeCaller({ host: '127.0.0.1', port: 1 }, 1000);
    onTestFinished(() => caller.close());
    await expect(runRouteTests(caller, routes.slice(0, 1), signal)).rejects.toThrow(/no answer/);
  });
});
