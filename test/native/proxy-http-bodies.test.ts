import { once } from 'node:events';
import { request as httpRequest, Agent } from 'node:http';
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
import { echoed } from './raw-answer.js';

afterEach(cleanUp);

describe('bodies', () => {
  it('pass through chunked, with trailers that may travel and without those that may not', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node]);
    const answer = await exchange(
      proxy.at,
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: Chunked\r\n\r\n' +
        '3;ext="x"\r\nabc\r\n00a\r\n0123456789\r\n0\r\nX-Sum: 7\r\nContent-Length: 99\r\nHost: evil\r\n\r\n',
    );
    expect(echoed(answer)).toMatchObject({
      body: 'abc0123456789',
      trailers: { 'x-sum': '7' },
      headers: { 'transfer-encoding': 'chunked' },
    });
    expect(echoed(answer).trailers).not.toHaveProperty('content-length');
    expect(echoed(answer).trailers).not.toHaveProperty('host');
  });

  it.each(['GET', 'HEAD'])('come chunked from a node that ends them by closing (%s)', async (method) => {
    const node = await startRawNode((socket) =>
      socket.on('data', () =>
        socket.end(`HTTP/1.1 200 OK\r\n\r\n${method === 'GET' ? 'until the end' : ''}`),
      ),
    );
    const proxy = await startProxy([node.node]);
    const answer = await exchange(
      proxy.at,
      `${method} / HTTP/1.1\r\nHost: a\r\n\r\n${lastGet('/2').replace('GET', method)}`,
    );
    expect(answer.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    if (method === 'GET') expect(answer.match(/\r\nd\r\nuntil the end\r\n0\r\n\r\n/g)).toHaveLength(2);
  });

  it('are absent where the rules say so, whatever the length says', async () => {
    const node = await startRawNode((socket) =>
      socket.on('data', (d) => {
        const text = d.toString();
        if (text.startsWith('HEAD')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n');
        else if (text.startsWith('GET /304'))
          socket.write('HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n');
        else if (text.startsWith('GET /204')) socket.write('HTTP/1.1 204 No Content\r\n\r\n');
        else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      }),
    );
    const proxy = await startProxy([node.node]);
    const socket = await open(proxy.at);
    const closed = once(socket, 'close');
    socket.write(`HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${get('/304')}${get('/204')}${lastGet('/')}`);
    await closed;
    const answer = socket.received();
    expect([...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map((m) => m[1])).toEqual(['200', '304', '204', '200']);
    expect(answer.endsWith('\r\n\r\nok')).toBe(true);
    expect(node.connections).toBe(1);
  });

  it('wait for 100 Continue, which is passed on', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node]);
    const socket = await open(proxy.at);
    const closed = once(socket, 'close');
    socket.write(
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n',
    );
    await eventually(() =>
      socket.received().startsWith('HTTP/1.1 100 Continue\r\n\r\n') ? true : undefined,
    );
    socket.write('abc');
    await closed;
    expect(echoed(socket.received().slice(25)).body).toBe('abc');
  });

  it('follow other interim answers, which HTTP/1.0 clients do not see', async () => {
    const node = await startRawNode((socket) =>
      socket.on('data', () =>
        socket.write(
          'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
        ),
      ),
    );
    const proxy = await startProxy([node.node]);
    expect(await exchange(proxy.at, lastGet('/'))).toMatch(
      /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a.css>\r\n\r\nHTTP\/1\.1 200/,
    );
    expect(await exchange(proxy.at, 'GET / HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200/);
  });

  it('that never come are given up, on a kept connection too', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], { limits: { bodyTimeout: 100 } });
    const answer = await exchange(
      proxy.at,
      `${get('/')}POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n`,
    );
    expect([...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map((m) => m[1])).toEqual(['200', '408']);
  });

  it('over the limit are refused with 413', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], { limits: { bodyBytes: 1000 } });
    const long = await exchange(
      proxy.at,
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n${'x'.repeat(1001)}`,
    );
    expect(long).toMatch(/^HTTP\/1\.1 413 /);
    const chunked = await exchange(
      proxy.at,
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n${'x'.repeat(1001)}\r\n0\r\n\r\n`,
    );
    expect(chunked).toMatch(/^HTTP\/1\.1 413 /);
    expect(
      await exchange(
        proxy.at,
        `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(1000)}`,
      ),
    ).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('of 64 MiB stream both ways at once', async () => {
    const node = await startNode((request, response) => {
      request.pipe(response);
    });
    const proxy = await startProxy([node.node]);
    const size = 64 << 20;
    const block = Buffer.alloc(1 << 20, 'x');
    let received = 0;
    const agent = new Agent();
    await new Promise<void>((done, fail) => {
      const request = httpRequest(
        {
          port: proxy.at,
          host: '127.0.0.1',
          method: 'POST',
          agent,
          headers: { 'Transfer-Encoding': 'chunked' },
        },
        (response) => {
          response.on('data', (d: Buffer) => (received += d.length));
          response.on('end', done);
        },
      );
      request.on('error', fail);
      let sent = 0;
      const write = (): void => {
        while (sent < size) {
          sent += block.length;
          if (!request.write(block)) {
            request.once('drain', write);
            return;
          }
        }
        request.end();
      };
      write();
    });
    agent.destroy();
    expect(received).toBe(size);
  });

  it('wait for a slow reader in bounded memory', async () => {
    let written = 0;
    const node = await startRawNode((socket) =>
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${256 << 20}\r\n\r\n`);
        const block = Buffer.alloc(1 << 20);
        const write = (): void => {
          while (written < 256 << 20) {
            written += block.length;
            if (!socket.write(block)) {
              socket.once('drain', write);
              return;
            }
          }
        };
        write();
      }),
    );
    const proxy = await startProxy([node.node]);
    const peer = await subscribe(proxy, {});
    const socket = await open(proxy.at);
    socket.pause();
    socket.write(get('/'));
    let before = -1;
    await eventually(async () => {
      if (written > 0 && written === before) return true;
      before = written;
      await delay(200);
      return undefined;
    });
    // Kernel buffers on two sockets and 64 KiB of ours: far from what is to come.
    expect(written).toBeLessThan(64 << 20);
    socket.destroy();
    await settled(peer);
    expect(peer.totals('app-1').clientAborts).toBe(1);
  });
});
