import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
} from 'node:http2';
import { afterEach, describe, expect, it } from 'vitest';

import {
  ControlPeer,
  cleanUp,
  echo,
  eventually,
  exchange,
  lastGet,
  settled,
  startNode,
  startProxy,
  startRawNode,
  subscribe,
  temporaryFolder,
  type NodeConfig,
  type Proxy,
  type ProxyConfig,
} from './proxy-harness.js';
import { ca, pair } from './tls-files.js';

const sessions: ClientHttp2Session[] = [];
afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  await cleanUp();
});

/** A proxy for h2c by prior knowledge. */
const startH2 = (nodes: readonly NodeConfig[], more: ProxyConfig = {}): Promise<Proxy & { at: number }> =>
  startProxy(nodes, { listen: [{ address: '127.0.0.1', port: 0, http2: true }], ...more });

async function dial(port: number, more: Parameters<typeof connect>[1] = {}): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`, more);
  session.on('error', () => undefined);
  sessions.push(session);
  await once(session, 'connect');
  return session;
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  trailers: IncomingHttpHeaders;
  body: Buffer;
}

/** What a stream brings; rejects when it is reset. */
async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  let trailers: IncomingHttpHeaders = {};
  let headers: IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  stream.on('response', (h) => (headers = h));
  stream.on('trailers', (t: IncomingHttpHeaders) => (trailers = t));
  stream.on('data', (d: Buffer) => chunks.push(d));
  await new Promise<void>((resolve, reject) => {
    stream.on('error', reject);
    stream.on('close', resolve);
  });
  if (stream.rstCode !== 0) throw new Error(`reset with ${stream.rstCode}`);
  return { status: Number(headers[':status']), headers, trailers, body: Buffer.concat(chunks) };
}

const ask = (
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: Buffer | string,
): Promise<Answer> => {
  const stream = session.request({ ':path': '/', ...headers }, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
};

interface Echoed {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}
const echoed = (answer: Answer): Echoed => JSON.parse(answer.body.toString()) as Echoed;

describe('HTTP/2 towards clients', () => {
  it('is what ALPN chooses, and its requests take the same way as others', async () => {
    const node = await startNode(echo);
    const folder = await temporaryFolder();
    const proxy = await startProxy([node.node], {
      listen: [{ address: '127.0.0.1', port: 0, tls: true }],
      tls: { certificates: [await pair(folder, 'b')] },
      routes: [{ pattern: '/things/:id' }],
      capture: { enabled: true },
    });
    const peer = await subscribe(proxy, { exchanges: true });
    const session = connect(`https://localhost:${proxy.at}`, { ca });
    sessions.push(session);
    await once(session, 'connect');
    expect(session.alpnProtocol).toBe('h2');
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        ask(session, { ':path': `/things/${i}`, ':method': 'POST', 'x-i': String(i) }, `body ${i}`),
      ),
    );
    answers.forEach((answer, i) => {
      expect(answer.status).toBe(200);
      expect(answer.headers['connection']).toBeUndefined();
      const { method, url, headers, body } = echoed(answer);
      expect({ method, url, body }).toEqual({ method: 'POST', url: `/things/${i}`, body: `body ${i}` });
      expect(headers['x-forwarded-proto']).toBe('https');
      expect(headers['host']).toBe(`localhost:${proxy.at}`);
      expect(headers['transfer-encoding']).toBe('chunked');
    });
    const records = await peer.exchanges(30);
    const record = records.find(({ target }) => target === '/things/7')!;
    expect(record).toMatchObject({ endpoint: '/things/:id', node: 'app-1', method: 'POST', status: 200 });
    expect(record.requestBody.toString()).toBe('body 7');
    expect(record.requestHead.toString()).toMatch(/^POST \/things\/7 HTTP\/1.1\r\nhost: localhost:/);
    expect(echoed({ body: record.responseBody } as Answer).url).toBe('/things/7');
    const t = await settled(peer);
    expect(Number(t.waitSumNs)).toBe(0);
    expect(t.clientConnections).toBe(1);
    expect(peer.totals('app-1')).toEqual({ count: 30, errors: 0, clientAborts: 0 });
  });

  it('begins by prior knowledge only where the listen says so', async () => {
    const node = await startNode(echo);
    const on = await startH2([node.node]);
    expect((await ask(await dial(on.at), {})).status).toBe(200);
    expect(await exchange(on.at, lastGet('/'))).toMatch(/^HTTP\/1.1 200/);
    const off = await startProxy([node.node]);
    expect(await exchange(off.at, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).toMatch(/^HTTP\/1.1 505/);
  });

  it('keeps to what answers without a body, cookies, lengths and interim answers mean', async () => {
    const node = await startNode((request, response) => {
      if (request.url === '/204') response.writeHead(204).end();
      else if (request.url === '/304') response.writeHead(304, { etag: '"x"' }).end();
      else if (request.url === '/hints') {
        response.writeEarlyHints({ link: '</a.css>; rel=preload' });
        response.end('after');
      } else echo(request, response);
    });
    const session = await dial((await startH2([node.node])).at);
    const head = await ask(session, { ':method': 'HEAD' });
    expect(head.status).toBe(200);
    expect(head.body).toHaveLength(0);
    expect((await ask(session, { ':path': '/204' })).status).toBe(204);
    expect((await ask(session, { ':path': '/304' })).headers).toMatchObject({ ':status': 304, etag: '"x"' });
    const withCookies = await ask(
      session,
      { cookie: ['a=1', 'b=2'], 'content-length': 3, ':method': 'PUT' },
      'abc',
    );
    expect(echoed(withCookies)).toMatchObject({
      headers: { cookie: 'a=1; b=2', 'content-length': '3' },
      body: 'abc',
    });
    const stream = session.request({ ':path': '/hints' });
    const hints = once(stream, 'headers');
    const answer = await answerOf(stream);
    expect((await hints)[0]).toMatchObject({ ':status': 103, link: '</a.css>; rel=preload' });
    expect(answer.body.toString()).toBe('after');
  });

  it('passes trailers of an answer on', async () => {
    const node = await startRawNode((socket) => {
      socket.on('data', () =>
        socket.write(
          'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum:   7 \r\nSet-Cookie: no\r\n\r\n',
        ),
      );
    });
    const answer = await ask(await dial((await startH2([node.node])).at), {});
    expect(answer.body.toString()).toBe('abc');
    expect(answer.trailers['x-sum']).toBe('7');
    expect(answer.trailers['set-cookie']).toBeUndefined();
  });

  it('passes trailers of a request on, where the coding towards the node has a place for them', async () => {
    const node = await startNode(echo);
    const session = await dial((await startH2([node.node], { limits: { headerBytes: 4000 } })).at);
    const post = (headers: OutgoingHttpHeaders, trailers: OutgoingHttpHeaders): Promise<Answer> => {
      const stream = session.request(
        { ':path': '/', ':method': 'POST', ...headers },
        { waitForTrailers: true },
      );
      stream.on('wantTrailers', () => stream.sendTrailers(trailers));
      stream.end('abc');
      return answerOf(stream);
    };
    const sent = { 'x-sum': '7', cookie: 'no=1', authorization: 'no', 'x-last': 'yes' };
    const inChunks = JSON.parse((await post({}, sent)).body.toString()) as { trailers: object; body: string };
    expect(inChunks).toMatchObject({ body: 'abc', trailers: { 'x-sum': '7', 'x-last': 'yes' } });
    expect(Object.keys(inChunks.trailers)).toEqual(['x-sum', 'x-last']);
    expect(echoed(await post({ 'content-length': 3 }, sent))).toMatchObject({ body: 'abc', trailers: {} });
    expect((await post({}, { 'x-large': 'x'.repeat(5000) })).status).toBe(400);
    expect((await post({}, {})).status).toBe(200);
  });

  it('refuses a head that is too large or ambiguous, and serves the next', async () => {
    const node = await startNode(echo);
    const proxy = await startH2([node.node], { limits: { headerBytes: 2000, bodyBytes: 1000 } });
    const session = await dial(proxy.at, { peerMaxHeaderListSize: 1e6 } as never);
    const large = await ask(session, { 'x-large': 'x'.repeat(3000) });
    expect(large.status).toBe(431);
    expect((await ask(session, { ':authority': 'a.test', host: 'other.test' })).status).toBe(400);
    expect((await ask(session, { ':path': '/a b' }).catch(() => ({ status: 400 }))).status).toBe(400);
    expect((await ask(session, { ':method': 'POST', 'content-length': 2000 }, 'x'.repeat(2000))).status).toBe(
      413,
    );
    expect((await ask(session, {})).status).toBe(200);
    expect(node.requests).toBe(1);
  });

  it('answers 413 for a body without a length as soon as it is too long, and takes no more of it', async () => {
    const node = await startNode(echo);
    const proxy = await startH2([node.node], { limits: { bodyBytes: 100_000 } });
    const session = await dial(proxy.at);
    const stream = session.request({ ':method': 'POST', ':path': '/' });
    stream.on('error', () => undefined);
    const response = once(stream, 'response');
    const feed = (): void => {
      while (!stream.destroyed && stream.write(Buffer.alloc(16384)));
      stream.once('drain', feed);
    };
    feed();
    expect((await response)[0]).toMatchObject({ ':status': 413 });
    stream.resume();
    await once(stream, 'close');
    expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
    expect((await ask(session, {})).status).toBe(200);
  });

  it('carries large bodies both ways on many streams at once', async () => {
    const node = await startNode((request, response) => {
      request.pipe(response);
    });
    // Node's client counts what it has not sent yet against its memory.
    const session = await dial((await startH2([node.node])).at, { maxSessionMemory: 100 });
    const bodies = Array.from({ length: 8 }, (_, i) => Buffer.alloc(1_500_000 + i, `stream ${i} `));
    const answers = await Promise.all(bodies.map((body) => ask(session, { ':method': 'POST' }, body)));
    answers.forEach((answer, i) => expect(answer.body.equals(bodies[i]!)).toBe(true));
  });

  it('does not let one stream that is not read stop the others, nor read its node on', async () => {
    let written = 0;
    const node = await startNode((request, response) => {
      if (request.url !== '/endless') {
        response.end('quick');
        return;
      }
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65536))) written += 65536;
        response.once('drain', more);
      };
      more();
    });
    const proxy = await startH2([node.node]);
    const session = await dial(proxy.at);
    const stuck = session.request({ ':path': '/endless' });
    stuck.on('error', () => undefined);
    await once(stuck, 'response');
    // A proxy that read on would have it grow without end.
    const stands = (): Promise<unknown> => {
      let last = -1;
      return eventually(async () => {
        const same = written === last;
        last = written;
        await new Promise((done) => setTimeout(done, 100));
        return same || undefined;
      });
    };
    await stands();
    for (let i = 0; i < 5; i++) expect((await ask(session, {})).body.toString()).toBe('quick');
    await stands();
    stuck.close(constants.NGHTTP2_CANCEL);
  });

  it('ends one stream, not the connection, when a node cuts its answer or a client gives up', async () => {
    let aborted = 0;
    const node = await startNode((request, response) => {
      if (request.url === '/cut') {
        response.writeHead(200, { 'content-length': 100 });
        response.write('part', () => setImmediate(() => response.destroy()));
      } else if (request.url === '/wait') response.on('close', () => aborted++);
      else response.end('fine');
    });
    const proxy = await startH2([node.node]);
    const peer = await subscribe(proxy, {});
    const session = await dial(proxy.at);
    await expect(ask(session, { ':path': '/cut' })).rejects.toThrow();
    for (let i = 0; i < 10; i++) {
      const stream = session.request({ ':path': '/wait' });
      stream.on('error', () => undefined);
      await eventually(() => (node.requests > i + 1 ? true : undefined));
      stream.close(constants.NGHTTP2_CANCEL);
    }
    await eventually(() => (aborted === 10 ? true : undefined));
    expect((await ask(session, {})).body.toString()).toBe('fine');
    expect(Number((await settled(peer)).waitSumNs)).toBe(0);
    await eventually(() => (peer.totals('app-1').clientAborts === 10 ? true : undefined));
    expect(peer.totals('app-1')).toEqual({ count: 12, errors: 1, clientAborts: 10 });
  });

  it('settles what is open when the connection goes', async () => {
    const node = await startNode((request) => void request.resume());
    const proxy = await startH2([node.node]);
    const peer = await subscribe(proxy, {});
    const session = await dial(proxy.at);
    for (let i = 0; i < 20; i++) {
      const stream = session.request({ ':method': 'POST', ':path': '/' });
      stream.on('error', () => undefined);
      stream.write('some');
    }
    await eventually(() => (node.requests === 20 ? true : undefined));
    session.destroy();
    const t = await settled(peer);
    expect(Number(t.waitSumNs)).toBe(0);
  });

  it('tells clients to go away at a drain, and answers what is open', async () => {
    let finish: (() => void) | undefined;
    const node = await startNode((_, response) => (finish = () => response.end('at last')));
    const proxy = await startH2([node.node], { drainTimeout: 20_000 });
    const session = await dial(proxy.at);
    const idle = await dial(proxy.at);
    const answer = ask(session, {});
    await eventually(() => finish);
    const goaway = once(session, 'goaway');
    const idleClosed = once(idle, 'close');
    proxy.child.kill('SIGTERM');
    await goaway;
    await idleClosed;
    finish!();
    expect((await answer).body.toString()).toBe('at last');
    expect((await proxy.ended).code).toBe(0);
  });

  it('fails no request over reloads', async () => {
    const node = await startNode(echo);
    const other = await startNode(echo, 'app-2');
    const proxy = await startH2([node.node]);
    const peer = new ControlPeer(proxy.controlPath);
    const session = await dial(proxy.at);
    let running = true;
    let served = 0;
    const visitors = Array.from({ length: 8 }, async () => {
      while (running) {
        expect((await ask(session, {})).status).toBe(200);
        served++;
      }
    });
    for (let i = 1; i <= 20; i++) {
      const nodes = i % 2 ? [other.node] : [node.node];
      expect(await peer.configure(i, { ...proxy.config, nodes })).toMatchObject({ ok: true });
    }
    running = false;
    await Promise.all(visitors);
    expect(served).toBeGreaterThan(0);
  });
});
