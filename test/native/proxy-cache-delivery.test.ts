import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, eventually, exchange, get, lastGet, open, subscribe } from './proxy-harness.js';
import { bodyOf, fieldOf, statusOf } from './raw-answer.js';
import { counting, setUp, type Handler } from './cache-setup.js';

afterEach(cleanUp);

describe('size', () => {
  it.each([
    ['told', true],
    ['not told', false],
  ])('passes on what is too large to be kept, its length %s', async (_, told) => {
    const size = 1_500_000;
    const body = Buffer.from(Array.from({ length: size }, (_unused, i) => 97 + ((i * 7) % 26)));
    const { proxy, seen } = await setUp(
      (_request, response) => {
        response.setHeader('Cache-Control', 'max-age=60');
        if (told) response.setHeader('Content-Length', size);
        response.write(body.subarray(0, 1000));
        response.end(body.subarray(1000));
      },
      { objectBytes: 100_000 },
    );
    const answer = await exchange(proxy.at, `GET /a HTTP/1.0\r\nHost: test\r\n\r\n`);
    expect(bodyOf(answer) === body.toString('latin1')).toBe(true);
    await exchange(proxy.at, lastGet('/a'));
    expect(seen).toHaveLength(2);
  });

  it('keeps within its memory, and goes on', async () => {
    const { proxy, seen } = await setUp(
      (_, response) => {
        response.setHeader('Cache-Control', 'max-age=60');
        response.end(Buffer.alloc(20_000, 'a'));
      },
      { memoryBytes: 200_000, objectBytes: 50_000 },
    );
    for (let i = 0; i < 40; i++) expect(bodyOf(await exchange(proxy.at, lastGet(`/${i}`)))).toContain('aaaa');
    expect(seen).toHaveLength(40);
    await exchange(proxy.at, lastGet('/39'));
    expect(seen).toHaveLength(40);
    await exchange(proxy.at, lastGet('/0'));
    expect(seen).toHaveLength(41);
  });
});

describe('ranges', () => {
  const digits: Handler = (request, response) => {
    response.setHeader('Cache-Control', 'max-age=60');
    response.setHeader('ETag', '"a"');
    if (request.headers.range)
      response.writeHead(206, { 'Content-Range': 'bytes 2-4/10', 'Content-Length': '3' }).end('234');
    else response.writeHead(200, { 'Content-Length': '10' }).end('0123456789');
  };
  const ranged = (range: string, more = ''): string => lastGet('/a', `Range: ${range}\r\n${more}`);

  it('come from the whole, which is fetched for the first one', async () => {
    const { proxy, seen } = await setUp(digits);
    const first = await exchange(proxy.at, ranged('bytes=2-4'));
    expect([statusOf(first), fieldOf(first, 'content-range'), bodyOf(first)]).toEqual([
      206,
      'bytes 2-4/10',
      '234',
    ]);
    expect(bodyOf(await exchange(proxy.at, ranged('bytes=-3')))).toBe('789');
    expect(bodyOf(await exchange(proxy.at, ranged('bytes=7-')))).toBe('789');
    expect(bodyOf(await exchange(proxy.at, ranged('bytes=1-2,4-5')))).toBe('0123456789');
    const beyond = await exchange(proxy.at, ranged('bytes=10-'));
    expect([statusOf(beyond), fieldOf(beyond, 'content-range'), bodyOf(beyond)]).toEqual([
      416,
      'bytes */10',
      '',
    ]);
    expect(bodyOf(await exchange(proxy.at, ranged('bytes=0-0', 'If-Range: "a"\r\n')))).toBe('0');
    expect(bodyOf(await exchange(proxy.at, ranged('bytes=0-0', 'If-Range: "b"\r\n')))).toBe('0123456789');
    expect(seen).toHaveLength(1);
    expect(seen[0]!.headers.range).toBeUndefined();
  });

  it('go to the origin also while the whole, which is not to be shared, is still on its way', async () => {
    const { proxy, seen } = await setUp((request, response) => {
      response.setHeader('Cache-Control', 'private');
      if (request.headers.range) {
        response.writeHead(206, { 'Content-Range': 'bytes 2-4/10', 'Content-Length': '3' }).end('234');
        return;
      }
      // The fetch is given up after its head; it once still knew a leader that had gone its own way.
      response.writeHead(200, { 'Content-Length': '10' });
      response.write('0');
    });
    expect(bodyOf(await exchange(proxy.at, ranged('bytes=2-4')))).toBe('234');
    expect(bodyOf(await exchange(proxy.at, ranged('bytes=2-4')))).toBe('234');
    expect(seen).toHaveLength(4);
  });

  it('go to the origin where the whole is too large', async () => {
    const { proxy, seen } = await setUp(digits, { objectBytes: 9 });
    const answer = await exchange(proxy.at, ranged('bytes=2-4'));
    expect([statusOf(answer), bodyOf(answer)]).toEqual([206, '234']);
    expect(seen.map((r) => r.headers.range)).toEqual([undefined, 'bytes=2-4']);
  });
});

describe('delivery', () => {
  it('serves HTTP/2 from the store, large bodies and small', async () => {
    const size = 700_000;
    const { proxy, seen } = await setUp(
      (request, response) => {
        response.setHeader('Cache-Control', 'max-age=60');
        response.setHeader('ETag', '"a"');
        response.end(request.url === '/large' ? Buffer.alloc(size, 'a') : 'small');
      },
      {},
      { listen: [{ address: '127.0.0.1', port: 0, http2: true }] },
    );
    const session = connectHttp2(`http://127.0.0.1:${proxy.at}`);
    const ask = async (path: string, more = {}): Promise<[Record<string, unknown>, number]> => {
      const stream = session.request({ ':path': path, ...more });
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
      let n = 0;
      for await (const chunk of stream) n += (chunk as Buffer).length;
      return [headers, n];
    };
    for (let round = 0; round < 2; round++)
      expect((await Promise.all([ask('/large'), ask('/small'), ask('/large')])).map(([, n]) => n)).toEqual([
        size,
        5,
        size,
      ]);
    const [headers, n] = await ask('/large', { range: 'bytes=10-99999' });
    expect([headers[':status'], n, headers['content-range']]).toEqual([
      206,
      99_990,
      `bytes 10-99999/${size}`,
    ]);
    expect((await ask('/small', { 'if-none-match': '"a"' }))[0][':status']).toBe(304);
    expect(seen).toHaveLength(2);
    session.close();
  });

  it('records what clients got, from wherever it came', async () => {
    const { proxy } = await setUp(
      counting({ 'Cache-Control': 'max-age=60' }),
      {},
      { capture: { enabled: true } },
    );
    const peer = await subscribe(proxy, { exchanges: true });
    await exchange(proxy.at, lastGet('/a'));
    await exchange(proxy.at, lastGet('/a'));
    const records = await peer.exchanges(2);
    expect(records.map((r) => [r.status, r.node, Buffer.from(r.responseBody).toString()])).toEqual([
      [200, '', 'answer 1'],
      [200, '', 'answer 1'],
    ]);
    for (const { responseHead } of records)
      expect(Buffer.from(responseHead).toString()).toMatch(/^HTTP\/1.1 200 .*cache-status/is);
  });

  it('goes on while configs change under it', async () => {
    const { proxy } = await setUp(counting({ 'Cache-Control': 'max-age=60' }));
    await exchange(proxy.at, lastGet('/a'));
    const socket = await open(proxy.at);
    for (let i = 0; i < 5; i++) {
      await proxy.reload({ cache: { memoryBytes: 1_000_000 + i } });
      socket.write(get('/a'));
      await eventually(() => (socket.received().split('answer 1').length === i + 2 ? true : undefined));
    }
    await proxy.reload({ cache: undefined });
    await eventually(async () =>
      (await exchange(proxy.at, lastGet('/a'))).includes('answer 1') ? undefined : true,
    );
  });
});
