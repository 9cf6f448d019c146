import { once } from 'node:events';
import { connect } from 'node:http2';
import type { Socket } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { frameType, openH2 } from './h2-frames.js';
import {
  cleanUp,
  closedOf,
  eventually,
  exchange,
  get,
  lastGet,
  open,
  settled,
  startNode,
  startProxy,
  subscribe,
  type Proxy,
} from './proxy-harness.js';

afterEach(cleanUp);

const CONNECTIONS = 20;

const full = (node: { node: Parameters<typeof startProxy>[0][number] }): Promise<Proxy & { at: number }> =>
  startProxy([node.node], {
    listen: [{ address: '127.0.0.1', port: 0, http2: true }],
    limits: { connections: CONNECTIONS, headerTimeout: 4000 },
  });

const okNode = (): ReturnType<typeof startNode> => startNode((_request, response) => response.end('ok'));

async function served(port: number): Promise<Socket & { received: () => string }> {
  const socket = await open(port);
  socket.write(get('/'));
  await eventually(() => socket.received().includes('ok') || undefined);
  return socket;
}

/** A client that may be closed while it has nothing under way. */
type Held = Socket & { wasTold?: () => boolean };

async function heldH2(port: number): Promise<Held> {
  const socket = await openH2(port);
  await eventually(() => socket.frames().length || undefined);
  const wasTold = (): boolean => socket.frames().some(({ type }) => type === frameType.goaway);
  return Object.assign(socket, { wasTold });
}

const times = <T>(n: number, make: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: n }, make));

describe('as many clients as there may be', () => {
  it.each<[string, (port: number) => Promise<Held>]>([
    ['that never ask anything', open],
    ['that have their answer', served],
    ['of HTTP/2 without a stream, which are told,', heldH2],
  ])('%s make room for others, one for one', async (_, dial) => {
    const proxy = await full(await okNode());
    const held = await times(CONNECTIONS, () => dial(proxy.at));
    for (let i = 1; i <= 5; i++) {
      const another = await served(proxy.at);
      await eventually(() => (held.filter(({ closed }) => closed).length === i ? true : undefined));
      expect(another.closed).toBe(false);
    }
    expect(held.filter((socket) => socket.closed && socket.wasTold?.() === false)).toEqual([]);
  });

  it('the longest idle goes first', async () => {
    const proxy = await full(await okNode());
    const first = await served(proxy.at);
    const others = await times(CONNECTIONS - 1, () => served(proxy.at));
    const closed = closedOf(first);
    await served(proxy.at);
    await closed;
    expect(others.filter((socket) => socket.closed)).toEqual([]);
  });

  it('who has something under way stays, and a new one waits until there is room', async () => {
    const held: (() => void)[] = [];
    const node = await startNode((request, response) => {
      request.resume();
      if (request.url === '/hold') held.push(() => response.end('late'));
      else response.end('ok');
    });
    const proxy = await full(node);
    const peer = await subscribe(proxy, {});
    const halfHead = await open(proxy.at);
    halfHead.write('GET / HTTP/1.1\r\nHo');
    const halfBody = await open(proxy.at);
    halfBody.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n12');
    const session = connect(`http://127.0.0.1:${proxy.at}`);
    const stream = session.request({ ':path': '/hold' });
    const waiting = await times(CONNECTIONS - 3, () => open(proxy.at));
    for (const socket of waiting) socket.write(get('/hold'));
    await eventually(() => (held.length === CONNECTIONS - 2 ? true : undefined));
    const late = exchange(proxy.at, lastGet('/'));
    const cut = closedOf(waiting[0]!);
    waiting[0]!.destroy();
    await cut;
    expect(await late).toMatch(/^HTTP\/1.1 200 [^]*ok$/);
    for (const answer of held) answer();
    halfHead.write('st: a\r\n\r\n');
    halfBody.write('34');
    for (const socket of waiting.slice(1))
      await eventually(() => socket.received().includes('late') || undefined);
    for (const socket of [halfHead, halfBody])
      await eventually(() => socket.received().includes('ok') || undefined);
    let text = '';
    stream.on('data', (d: Buffer) => (text += d.toString()));
    await once(stream, 'end');
    expect(text).toBe('late');
    session.destroy();
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });
});
