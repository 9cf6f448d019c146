import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { createLogger, type LimitsFrame } from '../../common/index.js';
import { Edge } from '../../federator/daemon/edge.js';
import { addLimits, NO_LIMIT_COUNTS, type LimitCounts } from '../../federator/daemon/limit-counts.js';
import { Home } from '../../federator/home/home.js';
import { loadSettings } from '../../federator/home/settings.js';

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const frames: fc.Arbitrary<LimitsFrame> = fc.record({
  kind: fc.constant('Limits' as const),
  worker: fc.nat(3),
  measure: fc.constant(false),
  waiting: fc.nat(9),
  queued: fc.nat(9),
  queueFull: fc.nat(9),
  queueExpired: fc.nat(9),
  clientConnections: fc.nat(9),
  forgotten: fc.nat(99),
  nodesOut: fc.constant([]),
  endpoints: fc.array(
    fc.record({
      endpoint: fc.constantFrom('a', 'b', '__proto__'),
      clientRate: fc.nat(9),
      endpointRate: fc.nat(9),
    }),
  ),
});

const fold = (all: readonly LimitsFrame[]): LimitCounts => all.reduce(addLimits, NO_LIMIT_COUNTS);

describe('the counts of limits', () => {
  test('do not depend on the order of frames, and endpoints add up to the whole', () => {
    fc.assert(
      fc.property(fc.array(frames), (all) => {
        const counts = fold(all);
        expect(fold([...all].reverse())).toEqual(counts);
        expect(counts.endpoints.reduce((sum, { clientRate }) => sum + clientRate, 0)).toBe(counts.clientRate);
        expect(new Set(counts.endpoints.map(({ endpoint }) => endpoint)).size).toBe(counts.endpoints.length);
      }),
    );
  });
});

async function edgeWith(limits: unknown): Promise<{ edge: Edge; url: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'dharma-edge-limits-'));
  stops.push(() => rm(dir, { recursive: true, force: true }));
  const home = new Home(dir);
  await home.prepare();
  const { id } = await loadSettings(home);
  const edgeSettings = { address: '127.0.0.1', port: 0, limits };
  await writeFile(home.settingsFile, JSON.stringify({ id, edge: edgeSettings }));
  const node = createServer((socket) =>
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')),
  );
  await new Promise<void>((done) => node.listen(0, '127.0.0.1', done));
  stops.push(() => void node.close());
  const edge = new Edge(home, (await loadSettings(home)).edge, createLogger('test', 'silent'));
  stops.push(() => edge.stop());
  const { port } = await edge.start(AbortSignal.timeout(10_000));
  await edge.configure({
    nodes: [{ name: 'blue', address: '127.0.0.1', port: (node.address() as AddressInfo).port }],
    routes: [{ pattern: '/a', limit: { rate: 0.001, burst: 1 } }],
    capture: { enabled: false },
  });
  return { edge, url: `http://127.0.0.1:${port}` };
}

describe('the limits of the edge', () => {
  test.each([
    [false, [200, 503, 200, 429, 429]],
    [true, [200, 200, 200, 200, 200]],
  ])(
    'come from federation.json, and what they did is in its state (measure: %j)',
    async (measure, expected) => {
      const { edge, url } = await edgeWith({ measure, client: { rate: 0.001, burst: 3 } });
      const seen: number[] = [];
      for (const path of ['/a', '/a', '/b', '/b', '/a']) seen.push((await fetch(url + path)).status);
      expect(seen).toEqual(expected);
      for (;;) {
        const counts = edge.state().limits!;
        if (counts.clientRate === 2) {
          // In the measure mode a request over the client's rate still goes on to the endpoint's.
          const endpointRate = measure ? 2 : 1;
          expect(counts).toEqual({
            measure,
            clientRate: 2,
            clientConnections: 0,
            forgotten: 0,
            nodesOut: [],
            endpoints: [
              { endpoint: '*', clientRate: 1, endpointRate: 0 },
              { endpoint: '/a', clientRate: 1, endpointRate },
            ],
          });
          break;
        }
        await new Promise((done) => setTimeout(done, 50));
      }
    },
  );
});
