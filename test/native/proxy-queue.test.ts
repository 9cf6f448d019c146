import { once } from 'node:events';

import { afterEach, describe, expect, it } from 'vitest';

import {
  cleanUp,
  closedOf,
  delay,
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

interface Gate extends Upstream {
  /** Requests in the node at this moment, and the most there ever were. */
  present: number;
  most: number;
  /** Requests that came whole. */
  whole: number;
  /** Lets the oldest go. */
  release: () => void;
}

/** A node whose answers wait to be released. */
async function gate(name: string): Promise<Gate> {
  const held: (() => void)[] = [];
  const node = await startNode((request, response) => {
    result.present++;
    result.most = Math.max(result.most, result.present);
    response.once('close', () => result.present--);
    request.resume().once('end', () => result.whole++);
    held.push(() => response.end(`${name} ${request.url}`));
  }, name);
  const result: Gate = Object.assign(node, {
    present: 0,
    most: 0,
    whole: 0,
    release: () => held.shift()?.(),
  });
  return result;
}

const status = (answer: string): string => answer.slice(9, 12);

describe('a node with maxRequests', () => {
  it.each([1, 2])('never has more, and the others wait their turn (%i workers)', async (workers) => {
    const node = await gate('a');
    const proxy = await startProxy([{ ...node.node, maxRequests: 2 }], { workers });
    const peer = await subscribe(proxy, {});
    const answers = Array.from({ length: 12 }, (_, i) => exchange(proxy.at, lastGet(`/${i}`)));
    const all = Promise.all(answers);
    let done = false;
    void all.then(() => (done = true));
    await eventually(() => (node.present === 2 ? true : undefined));
    while (!done) {
      node.release();
      await delay(5);
    }
    expect((await all).map(status)).toEqual(Array(12).fill('200'));
    expect(node.most).toBe(2);
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });

  it('is served first come, first served', async () => {
    const node = await gate('a');
    const proxy = await startProxy([{ ...node.node, maxRequests: 1 }]);
    const order: number[] = [];
    const answers: Promise<unknown>[] = [];
    for (let i = 0; i < 6; i++) {
      answers.push(exchange(proxy.at, lastGet(`/${i}`)).then(() => order.push(i)));
      await delay(30);
    }
    for (let i = 0; i < 6; i++) {
      await eventually(() => (node.requests > i ? true : undefined));
      node.release();
    }
    await Promise.all(answers);
    expect(order).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('refuses with 503 and Retry-After when the queue is full, and when nothing became free in time', async () => {
    const node = await gate('a');
    const proxy = await startProxy([{ ...node.node, maxRequests: 1 }], {
      limits: { queue: 1, queueTimeout: 300 },
    });
    const peer = await subscribe(proxy, {});
    const first = exchange(proxy.at, lastGet('/first'));
    await eventually(() => (node.present === 1 ? true : undefined));
    const late = exchange(proxy.at, lastGet('/late'));
    await peer.telemetry(({ openRequests }) => openRequests === 2);
    const full = await exchange(proxy.at, lastGet('/full'));
    expect(full).toMatch(/^HTTP\/1.1 503 [^]*\r\nRetry-After: [1-9]\d*\r\n/);
    expect(await late).toMatch(/^HTTP\/1.1 503 [^]*\r\nRetry-After: [1-9]\d*\r\n/);
    node.release();
    expect(status(await first)).toBe('200');
    expect(node.requests).toBe(1);
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });

  it('lets nobody wait where limits are only measured, and counts who would have', async () => {
    const node = await gate('a');
    const proxy = await startProxy([{ ...node.node, maxRequests: 1 }], {
      limits: { queue: 0, measure: true },
    });
    const peer = await subscribe(proxy, {});
    const answers = Array.from({ length: 3 }, (_, i) => exchange(proxy.at, lastGet(`/${i}`)));
    await eventually(() => (node.present === 3 ? true : undefined));
    for (let i = 0; i < 3; i++) node.release();
    expect((await Promise.all(answers)).map(status)).toEqual(['200', '200', '200']);
    await settled(peer);
    const limits = peer.of('Limits');
    expect(limits.reduce((sum, { queued }) => sum + queued, 0)).toBe(2);
    expect(limits.every(({ waiting, queueFull }) => waiting === 0 && queueFull === 0)).toBe(true);
  });

  it('forgets clients that leave the queue, and sends bodies that waited whole', async () => {
    const node = await gate('a');
    const proxy = await startProxy([{ ...node.node, maxRequests: 1 }]);
    const peer = await subscribe(proxy, {});
    const first = exchange(proxy.at, lastGet('/first'));
    await eventually(() => (node.present === 1 ? true : undefined));
    const leavers = await Promise.all([open(proxy.at), open(proxy.at)]);
    for (const socket of leavers) socket.write(get('/gone'));
    await peer.telemetry(({ openRequests }) => openRequests === 3);
    leavers[0]?.destroy();
    leavers[1]?.resetAndDestroy();
    const body = 'x'.repeat(300_000);
    const posted = exchange(
      proxy.at,
      `POST /posted HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await peer.telemetry(({ openRequests }) => openRequests === 2);
    node.release();
    await eventually(() => (node.requests === 2 ? true : undefined));
    node.release();
    expect(status(await first)).toBe('200');
    expect(await posted).toMatch(/a \/posted$/);
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });

  it('sends a body that lay unread over a connection that was there before', async () => {
    const node = await gate('a');
    const proxy = await startProxy([{ ...node.node, maxRequests: 1 }]);
    const peer = await subscribe(proxy, {});
    const holder = await open(proxy.at);
    holder.write(get('/first'));
    await eventually(() => (node.present === 1 ? true : undefined));
    const socket = await open(proxy.at);
    socket.write('POST /posted HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 10\r\n\r\n12345');
    await peer.telemetry(({ openRequests }) => openRequests === 2);
    socket.write('67890');
    await delay(50);
    const answer = once(socket, 'data') as Promise<[Buffer]>;
    node.release();
    // The node has the whole request: only then does it answer.
    await eventually(() => (node.whole === 2 ? true : undefined));
    node.release();
    expect(String((await answer)[0])).toMatch(/^HTTP\/1.1 200/);
    expect(node.connections).toBe(1);
    holder.destroy();
  });

  it('lets those who wait go to nodes that a reload brings', async () => {
    const [a, b] = [await gate('a'), await gate('b')];
    const proxy = await startProxy([{ ...a.node, maxRequests: 1 }], { routes: [{ pattern: '/x' }] });
    const peer = await subscribe(proxy, {});
    const first = exchange(proxy.at, lastGet('/x'));
    await eventually(() => (a.present === 1 ? true : undefined));
    const second = exchange(proxy.at, lastGet('/x'));
    await peer.telemetry(({ openRequests }) => openRequests === 2);
    await proxy.reload({
      nodes: [{ ...a.node, maxRequests: 1 }, b.node],
      routes: [{ pattern: '/y' }, { pattern: '/x' }],
    });
    await eventually(() => (b.present === 1 ? true : undefined));
    b.release();
    expect(await second).toMatch(/b \/x$/);
    a.release();
    await first;
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });

  it('gives back everything when it drains with requests in the queue', async () => {
    const node = await gate('a');
    const proxy = await startProxy([{ ...node.node, maxRequests: 1 }], { drainTimeout: 200 });
    const answers = Array.from({ length: 4 }, (_, i) => exchange(proxy.at, lastGet(`/${i}`)));
    await eventually(() => (node.present === 1 ? true : undefined));
    // The process asserts at its end that no account is left.
    expect((await proxy.stop()).code).toBe(0);
    await Promise.allSettled(answers);
  });
});

describe('a crowd', () => {
  it.each([1, 2])(
    'that comes, waits, leaves and is reloaded under leaves nothing behind (seed %i)',
    async (seed) => {
      let state = seed;
      const random = (n: number): number => {
        state = (state * 1103515245 + 12345) % 2147483648;
        return Math.floor((state / 2147483648) * n);
      };
      const quick = (name: string): Promise<Upstream> =>
        startNode((_, response) => void setTimeout(() => response.end(name), 3), name);
      const [a, b, c] = [await quick('a'), await quick('b'), await quick('c')];
      const broken = await startRawNode((socket) => socket.resetAndDestroy(), 'broken');
      const documents = [
        [
          { ...a.node, maxRequests: 1, class: 'x' },
          { ...b.node, maxRequests: 2, class: 'y' },
        ],
        [
          { ...a.node, maxRequests: 2, class: 'y' },
          { ...broken.node, maxRequests: 1, class: 'x' },
        ],
        [
          { ...b.node, maxRequests: 1, class: 'x' },
          { ...c.node, maxRequests: 1, class: 'y' },
        ],
        [
          { ...a.node, class: 'x' },
          { ...b.node, maxRequests: 1, state: 'drain', class: 'y' },
          { ...c.node, class: 'y' },
        ],
      ];
      const routes = [
        { pattern: '/x', nodeClasses: ['x'] },
        { pattern: '/xy', nodeClasses: ['x', 'y'] },
      ];
      const proxy = await startProxy(documents[0]!, {
        workers: 2,
        routes,
        limits: { queue: 20, queueTimeout: 1000 },
      });
      const peer = await subscribe(proxy, {});
      let served = 0;
      const visit = async (): Promise<void> => {
        const socket = await open(proxy.at);
        socket.on('error', () => undefined);
        const closed = closedOf(socket);
        socket.once('data', () => served++);
        socket.write(lastGet(['/x', '/xy', '/'][random(3)]!));
        if (random(3) === 0) {
          await delay(random(20));
          if (random(2) === 0) socket.destroy();
          else socket.resetAndDestroy();
        }
        await closed;
      };
      let left = 400;
      const crowd = Promise.all(
        Array.from({ length: 30 }, async () => {
          while (left-- > 0) await visit();
        }),
      );
      for (let generation = 1; left > 0; generation++) {
        const nodes = documents[generation % documents.length]!;
        expect(await peer.configure(generation, { ...proxy.config, nodes })).toMatchObject({ ok: true });
        await delay(20);
      }
      await crowd;
      expect((await settled(peer)).waitSumNs).toBe(0n);
      await eventually(() =>
        peer
          .of('Limits')
          .slice(-2)
          .every(({ waiting }) => waiting === 0)
          ? true
          : undefined,
      );
      expect(peer.of('Limits').reduce((sum, { queued }) => sum + queued, 0)).toBeGreaterThan(10);
      expect(served).toBeGreaterThan(100);
    },
  );
});

describe('classes of nodes', () => {
  it('short requests use the idle nodes of long ones, never the reverse', async () => {
    const [short, long] = [await gate('short'), await gate('long')];
    const proxy = await startProxy(
      [
        { ...short.node, class: 'short', maxRequests: 2 },
        { ...long.node, class: 'long', maxRequests: 1 },
      ],
      {
        routes: [
          { pattern: '/short', nodeClasses: ['short', 'long'] },
          { pattern: '/long', nodeClasses: ['long'] },
        ],
        limits: { queueTimeout: 300 },
      },
    );
    const shorts = [0, 1, 2].map(() => exchange(proxy.at, lastGet('/short')));
    await eventually(() => (short.present === 2 && long.present === 1 ? true : undefined));
    const third = exchange(proxy.at, lastGet('/long'));
    short.release();
    short.release();
    // The short node is idle, and still not for it.
    expect(status(await third)).toBe('503');
    long.release();
    expect((await Promise.all(shorts)).map(status)).toEqual(['200', '200', '200']);
    expect([short.requests, long.requests]).toEqual([2, 1]);
  });
});

describe('stickiness by cookie', () => {
  const cookieOf = (answer: string): string | undefined => /\r\nSet-Cookie: ([^;]+);/.exec(answer)?.[1];

  it('brings a client back to its node, which is told once, and elsewhere when that is gone', async () => {
    const names = ['a', 'b', 'c'];
    const nodes = await Promise.all(
      names.map((name) => startNode((_, response) => response.end(name), name)),
    );
    const proxy = await startProxy(
      nodes.map(({ node }) => node),
      { routes: [{ pattern: '/*all', sticky: 'cookie' }], stickyCookie: 'at' },
    );
    const first = await exchange(proxy.at, lastGet('/'));
    const cookie = cookieOf(first) ?? '';
    expect(cookie).toMatch(/^at=[0-9a-f]{16}$/);
    expect(first).toMatch(/; Path=\/; HttpOnly; SameSite=Lax\r\n/);
    for (let i = 0; i < 9; i++) {
      const answer = await exchange(proxy.at, lastGet('/', `Cookie: other=1; ${cookie}\r\n`));
      expect(answer.slice(-1)).toBe(first.slice(-1));
      expect(cookieOf(answer)).toBeUndefined();
    }
    await proxy.reload({
      nodes: nodes.map(({ node }) => ({
        ...node,
        state: node.name === first.slice(-1) ? 'drain' : 'active',
      })),
    });
    const moved = await eventually(async () => {
      const answer = await exchange(proxy.at, lastGet('/', `Cookie: ${cookie}\r\n`));
      return answer.slice(-1) === first.slice(-1) ? undefined : answer;
    });
    expect(cookieOf(moved)).toMatch(/^at=[0-9a-f]{16}$/);
    expect(cookieOf(moved)).not.toBe(cookie);
  });

  it('is not told to clients of other routes', async () => {
    const node = await startNode((_, response) => response.end('a'));
    const proxy = await startProxy([node.node], { routes: [{ pattern: '/s', sticky: 'cookie' }] });
    expect(cookieOf(await exchange(proxy.at, lastGet('/')))).toBeUndefined();
    expect(cookieOf(await exchange(proxy.at, lastGet('/s')))).toBeDefined();
  });
});
