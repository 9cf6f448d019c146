import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';

import { field, flag, frame, frameType, openH2, uint32 } from './h2-frames.js';
import {
  cleanUp,
  closedOf,
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

afterEach(cleanUp);

/** Writes pieces with a pause between, until all are written or the socket is closed. */
async function trickle(socket: Socket, pieces: Iterable<string | Buffer>, pause: number): Promise<void> {
  socket.setNoDelay(true);
  for (const piece of pieces) {
    if (socket.closed || socket.destroyed) return;
    socket.write(piece);
    await delay(pause);
  }
}
const times = function* (n: number, piece: string | Buffer): Iterable<string | Buffer> {
  for (let i = 0; i < n; i++) yield piece;
};
const post = (head: string): string => `POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n${head}\r\n`;
const slow = { bodyTimeout: 150, minRate: 1000 };

describe('a client that sends its body', () => {
  it.each([
    ['with a length', 'Content-Length: 1000000\r\n', 'x'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n', '1\r\nx\r\n'],
    [
      'in chunks that are mostly extensions',
      'Transfer-Encoding: chunked\r\n',
      `1;${'e'.repeat(200)}\r\nx\r\n`,
    ],
  ])('a byte now and then is refused: %s', async (_, head, piece) => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], { limits: slow });
    const peer = await subscribe(proxy, {});
    const socket = await open(proxy.at);
    const closed = closedOf(socket);
    socket.write(post(head));
    // For ever, if nobody stops it.
    await Promise.race([closed, trickle(socket, times(Infinity, piece), 10)]);
    await closed;
    expect(socket.received()).toMatch(/^HTTP\/1.1 408 /);
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });

  it('at the rate has all the time it needs, by length or in chunks', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], { limits: { bodyTimeout: 500, minRate: 1000 } });
    const send = async (head: string, piece: string, end: string): Promise<string> => {
      const socket = await open(proxy.at);
      const closed = closedOf(socket);
      socket.write(post(head));
      await trickle(socket, times(40, piece), 30);
      socket.write(end);
      await closed;
      return socket.received();
    };
    const piece = 'x'.repeat(400);
    const answers = await Promise.all([
      send('Content-Length: 16000\r\n', piece, ''),
      send('Transfer-Encoding: chunked\r\n', `190\r\n${piece}\r\n`, '0\r\n\r\n'),
    ]);
    for (const answer of answers) {
      expect(answer).toMatch(/^HTTP\/1.1 200 /);
      expect(answer).toContain('x'.repeat(16_000));
    }
  });

  it('does not pay for a node that takes its time', async () => {
    const node = await startNode((request, response) => {
      setTimeout(() => {
        let bytes = 0;
        request.on('data', (d: Buffer) => (bytes += d.length));
        request.on('end', () => response.end(`took ${bytes}`));
      }, 700);
    });
    const proxy = await startProxy([node.node], { limits: { bodyTimeout: 200, minRate: 1000 } });
    // More than the sockets between hold.
    const body = Buffer.alloc(24_000_000);
    const head = post(`Content-Length: ${body.length}\r\n`);
    const answer = await exchange(proxy.at, Buffer.concat([Buffer.from(head), body]));
    expect(answer).toMatch(/took 24000000$/);
  });

  it('may say little on a realtime route, and anywhere when no rate is asked for', async () => {
    const node = await startNode(echo);
    const limits = { bodyTimeout: 400, minRate: 1_000_000 };
    const realtime = await startProxy([node.node], {
      limits,
      routes: [{ pattern: '/*all', class: 'realtime' }],
    });
    const any = await startProxy([node.node], { limits: { ...limits, minRate: 0 } });
    const answers = [realtime, any].map(async (proxy) => {
      const socket = await open(proxy.at);
      const closed = closedOf(socket);
      socket.write(post('Content-Length: 30\r\n'));
      await trickle(socket, times(30, 'x'), 30);
      await closed;
      return socket.received();
    });
    for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1.1 200 /);
  });

  it('a byte now and then over HTTP/2 is refused as well', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], {
      listen: [{ address: '127.0.0.1', port: 0, http2: true }],
      limits: slow,
    });
    const client = await openH2(proxy.at);
    const block = Buffer.concat([Buffer.from([0x83, 0x84, 0x86]), field(':authority', 'test')]);
    client.write(frame(frameType.headers, flag.endHeaders, 1, block));
    const answered = eventually(() =>
      client.frames().find(({ type, stream }) => type === frameType.headers && stream === 1),
    );
    const byte = frame(frameType.data, 0, 1, Buffer.from('x'));
    await Promise.race([answered, trickle(client, times(Infinity, byte), 10)]);
    // :status 408, literal.
    expect((await answered).payload.includes('408')).toBe(true);
    client.destroy();
  });
});

describe('a client that reads its answer', () => {
  const bytes = Buffer.alloc(24_000_000, 'x');

  it('pauses longer than the limit for the first byte, when it had read all there was, and gets the rest', async () => {
    const [first, rest] = [bytes.subarray(0, 12_000_000), bytes.subarray(12_000_000)];
    let sendRest = (): void => undefined;
    let isFull = false;
    const node = await startNode((_, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      isFull = !response.write(first);
      response.once('drain', () => (isFull = false));
      sendRest = () => response.end(rest);
    });
    const limit = 1500;
    const proxy = await startProxy([node.node], { limits: { bodyTimeout: limit, minRate: 1000 } });
    const socket = await open(proxy.at);
    const closed = closedOf(socket);
    let got = 0;
    socket.on('data', (d: Buffer) => (got += d.length));
    socket.pause();
    socket.write(lastGet('/'));
    await eventually(() => (isFull ? true : undefined));
    socket.resume();
    await eventually(() => (got > first.length ? true : undefined));
    socket.pause();
    sendRest();
    // The proxy looks once every limit, and it has earned four of them: between two and four it is cut only if that was forgotten.
    await delay(2.2 * limit);
    socket.resume();
    await closed;
    expect(got).toBeGreaterThan(bytes.length);
  });

  it('no more is given up after what it has earned', async () => {
    const node = await startNode((_, response) => response.end(bytes));
    const proxy = await startProxy([node.node], { limits: { bodyTimeout: 100, minRate: 1000 } });
    const peer = await subscribe(proxy, {});
    const socket = await open(proxy.at);
    let got = 0;
    socket.on('data', (d: Buffer) => {
      got += d.length;
      if (got > 1_000_000) socket.pause();
    });
    socket.write(get('/'));
    await eventually(() => (got > 1_000_000 ? true : undefined));
    await eventually(() => (peer.totals('app-1').clientAborts === 1 ? true : undefined));
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });

  it('none of many pipelined ones is given up', async () => {
    const node = await startNode((_, response) => response.end(bytes.subarray(0, 100_000)));
    const proxy = await startProxy([node.node], { limits: { bodyTimeout: 100, minRate: 1000 } });
    const peer = await subscribe(proxy, {});
    const socket = await open(proxy.at);
    socket.pause();
    socket.write(get('/').repeat(2000));
    await peer.telemetry((t) => t.clientConnections === 1);
    await peer.telemetry((t) => t.clientConnections === 0);
    expect(node.requests).toBeLessThan(2000);
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });

  it('of HTTP/2 with every window open, but takes nothing off the wire, loses its connection', async () => {
    const node = await startNode((_, response) => response.end(bytes));
    const proxy = await startProxy([node.node], {
      listen: [{ address: '127.0.0.1', port: 0, http2: true }],
      limits: { bodyTimeout: 100, minRate: 1000 },
    });
    const peer = await subscribe(proxy, {});
    const client = await openH2(proxy.at);
    client.pause();
    const most = uint32(0x7fffffff);
    client.write(frame(frameType.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), most])));
    client.write(frame(frameType.windowUpdate, 0, 0, uint32(0x7fff0000)));
    const block = Buffer.concat([Buffer.from([0x82, 0x84, 0x86]), field(':authority', 'test')]);
    for (const stream of [1, 3, 5])
      client.write(frame(frameType.headers, flag.endHeaders | flag.endStream, stream, block));
    await peer.telemetry((t) => t.openRequests === 3);
    await peer.telemetry((t) => t.clientConnections === 0);
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });

  it('a byte now and then by windows of HTTP/2 loses its stream', async () => {
    const node = await startNode((_, response) => response.end(bytes));
    const proxy = await startProxy([node.node], {
      listen: [{ address: '127.0.0.1', port: 0, http2: true }],
      limits: slow,
    });
    const client = await openH2(proxy.at);
    // SETTINGS_INITIAL_WINDOW_SIZE 1.
    client.write(frame(frameType.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(1)])));
    const block = Buffer.concat([Buffer.from([0x82, 0x84, 0x86]), field(':authority', 'test')]);
    client.write(frame(frameType.headers, flag.endHeaders | flag.endStream, 1, block));
    const reset = eventually(() => client.frames().find(({ type }) => type === frameType.reset));
    const update = frame(frameType.windowUpdate, 0, 1, uint32(1));
    await Promise.race([reset, trickle(client, times(Infinity, update), 10)]);
    expect((await reset).stream).toBe(1);
    expect(client.frames().filter(({ type }) => type === frameType.data).length).toBeGreaterThan(1);
    client.destroy();
  });

  it('of events that come seldom is not hurried', async () => {
    const node = await startNode((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      let n = 0;
      const timer = setInterval(() => {
        response.write(`data: ${n}\n\n`);
        if (++n < 6) return;
        clearInterval(timer);
        response.end();
      }, 150);
    });
    const proxy = await startProxy([node.node], { limits: { bodyTimeout: 50, minRate: 1_000_000 } });
    expect(await exchange(proxy.at, lastGet('/'))).toContain('data: 5');
  });
});

describe('a connection that is only kept open', () => {
  it('a WebSocket may be silent', async () => {
    const node = await startRawNode((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
        socket.on('data', (d) => socket.write(d));
      });
    });
    const proxy = await startProxy([node.node], {
      limits: { bodyTimeout: 50, idleTimeout: 50, minRate: 1_000_000 },
    });
    const socket = await open(proxy.at);
    socket.write(get('/', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'));
    await eventually(() => (socket.received().includes('101') ? true : undefined));
    await delay(400);
    socket.write('still here');
    await eventually(() => (socket.received().includes('still here') ? true : undefined));
    socket.destroy();
  });

  it('by pings of HTTP/2, or by the beginning of a frame, is closed like a silent one', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], {
      listen: [{ address: '127.0.0.1', port: 0, http2: true }],
      limits: { idleTimeout: 200, headerTimeout: 200 },
    });
    const pinging = await openH2(proxy.at);
    const half = await openH2(proxy.at);
    const closed = Promise.all([closedOf(pinging), closedOf(half)]);
    const ping = frame(frameType.ping, 0, 0, Buffer.alloc(8));
    // Of a type nobody knows, which is ignored.
    const unknown = [...frame(0xfa, 0, 0, Buffer.alloc(16_000))].map((byte) => Buffer.from([byte]));
    await Promise.race([closed, trickle(pinging, times(Infinity, ping), 40), trickle(half, unknown, 40)]);
    await closed;
  });
});
