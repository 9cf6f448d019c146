import { createHash } from 'node:crypto';
import { once } from 'node:events';

import { afterEach, describe, expect, it } from 'vitest';

import { exchangeFlags } from '../../common/frames/index.js';
import {
  ControlPeer,
  cleanUp,
  closedOf,
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

afterEach(cleanUp);

const capture = { capture: { enabled: true }, exchangeHeader: 'dharma-exchange' };

describe('capture', () => {
  it('records an exchange as it was on the wire', async () => {
    const head =
      'HTTP/1.1 201 Made\r\nX-Multi: a\r\nX-Multi: b\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n';
    let exchangeId: string | undefined;
    const node = await startRawNode((socket) => {
      let text = '';
      socket.on('data', (d) => {
        text += d.toString('latin1');
        if (!text.endsWith('X-T: 1\r\n\r\n')) return;
        exchangeId = /dharma-exchange: ([0-9a-f]{16})/.exec(text)?.[1];
        socket.write(`${head}3\r\nabc\r\n`);
        setTimeout(() => socket.write('2\r\nde\r\n0\r\n\r\n'), 20);
      });
    });
    const proxy = await startProxy([node.node], {
      ...capture,
      routes: [{ pattern: '/orders/:id', methods: ['POST'] }],
    });
    const peer = await subscribe(proxy, { exchanges: true });
    const requestHead =
      'POST /orders/7?a=%20b HTTP/1.1\r\nHost: shop\r\nX-odd-CASE:  spaced  \r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n';
    const before = process.hrtime.bigint();
    const answer = await exchange(
      proxy.at,
      `${requestHead}5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n`,
    );
    const after = process.hrtime.bigint();
    expect(answer).toMatch(/^HTTP\/1\.1 201 Made/);
    const [record] = await peer.exchanges(1);
    expect(record).toMatchObject({
      worker: 0,
      endpoint: 'POST /orders/:id',
      node: 'app-1',
      method: 'POST',
      target: '/orders/7?a=%20b',
      status: 201,
      flags: 0,
      requestBodyLength: 11,
      responseBodyLength: 5,
    });
    expect(record!.requestHead.toString('latin1')).toBe(requestHead);
    expect(record!.requestBody.toString()).toBe('hello world');
    expect(record!.responseHead.toString('latin1')).toBe(head);
    expect(record!.responseBody.toString()).toBe('abcde');
    expect(record!.client).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(record!.id.toString(16).padStart(16, '0')).toBe(exchangeId);
    const { startedNs, firstByteNs, finishedNs } = record!;
    expect(
      before < startedNs && startedNs < firstByteNs && firstByteNs < finishedNs && finishedNs < after,
    ).toBe(true);
    expect(Math.abs(Number(record!.wallUs) / 1000 - Date.now())).toBeLessThan(60_000);
  });

  it('keeps what follows an answer later than it', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], { ...capture, workers: 2 });
    const peer = await subscribe(proxy, { exchanges: true });
    for (let i = 0; i < 200; i++) await exchange(proxy.at, lastGet(`/${i}`));
    const records = (await peer.exchanges(200))
      .slice()
      .sort((a, b) => Number(a.target.slice(1)) - Number(b.target.slice(1)));
    for (let i = 1; i < 200; i++) expect(records[i]!.startedNs > records[i - 1]!.finishedNs).toBe(true);
    expect(new Set(records.map((r) => r.id)).size).toBe(200);
  });

  it('makes an id of its own where trusted peers are no proxies of ours', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], {
      ...capture,
      trusted: ['127.0.0.0/8'],
      exchangeHeaderTrusted: false,
    });
    const peer = await subscribe(proxy, { exchanges: true });
    const claimed = '00c0ffee00c0ffee';
    const answer = await exchange(proxy.at, lastGet('/', `dharma-exchange: ${claimed}\r\n`));
    const id = (await peer.exchanges(1))[0]!.id.toString(16).padStart(16, '0');
    expect(id).not.toBe(claimed);
    expect(answer).toContain(id);
    expect(answer).not.toContain(claimed);
  });

  it('takes a trusted peer’s exchange header for the id', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], { ...capture, trusted: ['127.0.0.1'] });
    const peer = await subscribe(proxy, { exchanges: true });
    await exchange(proxy.at, lastGet('/', 'Dharma-Exchange: 00c0ffee00c0ffee\r\n'));
    expect((await peer.exchanges(1))[0]!.id).toBe(0x00c0ffee00c0ffeen);
  });

  it('records large bodies whole up to the limit, and their true length beyond', async () => {
    const node = await startNode((request, response) => {
      request.pipe(response);
    });
    const proxy = await startProxy([node.node], {
      ...capture,
      capture: { enabled: true, maxBodyBytes: 300_000 },
    });
    const peer = await subscribe(proxy, { exchanges: true });
    for (const size of [0, 1, 16_000, 100_000, 300_000, 300_001, 5_000_000]) {
      const body = Buffer.alloc(size, 'abcdefghijklmnopqrstuvwxyz0123456789');
      await exchange(
        proxy.at,
        Buffer.concat([
          Buffer.from(
            `PUT /${size} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`,
          ),
          body,
        ]),
      );
    }
    for (const record of await peer.exchanges(7)) {
      const size = Number(record.target.slice(1));
      const expected = Buffer.alloc(size, 'abcdefghijklmnopqrstuvwxyz0123456789').subarray(0, 300_000);
      expect(record.requestBody.equals(expected)).toBe(true);
      expect(record.responseBody.equals(expected)).toBe(true);
      expect(record).toMatchObject({ requestBodyLength: size, responseBodyLength: size });
      const hash =
        size > 300_000
          ? createHash('sha256').update(Buffer.alloc(size, 'abcdefghijklmnopqrstuvwxyz0123456789')).digest()
          : Buffer.alloc(0);
      expect(record.requestBodyHash.equals(hash)).toBe(true);
      expect(record.responseBodyHash.equals(hash)).toBe(true);
      expect(record.flags).toBe(
        size > 300_000 ? exchangeFlags.requestTruncated | exchangeFlags.responseTruncated : 0,
      );
    }
  });

  it('records a sample: all of one client or nothing, by endpoint, and those in it in each larger one', async () => {
    const node = await startNode(echo);
    const taken = async (sample: number): Promise<Map<string, number>> => {
      const proxy = await startProxy([node.node], {
        trusted: ['127.0.0.1'],
        capture: { enabled: true, sample, sampleKey: 'a key' },
        routes: [
          { pattern: '/all', sample: 1 },
          { pattern: '/none', sample: 0 },
        ],
      });
      const peer = await subscribe(proxy, { exchanges: true });
      const socket = await open(proxy.at);
      for (const path of ['/x', '/none', '/all'])
        for (let i = 0; i < 100; i++) socket.write(get(path, `X-Forwarded-For: 192.0.2.${i}\r\n`));
      socket.write(lastGet('/end', 'X-Forwarded-For: 192.0.2.1\r\n'));
      await closedOf(socket);
      await eventually(() =>
        peer.of('Exchange').filter(({ target }) => target === '/all').length === 100 ? true : undefined,
      );
      const seen = peer.of('Exchange');
      expect(seen.some(({ target }) => target === '/none')).toBe(false);
      const counts = new Map<string, number>();
      for (const { target, requestHead } of seen) {
        const client = /X-Forwarded-For: (\S+)/.exec(requestHead.toString())![1]!;
        if (target === '/x') counts.set(client, (counts.get(client) ?? 0) + 1);
      }
      return counts;
    };
    const some = await taken(0.3);
    const more = await taken(0.6);
    expect(some.size).toBeGreaterThan(10);
    expect(more.size).toBeGreaterThan(some.size);
    expect(more.size).toBeLessThan(90);
    for (const client of some.keys()) expect(more.has(client)).toBe(true);
  });

  it('says how an exchange failed', async () => {
    let reached = false;
    const silent = await startRawNode(
      (peerSocket) => peerSocket.on('data', () => (reached = true)),
      'silent',
    );
    const proxy = await startProxy([silent.node], capture);
    const peer = await subscribe(proxy, { exchanges: true });
    const socket = await open(proxy.at);
    socket.write(get('/abort'));
    await eventually(() => reached || undefined);
    socket.destroy();
    expect((await peer.exchanges(1))[0]).toMatchObject({
      target: '/abort',
      status: 0,
      flags: exchangeFlags.clientAborted,
      node: 'silent',
      firstByteNs: 0n,
    });

    const good = await startNode(echo, 'good');
    const dead = { name: 'dead', address: '127.0.0.1', port: await freePort() };
    await peer.configure(1, { ...proxy.config, nodes: [dead] });
    await exchange(proxy.at, lastGet('/dead'));
    const failed = (await peer.exchanges(2))[1]!;
    expect(failed).toMatchObject({ status: 502, node: '' });
    expect(failed.flags & exchangeFlags.upstreamFailed).toBeTruthy();
    expect(failed.responseHead.toString()).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n[^]*\r\n\r\n$/);
    expect(failed.responseBody.toString()).toBe('Bad Gateway\n');

    await peer.configure(2, { ...proxy.config, nodes: [dead, good.node] });
    // Its failure a moment ago keeps the dead node out for a while.
    await eventually(async () => {
      await exchange(proxy.at, lastGet('/retried'));
      return peer.of('Exchange').some((r) => r.flags === exchangeFlags.retried) || undefined;
    });
    const records = peer.of('Exchange').slice(2);
    expect(records.every((r) => r.status === 200 && r.node === 'good')).toBe(true);
  });

  it('records an upgrade when it happens', async () => {
    const node = await startRawNode((socket) =>
      socket.once('data', () =>
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
      ),
    );
    const proxy = await startProxy([node.node], capture);
    const peer = await subscribe(proxy, { exchanges: true });
    const socket = await open(proxy.at);
    socket.write(get('/up', 'Connection: upgrade\r\nUpgrade: x\r\n'));
    expect((await peer.exchanges(1))[0]).toMatchObject({
      status: 101,
      flags: exchangeFlags.upgraded,
      target: '/up',
    });
    socket.destroy();
  });

  it('is off unless the config and a subscriber ask for it', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], { capture: { enabled: false } });
    const peer = await subscribe(proxy, { exchanges: true });
    await exchange(proxy.at, lastGet('/off'));
    await peer.configure(1, { ...proxy.config, capture: { enabled: true } });
    await exchange(proxy.at, lastGet('/on'));
    await peer.exchanges(1);
    await settled(peer);
    expect(peer.of('Exchange').map((e) => e.target)).toEqual(['/on']);
  });

  it('never waits for a stalled reader, and accounts for every record', async () => {
    const node = await startNode((_, response) => response.end('x'.repeat(3000)));
    const proxy = await startProxy([node.node], {
      capture: { enabled: true, queueBytes: 200_000 },
      workers: 2,
    });
    const counter = await subscribe(proxy, {});
    const stalled = await subscribe(proxy, { exchanges: true });
    stalled.socket.pause();
    const total = 3000;
    const clients = Array.from({ length: 8 }, async () => {
      const socket = await open(proxy.at);
      const closed = once(socket, 'close');
      socket.write(get('/').repeat(total / 8 - 1) + lastGet('/'));
      await closed;
      expect(socket.received().match(/HTTP\/1\.1 200/g)).toHaveLength(total / 8);
    });
    await Promise.all(clients);
    const frames = await eventually(async () => {
      const from = counter.frames.length;
      await delay(200);
      const last = new Map(counter.of('Telemetry').map((t) => [t.worker, t]));
      return counter.frames.length > from && [...last.values()].every((t) => t.openRequests === 0)
        ? [...last.values()]
        : undefined;
    });
    const sum = (pick: (t: (typeof frames)[number]) => number): number =>
      frames.reduce((n, t) => n + pick(t), 0);
    expect(sum((t) => t.exchangesSent) + sum((t) => t.exchangesDropped)).toBe(total);
    expect(sum((t) => t.exchangesDropped)).toBeGreaterThan(0);
    stalled.socket.resume();
    const told = (): number => stalled.of('Dropped').reduce((n, d) => n + Number(d.count), 0);
    await eventually(() => (stalled.of('Exchange').length + told() === total ? true : undefined));
    expect(told()).toBe(sum((t) => t.exchangesDropped));
    // There is room again: what comes now is recorded.
    await exchange(proxy.at, lastGet('/after'));
    await eventually(() => stalled.of('Exchange').find((e) => e.target === '/after'));
  });

  it('goes on for others when a reader dies', async () => {
    const node = await startNode(echo);
    const proxy = await startProxy([node.node], { capture: { enabled: true, queueBytes: 100_000 } });
    const dying = await subscribe(proxy, { exchanges: true });
    const peer = await subscribe(proxy, { exchanges: true });
    dying.socket.pause();
    for (let i = 0; i < 50; i++) await exchange(proxy.at, lastGet('/', `X-Fill: ${'x'.repeat(4000)}\r\n`));
    dying.socket.destroy();
    await settled(peer);
    const before = peer.of('Exchange').length;
    await exchange(proxy.at, lastGet('/after'));
    await eventually(() =>
      peer.of('Exchange').length > before && peer.of('Exchange').some((e) => e.target === '/after')
        ? true
        : undefined,
    );
    const again = new ControlPeer(proxy.controlPath);
    await eventually(() => again.of('Hello')[0]);
  });

  it('hands over the last records when the proxy drains', async () => {
    const node = await startNode((_, response) => {
      setTimeout(() => response.end('late'), 50);
    });
    const proxy = await startProxy([node.node], { ...capture, drainTimeout: 10_000 });
    const peer = await subscribe(proxy, { exchanges: true });
    const answer = exchange(proxy.at, get('/last'));
    await eventually(() => (node.requests ? true : undefined));
    await proxy.stop();
    expect(await answer).toMatch(/late$/);
    expect(peer.of('Exchange').map((e) => e.target)).toEqual(['/last']);
  });
});
