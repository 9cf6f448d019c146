import { join } from 'node:path';
import fc from 'fast-check';
import { Client } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { medianOf, OwnTimes } from '../../../cluster-agent/telemetry/own-times.js';
import { systemClock } from '../../../common/index.js';
import { soon, specOf, startAgent, urlOf } from '../support/agents.js';
import { httpApp, releaseOf } from '../support/apps.js';
import { temporaryFolder } from '../support/folders.js';

describe('nodes that answer for their own time', () => {
  it('tell it by endpoint, of what came by the proxy, and it stands beside what that measured', async () => {
    const root = await temporaryFolder();
    const route = (pattern: string, path: string) => ({ pattern, methods: ['GET'], test: { path } });
    const app = httpApp(`(q, r) => {
      const until = Date.now() + (q.url.startsWith('/busy') ? 50 : 0);
      while (Date.now() < until);
      r.end('ok');
    }`);
    const release = await releaseOf(root, app, {
      routes: [
        route('/busy/:id', '/busy/0'),
        route('/busy/list', '/busy/list'),
        route('/files/*rest', '/files/x'),
      ],
    });
    const { client } = await startAgent(root);
    const spec = await specOf(root, release, { config: { nodes: 1, reconfigure: '60s' } });
    await client.putSpec(spec, soon());
    await client.waitUntil(({ state }) => state === 'converged', soon());
    for (;;) {
      const asked = ['/busy/1', '/busy/2', '/busy/3', '/busy/4', '/busy/list', '/files/a/b?c=/d', '/nowhere'];
      await Promise.all(asked.map((path) => fetch(`${urlOf(spec)}${path}`).then((r) => r.text())));
      const { endpoints } = await client.status(soon());
      const named = new Map(endpoints.map((endpoint) => [endpoint.endpoint, endpoint]));
      const [busy, list, files] = ['GET /busy/:id', 'GET /busy/list', 'GET /files/*rest'].map((n) =>
        named.get(n),
      );
      if (busy?.own === undefined || list?.own === undefined || files?.own === undefined) continue;
      // The app spins by the clock: it never takes less.
      for (const one of [busy, list]) expect(one.own).toBeGreaterThanOrEqual(45);
      expect(busy.nodes[0]!.own).toBe(busy.own);
      expect(busy.median).toBeGreaterThanOrEqual(45);
      expect(named.get('*')?.own).toBeUndefined();
      return;
    }
  });

  it('are not believed in what makes no sense, and are forgotten after the window', async () => {
    const path = join(await temporaryFolder(), 'own.sock');
    let now = 0;
    const times = await OwnTimes.open(path, { ...systemClock, monotonic: () => now });
    const client = new Client('http://agent', { socketPath: path });
    onTestFinished(async () => {
      await client.close();
      await times.close();
    });
    times.follow([], 1000);
    const tell = async (body: unknown): Promise<number> => {
      const answer = await client.request({ path: '/', method: 'POST', body: JSON.stringify(body) });
      await answer.body.dump();
      return answer.statusCode;
    };
    for (const wrong of [
      {},
      [],
      { node: 'a', endpoints: { x: [[-1, 1]] } },
      { node: 'a', endpoints: { x: [[1, 0.5]] } },
    ])
      expect(await tell(wrong)).toBe(400);
    expect(times.median('x')).toBeUndefined();
    expect(await tell({ node: 'a', endpoints: { x: [[160, 3]] } })).toBe(200);
    now = 900;
    expect(await tell({ node: 'b', endpoints: { x: [[320, 4]] } })).toBe(200);
    expect(times.median('x', 'a')).toBeCloseTo(1.024);
    expect(times.median('x')).toBeCloseTo(1048.576);
    now = 1100;
    expect(times.median('x', 'a')).toBeUndefined();
    expect(times.median('x', 'b')).toBeCloseTo(1048.576);
  });

  it('have a median that half of them are below, and half above', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 9 })), { minLength: 1 }),
        (buckets) => {
          const median = medianOf(buckets)!;
          const all = buckets.flatMap(([bucket, count]) =>
            Array<number>(count).fill(2 ** (bucket / 16) / 1000),
          );
          expect(all.filter((ms) => ms <= median).length * 2).toBeGreaterThanOrEqual(all.length);
          expect(all.filter((ms) => ms >= median).length * 2).toBeGreaterThanOrEqual(all.length);
        },
      ),
    );
    expect(medianOf([])).toBeUndefined();
  });
});
