import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import {
  cleanUp,
  closedOf,
  eventually,
  exchange,
  get,
  lastGet,
  open,
  settled,
  startProxy,
  startRawNode,
  subscribe,
} from './proxy-harness.js';
import { bodyOf } from './raw-answer.js';
import { counting, setUp } from './cache-setup.js';

afterEach(cleanUp);

describe('what the origin is shown', () => {
  it('nothing by which it could choose an answer that others would get', async () => {
    const { proxy, seen } = await setUp(counting({ 'Cache-Control': 'max-age=60' }), {
      requestFields: ['X-Tenant'],
    });
    await exchange(
      proxy.at,
      lastGet(
        '/a',
        'X-Forwarded-Host: evil\r\nX-Forwarded-For: 6.6.6.6\r\nX-Original-URL: /evil\r\nX-Host: evil\r\nX-Evil: 1\r\nCookie: a=b\r\nAuthorization: x\r\nAccept: text/css\r\nX-Tenant: t\r\n' +
          'X-HTTP-Method-Override: POST\r\nRange: bytes=0-1\r\nIf-None-Match: "x"\r\n',
      ),
    );
    const { headers } = seen[0]!;
    expect(headers).toMatchObject({
      accept: 'text/css',
      'x-tenant': 't',
      host: 'test',
      'x-forwarded-host': 'test',
    });
    expect(JSON.stringify(headers)).not.toMatch(
      /evil|6\.6|cookie|authorization|override|range|none-match|127\.0\.0\.1/i,
    );
  });

  it('its own name, and the path below which it keeps everything', async () => {
    const { proxy, seen } = await setUp(counting({ 'Cache-Control': 'max-age=60' }), {
      originHost: 'bucket.s3.test',
      originPath: '/bucket',
    });
    await exchange(proxy.at, lastGet('/img/a.png?x=1'));
    await exchange(proxy.at, 'HEAD /b HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n');
    expect(seen.map((r) => `${r.method} ${r.headers.host}${r.url}`)).toEqual([
      'GET bucket.s3.test/bucket/img/a.png?x=1',
      'HEAD bucket.s3.test/bucket/b',
    ]);
  });

  it('keeps variants apart by what Vary names', async () => {
    const { proxy, seen } = await setUp((request, response, count) => {
      response.setHeader('Cache-Control', 'max-age=60');
      response.setHeader('Vary', 'Accept-Encoding, Cookie');
      response.end(`${request.headers['accept-encoding']} ${count}`);
    });
    const ask = (encoding: string, cookie = 'a'): Promise<string> =>
      exchange(proxy.at, lastGet('/a', `Accept-Encoding: ${encoding}\r\nCookie: ${cookie}\r\n`)).then(bodyOf);
    expect(await ask('gzip, br')).toBe('gzip, br 1');
    expect(await ask('br')).toBe('br 2');
    expect(await ask('gzip,br', 'b')).toBe('gzip, br 1');
    expect(await ask('br')).toBe('br 2');
    expect(seen).toHaveLength(2);
  });
});

describe('collapsing', () => {
  it('asks the origin once for what many ask for at once, and hands on each byte as it comes', async () => {
    let release: (() => void) | undefined;
    const { proxy, seen } = await setUp((_, response) => {
      response.writeHead(200, { 'Cache-Control': 'max-age=60', 'Content-Length': '12' });
      response.write('first ');
      release = (): void => {
        response.end('second');
      };
    });
    const sockets = await Promise.all(Array.from({ length: 20 }, () => open(proxy.at)));
    for (const socket of sockets) socket.write(lastGet('/a'));
    for (const socket of sockets)
      await eventually(() => (socket.received().endsWith('first ') ? true : undefined));
    const closed = sockets.map(closedOf);
    release?.();
    await Promise.all(closed);
    for (const socket of sockets) expect(bodyOf(socket.received())).toBe('first second');
    expect(seen).toHaveLength(1);
  });

  it('over all workers', async () => {
    const size = 100_000;
    const waiting: ServerResponse[] = [];
    const { proxy, seen } = await setUp((_, response) => void waiting.push(response), {}, { workers: 3 });
    const sockets = await Promise.all(Array.from({ length: 24 }, () => open(proxy.at)));
    const peer = await subscribe(proxy, {});
    for (const socket of sockets) socket.write(lastGet('/a'));
    // All have asked: each is an open request of a worker's.
    await eventually(() => {
      const last = [0, 1, 2].map(
        (w) =>
          peer
            .of('Telemetry')
            .filter((t) => t.worker === w)
            .at(-1)?.openRequests ?? 0,
      );
      return last.reduce((a, b) => a + b) === 25 ? true : undefined;
    });
    const closed = sockets.map(closedOf);
    for (const response of waiting)
      response
        .writeHead(200, { 'Cache-Control': 'max-age=60', 'Content-Length': size })
        .end('x'.repeat(size));
    await Promise.all(closed);
    for (const socket of sockets) expect(bodyOf(socket.received())).toHaveLength(size);
    expect(seen).toHaveLength(1);
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });

  it('does not let the one who asked first hold up the others, nor take the answer with it', async () => {
    const size = 3_000_000;
    let release: (() => void) | undefined;
    const { proxy, seen } = await setUp((_, response) => {
      response.writeHead(200, { 'Cache-Control': 'max-age=60', 'Content-Length': String(size) });
      response.write('a');
      release = (): void => {
        response.end(Buffer.alloc(size - 1, 'a'));
      };
    });
    const slow = await open(proxy.at);
    slow.pause();
    slow.write(lastGet('/a'));
    await eventually(() => release);
    const gone = await open(proxy.at);
    gone.write(lastGet('/a'));
    const other = exchange(proxy.at, lastGet('/a'));
    gone.destroy();
    release?.();
    expect(bodyOf(await other)).toHaveLength(size);
    slow.destroy();
    expect(bodyOf(await exchange(proxy.at, lastGet('/a')))).toHaveLength(size);
    expect(seen).toHaveLength(1);
  });

  it('lets each ask for itself where the answer is not to be shared', async () => {
    const { proxy, seen } = await setUp((_, response, count) => {
      response.setHeader('Cache-Control', 'private');
      setTimeout(() => response.end(`answer ${count}`), 20);
    });
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => exchange(proxy.at, lastGet('/a')).then(bodyOf)),
    );
    expect(new Set(answers).size).toBe(8);
    expect(seen).toHaveLength(8);
  });

  it('tells an answer that was cut off from one that is whole, and keeps none of it', async () => {
    let connections = 0;
    const node = await startRawNode((socket) => {
      socket.on('data', () => {
        connections++;
        socket.write('HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\nhalf');
        setTimeout(() => socket.end(connections > 1 ? '-whole' : ''), 20);
      });
    });
    const proxy = await startProxy([node.node], {
      routes: [{ pattern: '/*rest', class: 'asset' }],
      cache: {},
    });
    const cut = await Promise.all([exchange(proxy.at, get('/a')), exchange(proxy.at, get('/a'))]);
    expect(cut.map(bodyOf)).toEqual(['half', 'half']);
    expect(bodyOf(await exchange(proxy.at, lastGet('/a')))).toBe('half-whole');
    expect(bodyOf(await exchange(proxy.at, lastGet('/a')))).toBe('half-whole');
    expect(connections).toBe(2);
  });
});
