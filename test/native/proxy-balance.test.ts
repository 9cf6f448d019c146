import { isDeepStrictEqual } from 'node:util';

import { afterEach, describe, expect, it } from 'vitest';

import {
  cleanUp,
  delay,
  echo,
  eventually,
  exchange,
  get,
  lastGet,
  open,
  settled,
  startNode,
  startProxy,
  startRawNode,
  subscribe,
} from './proxy-harness.js';
import type { Upstream } from './proxy-harness.js';

afterEach(cleanUp);

/** Sends `count` requests, `width` at a time; how many had which status. */
async function send(port: number, count: number, width: number, path = '/'): Promise<Map<string, number>> {
  const statuses = new Map<string, number>();
  let left = count;
  const one = async (): Promise<void> => {
    while (left-- > 0) {
      const answer = await exchange(port, lastGet(path));
      const status = answer.slice(9, 12);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: width }, one));
  return statuses;
}

const after = (ms: number, name: string): Promise<Upstream> =>
  startNode((_, response) => {
    setTimeout(() => response.end(name), ms);
  }, name);

describe('the choice of a node', () => {
  it('is fair among equals', async () => {
    const nodes = await Promise.all(['a', 'b', 'c'].map((name) => after(5, name)));
    const proxy = await startProxy(nodes.map((n) => n.node));
    await send(proxy.at, 150, 6);
    // Fifty each; a machine that stalls one of them for a moment makes it look slow, and rightly so.
    for (const node of nodes) expect(node.requests).toBeGreaterThan(15);
  });

  it('prefers a fast node to a slow one, but never starves it', async () => {
    const fast = await after(2, 'fast');
    const slow = await after(100, 'slow');
    const proxy = await startProxy([fast.node, slow.node]);
    await send(proxy.at, 200, 4);
    expect(fast.requests).toBeGreaterThan(slow.requests * 4);
    expect(slow.requests).toBeGreaterThan(0);
  });

  it('follows weights', async () => {
    const a = await after(5, 'a');
    const b = await after(5, 'b');
    const proxy = await startProxy([a.node, { ...b.node, weight: 4 }]);
    await send(proxy.at, 200, 10);
    expect(b.requests).toBeGreaterThan(a.requests * 2);
  });

  it('sends nothing new to a node that drains', async () => {
    const a = await after(0, 'a');
    const b = await after(0, 'b');
    const proxy = await startProxy([a.node, { ...b.node, state: 'drain' }]);
    await send(proxy.at, 20, 4);
    expect([a.requests, b.requests]).toEqual([20, 0]);
  });

  it('does not make a black hole of a node that fails at once', async () => {
    const good = await Promise.all(['a', 'b', 'c'].map((name) => after(20, name)));
    const bad = await startNode((_, response) => {
      response.statusCode = 500;
      response.end();
    }, 'bad');
    const proxy = await startProxy([...good.map((n) => n.node), bad.node]);
    const peer = await subscribe(proxy, {});
    const statuses = await send(proxy.at, 400, 16);
    // A quarter is its fair share.
    expect(statuses.get('500') ?? 0).toBeLessThanOrEqual(100);
    expect(statuses.get('200')).toBeGreaterThanOrEqual(300);
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });

  it('does not make a black hole of a node that resets every connection', async () => {
    const good = await Promise.all(['a', 'b', 'c'].map((name) => after(20, name)));
    const bad = await startRawNode((socket) => socket.resetAndDestroy(), 'bad');
    const proxy = await startProxy([...good.map((n) => n.node), bad.node]);
    const statuses = await send(proxy.at, 400, 16);
    expect(statuses.get('502') ?? 0).toBeLessThanOrEqual(100);
  });

  it('sees a node that hangs', async () => {
    let hanging = 0;
    const good = await after(5, 'good');
    const hung = await startRawNode((socket) => socket.on('data', () => hanging++), 'hung');
    const proxy = await startProxy([hung.node, good.node], { limits: { upstreamTimeout: 60_000 } });
    const sockets = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const socket = await open(proxy.at);
        const next = (): void => {
          socket.write(get('/'));
        };
        socket.on('data', next);
        next();
        return socket;
      }),
    );
    // At a fair share all forty would soon be stuck.
    await eventually(() => (good.requests > 600 ? true : undefined));
    expect(hanging).toBeLessThan(sockets.length);
    for (const socket of sockets) socket.destroy();
  });

  it('sticks to a client where the route says so, through trusted proxies', async () => {
    const nodes = await Promise.all(['a', 'b', 'c', 'd'].map((name) => after(0, name)));
    const proxy = await startProxy(
      nodes.map((n) => n.node),
      { routes: [{ pattern: '/*all', sticky: 'ip' }], trusted: ['127.0.0.1'] },
    );
    const seen = new Map<string, Set<string>>();
    for (let client = 0; client < 30; client++) {
      for (let i = 0; i < 3; i++) {
        const ip = `10.0.0.${client}`;
        const answer = await exchange(proxy.at, lastGet('/x', `X-Forwarded-For: ${ip}\r\n`));
        seen.set(ip, (seen.get(ip) ?? new Set()).add(answer.slice(-1)));
      }
    }
    expect([...seen.values()].every((names) => names.size === 1)).toBe(true);
    expect(new Set([...seen.values()].flatMap((names) => [...names])).size).toBeGreaterThan(2);
  });
});

describe('a node that fails more than its peers', () => {
  const failing = (name: string): Promise<Upstream> =>
    startNode((_, response) => {
      response.statusCode = 500;
      response.end();
    }, name);

  it('is left out, tried again later, and serves again once it is well', async () => {
    let well = false;
    const good = await Promise.all(['a', 'b', 'c'].map((name) => after(1, name)));
    const bad = await startNode((_, response) => {
      response.statusCode = well ? 200 : 500;
      response.end();
    }, 'bad');
    const proxy = await startProxy([...good.map((n) => n.node), bad.node]);
    await send(proxy.at, 100, 4);
    await eventually(async () => {
      await send(proxy.at, 20, 4);
      return /"event":"ejected","node":"bad","ms":1000\}/.test(proxy.stderr) ? true : undefined;
    });
    // While it is out it gets nothing at all. A busy machine may need a later, longer ejection to see that.
    const before = await eventually(async () => {
      const { requests } = bad;
      await send(proxy.at, 40, 4);
      return bad.requests === requests ? requests : undefined;
    });
    well = true;
    const { length } = proxy.stderr.match(/"ejected"/g)!;
    await eventually(async () => {
      await send(proxy.at, 20, 4);
      return bad.requests > before + 5 ? true : undefined;
    });
    expect(proxy.stderr.match(/"ejected"/g)).toHaveLength(length);
  });

  it('stays where the others fail as well, and where ejection is off', async () => {
    const all = await Promise.all(['a', 'b', 'c', 'd'].map(failing));
    const proxy = await startProxy(all.map((n) => n.node));
    await send(proxy.at, 300, 4);
    const good = await after(0, 'good');
    const off = await startProxy([good.node, all[0]!.node], { balance: { eject: false } });
    await send(off.at, 300, 4);
    expect(proxy.stderr + off.stderr).not.toContain('ejected');
  });

  it('is not made of a healthy node by a sticky client whose requests fail anywhere', async () => {
    const nodes = await Promise.all(
      ['a', 'b', 'c'].map((name) =>
        startNode((request, response) => {
          response.statusCode = request.url === '/bad' ? 500 : 200;
          response.end();
        }, name),
      ),
    );
    const proxy = await startProxy(
      nodes.map((n) => n.node),
      { routes: [{ pattern: '/bad', sticky: 'ip' }] },
    );
    await send(proxy.at, 200, 4);
    await send(proxy.at, 200, 4, '/bad');
    expect(proxy.stderr).not.toContain('ejected');
  });
});

describe('a node that is not well', () => {
  it('gets no requests until its health check answers well again', async () => {
    let well = true;
    const asked: (string | undefined)[] = [];
    const sick = await startNode((request, response) => {
      if (request.url === '/health?x=1') asked.push(request.headers.host);
      response.statusCode = request.url === '/health?x=1' && !well ? 503 : 200;
      response.end('sick');
    }, 'sick');
    const other = await after(0, 'other');
    const proxy = await startProxy([sick.node, other.node], {
      workers: 2,
      health: { path: '/health?x=1', interval: 70 },
    });
    const peer = await subscribe(proxy, {});
    const gets = async (): Promise<boolean> =>
      (await Promise.all(Array.from({ length: 8 }, () => exchange(proxy.at, lastGet('/'))))).some((answer) =>
        answer.endsWith('sick'),
      );
    expect(await gets()).toBe(true);
    well = false;
    await eventually(() => (proxy.stderr.includes('"event":"unhealthy","node":"sick"') ? true : undefined));
    const out = { node: 'sick', ejected: false, unhealthy: true };
    await eventually(() => peer.of('Limits').find(({ nodesOut }) => isDeepStrictEqual(nodesOut, [out])));
    expect(await gets()).toBe(false);
    // Better than none.
    await other.close();
    expect(await exchange(proxy.at, lastGet('/'))).toMatch(/sick$/);
    well = true;
    await eventually(() => (proxy.stderr.includes('"event":"healthy","node":"sick"') ? true : undefined));
    await eventually(async () => ((await gets()) ? true : undefined));
    expect(new Set(asked)).toEqual(new Set([`127.0.0.1:${sick.port}`]));
  });

  it('may hang, answer rubbish or not be there: each is a failure, and nothing is left over', async () => {
    const hung = await startRawNode((socket) => socket.on('data', () => undefined), 'hung');
    const rubbish = await startRawNode(
      (socket) => socket.on('data', () => socket.write('rubbish\r\n')),
      'rubbish',
    );
    const gone = await startNode(echo, 'gone');
    await gone.close();
    const proxy = await startProxy([hung.node, rubbish.node, gone.node], {
      health: { path: '/', interval: 70, timeout: 100 },
    });
    for (const name of ['hung', 'rubbish', 'gone'])
      await eventually(() => (proxy.stderr.includes(`"unhealthy","node":"${name}"`) ? true : undefined));
    const peer = await subscribe(proxy, {});
    expect(await peer.configure(1, { ...proxy.config, health: undefined, nodes: [] })).toMatchObject({
      ok: true,
    });
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });
});

describe('the account', () => {
  it('is not taken for settled while another worker has something open', async () => {
    const slow = await after(400, 'slow');
    const proxy = await startProxy([slow.node], { workers: 2 });
    const peer = await subscribe(proxy, {});
    const answer = exchange(proxy.at, lastGet('/'));
    await peer.telemetry((t) => t.openRequests === 1);
    expect((await settled(peer)).waitSumNs).toBe(0n);
    expect(await answer).toMatch(/slow$/);
  });

  it('returns to zero after clients that go away at every moment', async () => {
    const node = await startNode((request, response) => {
      response.write('begun');
      setTimeout(() => response.end('done'), 30);
      request.on('error', () => undefined);
      response.on('error', () => undefined);
    });
    const proxy = await startProxy([node.node], { workers: 2 });
    const peer = await subscribe(proxy, {});
    for (let i = 0; i < 60; i++) {
      const socket = await open(proxy.at);
      socket.write(i % 2 ? get('/') : 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf');
      await delay(i % 7);
      if (i % 3) socket.destroy();
      else socket.resetAndDestroy();
    }
    expect((await settled(peer)).waitSumNs).toBe(0n);
    expect(peer.totals('app-1').clientAborts).toBeGreaterThan(30);
  });

  it('returns to zero after every kind of failure of a node', async () => {
    let turn = 0;
    const node = await startRawNode((socket) =>
      socket.on('data', () => {
        switch (turn++ % 7) {
          case 0:
            return void socket.resetAndDestroy();
          case 1:
            return void socket.end();
          case 2:
            return void socket.end('rubbish');
          case 3:
            return void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc');
          case 4:
            return void socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz');
          case 5:
            return undefined;
          default:
            return void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        }
      }),
    );
    const proxy = await startProxy([node.node], { limits: { upstreamTimeout: 100 } });
    const peer = await subscribe(proxy, {});
    await send(proxy.at, 140, 10);
    const last = await settled(peer);
    expect(last.waitSumNs).toBe(0n);
    expect(peer.totals('app-1').errors).toBeGreaterThan(50);
  });
});

describe('telemetry', () => {
  it('counts by endpoint and node, never by what a client sent', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], {
      routes: [
        { pattern: '/orders/new', methods: ['GET'] },
        { pattern: '/orders/:id', methods: ['GET'] },
        { pattern: '/orders/:id', methods: ['PUT', 'DELETE'], endpoint: 'change order' },
        { pattern: '/files/*path' },
      ],
    });
    const peer = await subscribe(proxy, {});
    const requests: [string, string][] = [
      ['GET', '/orders/new'],
      ['GET', '/orders/7?x=/'],
      ['HEAD', '/orders/8'],
      ['PUT', '/orders/7'],
      ['DELETE', '/orders/9'],
      ['POST', '/orders/9'],
      ['GET', '/orders'],
      ['GET', '/orders/'],
      ['GET', '/orders/1/2'],
      ['GET', '/files/a/b/c'],
      ['GET', '/files/'],
      ['GET', '/nobody/knows'],
    ];
    for (const [method, path] of requests)
      await exchange(proxy.at, `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    await settled(peer);
    await settled(peer);
    const counts: Record<string, number> = {};
    for (const frame of peer.of('Telemetry'))
      for (const entry of frame.entries) {
        counts[entry.endpoint] = (counts[entry.endpoint] ?? 0) + entry.count;
        expect(entry.histogram.reduce((n, b) => n + b.count, 0)).toBe(entry.count);
      }
    expect(counts).toEqual({
      'GET /orders/new': 1,
      'GET /orders/:id': 2,
      'change order': 2,
      '/files/*path': 2,
      '*': 5,
    });
  });
});
