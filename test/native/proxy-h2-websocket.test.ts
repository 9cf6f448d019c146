import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import { afterEach, describe, expect, it } from 'vitest';

import { field, flag, frame, frameType, openH2, type H2Frame } from './h2-frames.js';
import {
  cleanUp,
  eventually,
  settled,
  startNode,
  startProxy,
  startRawNode,
  subscribe,
  type NodeConfig,
  type Proxy,
} from './proxy-harness.js';

const sessions: ClientHttp2Session[] = [];
afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  await cleanUp();
});

const startH2 = (nodes: readonly NodeConfig[]): Promise<Proxy & { at: number }> =>
  startProxy(nodes, { listen: [{ address: '127.0.0.1', port: 0, http2: true }], capture: { enabled: true } });

async function dial(port: number): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  sessions.push(session);
  await once(session, 'remoteSettings');
  return session;
}

const acceptOf = (key: string): string =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

interface Opened {
  stream: ClientHttp2Stream;
  headers: IncomingHttpHeaders;
  received: () => string;
}

/** Asks for a WebSocket (RFC 8441 5) and gives what it is answered by. */
async function openWebSocket(
  session: ClientHttp2Session,
  path: string,
  protocol = 'websocket',
): Promise<Opened> {
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': protocol,
    ':path': path,
    'sec-websocket-version': '13',
    'sec-websocket-protocol': 'chat',
  });
  stream.on('error', () => undefined);
  let text = '';
  stream.on('data', (d: Buffer) => (text += d.toString()));
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  return { stream, headers, received: () => text };
}

/** A node that opens tunnels, and what it was asked; it says when one of them has ended or was reset. */
async function tunnelNode(
  use: (socket: Duplex) => void,
): Promise<{ node: NodeConfig; asked: IncomingMessage[]; ends: string[] }> {
  const asked: IncomingMessage[] = [];
  const ends: string[] = [];
  const upstream = await startNode((_request, response) => response.end('a page'));
  upstream.server.on('upgrade', (request, socket: Duplex) => {
    asked.push(request);
    socket.on('end', () => ends.push('end'));
    socket.on('error', () => ends.push('reset'));
    socket.on('close', () => ends.push('close'));
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: ${acceptOf(String(request.headers['sec-websocket-key']))}\r\n\r\n`,
    );
    use(socket);
  });
  return { node: upstream.node, asked, ends };
}

describe('a WebSocket over HTTP/2', () => {
  it('is an upgrade of HTTP/1.1 towards the node, and many go over one connection beside requests', async () => {
    const { node, asked } = await tunnelNode((socket) => {
      socket.on('data', (d: Buffer) => socket.write(`<${d.toString()}>`));
    });
    const proxy = await startH2([node]);
    const peer = await subscribe(proxy, { exchanges: true });
    const session = await dial(proxy.at);
    expect(session.remoteSettings.enableConnectProtocol).toBe(true);
    const tunnels = await Promise.all(
      Array.from({ length: 5 }, (_, i) => openWebSocket(session, `/chat/${i}`)),
    );
    for (const [i, { stream, headers, received }] of tunnels.entries()) {
      expect(headers[':status']).toBe(200);
      expect(headers['sec-websocket-protocol']).toBe('chat');
      expect(headers['sec-websocket-accept']).toBeUndefined();
      stream.write(`hello ${i}`);
      await eventually(() => received().endsWith('>') || undefined);
      expect(received()).toBe(`<hello ${i}>`);
    }
    expect(asked.map(({ method, url }) => `${method} ${url}`).sort()).toEqual(
      tunnels.map((_, i) => `GET /chat/${i}`),
    );
    expect(asked[0]!.headers).toMatchObject({
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-version': '13',
      'sec-websocket-protocol': 'chat',
    });
    const [record] = await peer.exchanges(5);
    expect(record).toMatchObject({ method: 'GET', status: 101, node: 'app-1' });
    // The account is settled while they are open; a body of 1 MB goes both ways through one of them.
    const { stream, received } = tunnels[0]!;
    stream.write('x'.repeat(1_000_000));
    await eventually(() => received().replace(/[<>]/g, '').length === 1_000_007 || undefined);
    for (const tunnel of tunnels) tunnel.stream.close();
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });

  it('passes on the end of either way, and ends in good order', async () => {
    const { node, ends } = await tunnelNode((socket) => {
      socket.on('data', (d: Buffer) => socket.write(d));
      socket.on('end', () => socket.end(' and after your end'));
    });
    const proxy = await startH2([node]);
    const { stream, received } = await openWebSocket(await dial(proxy.at), '/');
    stream.end('last words');
    await once(stream, 'close');
    expect(received()).toBe('last words and after your end');
    expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
    await eventually(() => ends.includes('close') || undefined);
    expect(ends).toEqual(['end', 'close']);
  });

  it('lets the client speak on when the node has ended', async () => {
    let heard = '';
    const { node } = await tunnelNode((socket) => {
      socket.end('bye');
      socket.on('data', (d: Buffer) => (heard += d.toString()));
    });
    const proxy = await startH2([node]);
    // Node's own client ends when the other side does.
    const client = await openH2(proxy.at);
    const block = Buffer.concat([
      field(':method', 'CONNECT'),
      field(':protocol', 'websocket'),
      field(':scheme', 'http'),
      field(':path', '/'),
      field(':authority', 'test'),
    ]);
    client.write(frame(frameType.headers, flag.endHeaders, 1, block));
    const data = (): H2Frame[] => client.frames().filter(({ type }) => type === frameType.data);
    await eventually(() => data().some(({ flags }) => flags & flag.endStream) || undefined);
    expect(Buffer.concat(data().map(({ payload }) => payload)).toString()).toBe('bye');
    client.write(frame(frameType.data, 0, 1, Buffer.from('one more ')));
    client.write(frame(frameType.data, flag.endStream, 1, Buffer.from('thing')));
    await eventually(() => heard === 'one more thing' || undefined);
    expect(client.frames().some(({ type }) => type === frameType.reset)).toBe(false);
  });

  it('goes with its client or its node, and nothing else does', async () => {
    const sockets: Duplex[] = [];
    const { node, ends } = await tunnelNode((socket) => sockets.push(socket.resume()));
    const proxy = await startH2([node]);
    const peer = await subscribe(proxy, {});
    const session = await dial(proxy.at);
    const first = await openWebSocket(session, '/1');
    first.stream.close(constants.NGHTTP2_CANCEL);
    await eventually(() => ends.includes('end') || undefined);
    const second = await openWebSocket(session, '/2');
    const closed = once(second.stream, 'close');
    (sockets[1] as Duplex & { resetAndDestroy: () => void }).resetAndDestroy();
    await closed;
    expect(second.stream.rstCode).not.toBe(constants.NGHTTP2_NO_ERROR);
    const third = await openWebSocket(session, '/3');
    expect(third.headers[':status']).toBe(200);
    third.stream.close();
    expect((await settled(peer)).openRequests).toBe(0);
  });

  it('outlives reloads', async () => {
    const { node } = await tunnelNode((socket) => socket.on('data', (d: Buffer) => socket.write(d)));
    const other = await startNode((_request, response) => response.end('other'), 'app-2');
    const proxy = await startH2([node]);
    const peer = await subscribe(proxy, {});
    const { stream, received } = await openWebSocket(await dial(proxy.at), '/');
    for (let i = 1; i <= 5; i++) await peer.configure(i, { ...proxy.config, nodes: [other.node] });
    stream.write('still here');
    await eventually(() => received() === 'still here' || undefined);
  });

  it('is no answer of another kind: 501 for a page or another protocol, 502 for a key that was not read', async () => {
    const page = await tunnelNode(() => undefined);
    const session = await dial((await startH2([page.node])).at);
    expect((await openWebSocket(session, '/', 'connect-udp')).headers[':status']).toBe(501);
    const ordinary = await startNode((_request, response) => response.end('a page'));
    const noTunnel = await dial((await startH2([ordinary.node])).at);
    expect((await openWebSocket(noTunnel, '/')).headers[':status']).toBe(501);
    const denied = await startNode((_request, response) => response.writeHead(403).end('no'));
    const refused = await openWebSocket(await dial((await startH2([denied.node])).at), '/');
    expect(refused.headers[':status']).toBe(403);
    await eventually(() => refused.received() === 'no' || undefined);
    const wrong = await startRawNode((socket) =>
      socket.on('data', () =>
        socket.write(
          'HTTP/1.1 101 Hm\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: wrong\r\n\r\n',
        ),
      ),
    );
    const broken = await dial((await startH2([wrong.node])).at);
    expect((await openWebSocket(broken, '/')).headers[':status']).toBe(502);
  });
});
