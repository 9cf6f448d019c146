import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import {
  cleanUp,
  delay,
  echo,
  eventually,
  exchange,
  freePort,
  get,
  lastGet,
  open,
  settled,
  startNode,
  startProxy,
  startRawNode,
  subscribe,
} from './proxy-harness.js';
import { bodyOf, echoed } from './raw-answer.js';

afterEach(cleanUp);

describe('heads', () => {
  it('carries the request on with what a proxy adds and without what belongs to one hop', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], { exchangeHeader: 'dharma-exchange' });
    const answer = await exchange(
      proxy.at,
      'GET /a?b=c HTTP/1.1\r\nHost: shop.test\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nUpgrade: h2c\r\n' +
        'HTTP2-Settings: x\r\nProxy-Connection: close\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\n' +
        'Dharma-Exchange: 00000000deadbeef\r\nCookie: a=b\r\nX-Kept: 1\r\n\r\n',
    );
    const { url, headers } = echoed(answer);
    expect(url).toBe('/a?b=c');
    expect(headers).toMatchObject({
      host: 'shop.test',
      cookie: 'a=b',
      'x-kept': '1',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'shop.test',
      'x-forwarded-proto': 'http',
    });
    expect(headers['dharma-exchange']).toMatch(/^[0-9a-f]{16}$/);
    expect(headers['dharma-exchange']).not.toBe('00000000deadbeef');
    for (const name of ['x-hop', 'keep-alive', 'te', 'upgrade', 'http2-settings', 'proxy-connection'])
      expect(headers).not.toHaveProperty(name);
  });

  it('believes a trusted peer and appends to what it said', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], {
      exchangeHeader: 'dharma-exchange',
      trusted: ['127.0.0.0/8'],
    });
    const { headers } = echoed(
      await exchange(
        proxy.at,
        lastGet(
          '/',
          'X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Host: shop\r\nX-Forwarded-Proto: https\r\nDharma-Exchange: 00000000deadbeef\r\n',
        ),
      ),
    );
    expect(headers).toMatchObject({
      'x-forwarded-for': '1.2.3.4, 127.0.0.1',
      'x-forwarded-host': 'shop',
      'x-forwarded-proto': 'https',
      'dharma-exchange': '00000000deadbeef',
    });
  });

  it('does not let Connection take away what others rely on', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node]);
    const answer = await exchange(
      proxy.at,
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: close, host, content-length, x-forwarded-for, cookie\r\nCookie: a=b\r\nContent-Length: 3\r\n\r\nabc',
    );
    expect(echoed(answer)).toMatchObject({
      body: 'abc',
      headers: { host: 'a', cookie: 'a=b', 'x-forwarded-for': '127.0.0.1' },
    });
  });

  it('turns an absolute target into a path and a Host', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node]);
    const answer = await exchange(
      proxy.at,
      'GET http://real.test:81/p?q HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n',
    );
    expect(echoed(answer)).toMatchObject({ url: '/p?q', headers: { host: 'real.test:81' } });
  });

  it('strips hop-by-hop fields of the answer and adds a Date where there is none', async () => {
    const node = await startRawNode((socket) =>
      socket.on('data', () =>
        socket.write(
          'HTTP/1.1 200 Fine\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok',
        ),
      ),
    );
    const proxy = await startProxy([node.node]);
    const answer = await exchange(proxy.at, lastGet('/'));
    expect(answer).toMatch(/^HTTP\/1\.1 200 Fine\r\n/);
    expect(answer).toContain('X-Kept: 1\r\n');
    expect(answer).toMatch(/Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/);
    expect(answer).not.toMatch(/X-Hop|Keep-Alive: /);
  });

  it('answers requests whose head comes byte by byte', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node]);
    const socket = await open(proxy.at);
    const closed = once(socket, 'close');
    for (const byte of lastGet('/slow')) {
      socket.write(byte);
      await delay(1);
    }
    await closed;
    expect(echoed(socket.received()).url).toBe('/slow');
  });

  it('gives up on a head that never ends', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], { limits: { headerTimeout: 100 } });
    expect(await exchange(proxy.at, 'GET / HTTP/1.1\r\nHost: a\r\n')).toMatch(/^HTTP\/1\.1 408 /);
  });
});

describe('connections', () => {
  it('are kept on both sides', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node]);
    const socket = await open(proxy.at);
    for (let i = 1; i <= 20; i++) {
      socket.write(get(`/${i}`));
      await eventually(() => (socket.received().split('HTTP/1.1 200').length > i ? true : undefined));
    }
    expect(node.requests).toBe(20);
    expect(node.connections).toBe(1);
  });

  it('answer pipelined requests in order', async () => {
    const node = await startNode((request, response) => {
      setTimeout(() => response.end(`<${request.url}>`), request.url === '/1' ? 50 : 0);
    });
    const proxy = await startProxy([node.node]);
    const many = Array.from({ length: 200 }, (_, i) => get(`/${i + 1}`)).join('');
    const answer = await exchange(proxy.at, many + lastGet('/last'));
    const order = [...answer.matchAll(/<\/(\w+)>/g)].map((m) => m[1]);
    expect(order).toEqual([...Array.from({ length: 200 }, (_, i) => String(i + 1)), 'last']);
  });

  it('serve HTTP/1.0 clients: closed by default, kept on request, never chunked', async () => {
    const node = await startNode((request, response) => {
      if (request.url === '/length') response.setHeader('Content-Length', 2);
      response.write('o');
      response.end('k');
    });
    const proxy = await startProxy([node.node]);
    const plain = await exchange(proxy.at, 'GET / HTTP/1.0\r\n\r\n');
    expect(plain).not.toMatch(/chunked/i);
    expect(bodyOf(plain)).toBe('ok');
    const kept = await exchange(
      proxy.at,
      'GET /length HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n',
    );
    expect(kept).toContain('Connection: keep-alive\r\n');
    expect(kept.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  });

  it('close an idle client quietly', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], { limits: { idleTimeout: 100 } });
    const answer = await exchange(proxy.at, get('/'));
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it('retry an idempotent request when a pooled connection had just been closed, and only that', async () => {
    let served = 0;
    // The node answers once per connection, says nothing about closing, and resets at the second request.
    const node = await startRawNode((socket) => {
      let requests = 0;
      socket.on('data', () => {
        if (++requests > 1) socket.resetAndDestroy();
        else {
          served++;
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        }
      });
    });
    const proxy = await startProxy([node.node]);
    const peer = await subscribe(proxy, {});
    for (let i = 0; i < 10; i++) expect(await exchange(proxy.at, lastGet('/'))).toMatch(/^HTTP\/1\.1 200 /);
    expect(served).toBe(10);
    const refused = await exchange(
      proxy.at,
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc',
    );
    expect(refused).toMatch(/^HTTP\/1\.1 502 /);
    expect((await settled(peer)).waitSumNs).toBe(0n);
  });

  it('go to another cluster when the nodes of one are gone, and only what may be sent twice', async () => {
    const header = { exchangeHeader: 'dharma-exchange' };
    const gone = await startNode(echo);
    const cluster = await startProxy([gone.node], { ...header, trusted: ['127.0.0.1/32'] });
    const clusters = [
      { name: 'broken', address: '127.0.0.1', port: cluster.at },
      // The slower of the two: the broken one is asked first again and again, also once no connection to it is kept.
      { ...(await startNode((q, r) => void setTimeout(() => echo(q, r), 20))).node, name: 'whole' },
    ];
    const proxy = await startProxy(clusters, { ...header, balance: { eject: false } });
    const peers = await Promise.all([subscribe(proxy, {}), subscribe(cluster, {})]);
    const statuses = async (text: string): Promise<Set<string>> => {
      const seen = new Set<string>();
      for (let i = 0; i < 20; i++) seen.add((await exchange(proxy.at, text)).slice(9, 12));
      return seen;
    };
    expect(await statuses(lastGet('/'))).toEqual(new Set(['200']));
    expect(gone.requests).toBeGreaterThan(0);
    await gone.close();
    expect(await statuses(lastGet('/'))).toEqual(new Set(['200']));
    const id = 'dharma-exchange: 00000000000000ab';
    const post = `POST / HTTP/1.1\r\nHost: a\r\n${id}\r\nConnection: close\r\nContent-Length: 1\r\n\r\na`;
    expect(await exchange(cluster.at, lastGet('/', `${id}\r\n`))).toBe('');
    expect(await exchange(cluster.at, post)).toMatch(/^HTTP\/1\.1 502 /);
    // Whoever is no proxy is told.
    expect(await exchange(cluster.at, lastGet('/'))).toMatch(/^HTTP\/1\.1 502 /);
    for (const peer of peers) expect((await settled(peer)).waitSumNs).toBe(0n);
  });

  it('retry a body that was sent, as long as it is all there', async () => {
    const bodies: string[] = [];
    const node = await startRawNode((socket) => {
      let requests = 0;
      let text = '';
      socket.on('data', (d) => {
        text += d.toString();
        if (!text.includes('\r\n\r\n') || (text.startsWith('PUT') && !text.endsWith('end'))) return;
        if (++requests > 1) socket.resetAndDestroy();
        else {
          bodies.push(bodyOf(text));
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        }
        text = '';
      });
    });
    const proxy = await startProxy([node.node]);
    await exchange(proxy.at, lastGet('/'));
    const body = `${'x'.repeat(20_000)}end`;
    const answer = await exchange(
      proxy.at,
      `PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(bodies).toEqual(['', body]);
  });

  it('go to another node when one does not accept', async () => {
    const node = await startNode(echo, 'good');
    const dead = { name: 'dead', address: '127.0.0.1', port: await freePort() };
    const proxy = await startProxy([dead, node.node]);
    const peer = await subscribe(proxy, {});
    for (let i = 0; i < 20; i++)
      expect(
        await exchange(
          proxy.at,
          `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc`,
        ),
      ).toMatch(/^HTTP\/1\.1 200 /);
    expect((await settled(peer)).waitSumNs).toBe(0n);
    expect(peer.totals('good')).toMatchObject({ count: 20, errors: 0 });
    expect(peer.totals('dead').errors).toBeGreaterThan(0);
  });

  it('give a node that has accepted more time than the connecting may take', async () => {
    const node = await startNode((_, response) => {
      setTimeout(() => response.end('late'), 400);
    });
    const proxy = await startProxy([node.node], { limits: { connectTimeout: 100 } });
    expect(await exchange(proxy.at, lastGet('/'))).toMatch(/late$/);
  });

  it('answer 503 without nodes, 502 when all refuse, 504 when one is silent', async () => {
    const silent = await startRawNode(() => undefined);
    const none = await startProxy([]);
    expect(await exchange(none.at, lastGet('/'))).toMatch(/^HTTP\/1\.1 503 /);
    const refusing = await startProxy([{ name: 'dead', address: '127.0.0.1', port: await freePort() }]);
    expect(await exchange(refusing.at, lastGet('/'))).toMatch(/^HTTP\/1\.1 502 /);
    const waiting = await startProxy([silent.node], { limits: { upstreamTimeout: 100 } });
    expect(await exchange(waiting.at, lastGet('/'))).toMatch(/^HTTP\/1\.1 504 /);
  });
});
