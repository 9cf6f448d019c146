import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseHeaderFields, type Exchange, type ProxyExchangeSource } from '../../../common/index.js';
import { soon, startNode, startProxy } from './support.js';

async function take(
  source: ProxyExchangeSource,
  wanted: number,
): Promise<{ exchanges: Exchange[]; dropped: number }> {
  const exchanges: Exchange[] = [];
  let dropped = 0;
  for await (const event of source) {
    if (event.kind === 'exchange') exchanges.push(event.exchange);
    else dropped += event.count;
    if (exchanges.length + dropped >= wanted) break;
  }
  return { exchanges, dropped };
}

describe('captured exchanges', () => {
  it('have heads, bodies, times and the id that the node saw', async () => {
    const seen: (string | undefined)[] = [];
    const node = await startNode('n', (request, response) => {
      seen.push(request.headers['dharma-exchange'] as string | undefined);
      response.setHeader('X-Reply', ['a', 'b']);
      response.statusCode = 201;
      request.on('data', () => undefined).on('end', () => response.end('the answer'));
    });
    const { proxy, url } = await startProxy({
      settings: {
        nodes: [node],
        routes: [{ pattern: '/order/:id', endpoint: 'POST /order' }],
        capture: { enabled: true },
        exchangeHeader: 'dharma-exchange',
      },
    });
    const source = proxy.exchanges();
    onTestFinished(() => source.close());
    await source.connected(soon());
    await until(async () => {
      await (await fetch(`${url}/warm`)).text();
      return true;
    });
    await (
      await fetch(`${url}/order/7?x=1`, {
        method: 'POST',
        body: 'the question',
        headers: { 'X-Ask': ' yes ' },
      })
    ).text();
    const { exchanges } = await take(source, 2);
    const exchange = exchanges.find(({ target }) => target.startsWith('/order'))!;
    expect(exchange).toMatchObject({
      method: 'POST',
      target: '/order/7?x=1',
      endpoint: 'POST /order',
      node: 'n',
      status: 201,
      requestBodyLength: 12,
      responseBodyLength: 10,
    });
    expect(seen).toContain(exchange.id);
    expect(exchange.requestHeaders).toContainEqual(['X-Ask', 'yes']);
    expect(exchange.responseHeaders.filter(([name]) => name === 'X-Reply').map(([, v]) => v)).toEqual([
      'a',
      'b',
    ]);
    expect(Buffer.from(exchange.requestBody).toString()).toBe('the question');
    expect(Buffer.from(exchange.responseBody).toString()).toBe('the answer');
    expect(exchange.finishedNs).toBeGreaterThanOrEqual(exchange.firstByteNs);
    expect(exchange.firstByteNs).toBeGreaterThanOrEqual(exchange.startedNs);
    // The arms' clocks are set to it, in whole milliseconds as `Date` has them.
    expect(Number.isInteger(exchange.startedAt)).toBe(true);
    expect(Math.abs(exchange.startedAt - Date.now())).toBeLessThan(60_000);
    expect(Object.values(exchange.flags)).toEqual(Array(7).fill(false));
  });

  it('are all accounted for, told or counted, when the reader stands still', async () => {
    const body = 'x'.repeat(50_000);
    const node = await startNode('n', (_q, r) => void r.end(body));
    const { proxy, url } = await startProxy({
      settings: { nodes: [node], capture: { enabled: true, queueBytes: 500_000 } },
    });
    const source = proxy.exchanges();
    onTestFinished(() => source.close());
    await source.connected(soon());
    const total = 300;
    for (let i = 0; i < total; i++) await (await fetch(`${url}/${i}`)).text();
    const { exchanges, dropped } = await take(source, total);
    expect(exchanges.length + dropped).toBe(total);
    expect(dropped).toBeGreaterThan(0);
    expect(exchanges.length).toBeGreaterThan(0);
    expect(exchanges[0]!.target).toBe('/0');
  });

  it('end when the source is closed', async () => {
    const { proxy } = await startProxy({ settings: { nodes: [], capture: { enabled: true } } });
    const source = proxy.exchanges();
    const reading = take(source, 1);
    await source.connected(soon());
    await source.close();
    expect(await reading).toEqual({ exchanges: [], dropped: 0 });
  });
});

describe('header fields', () => {
  it('come out as they were put in, in order and repeated', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9-]{1,20}$/);
    const value = fc.stringMatching(/^[!-~\xa0-\xff]([ -~\xa0-\xff]{0,30}[!-~\xa1-\xff])?$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), (fields) => {
        const text = fields.map(([n, v]) => `${n}:\t ${v} \r\n`).join('');
        const head = Buffer.from(`GET / HTTP/1.1\r\n${text}\r\n`, 'latin1');
        expect(parseHeaderFields(head)).toEqual(
          fields.map(([n, v]) => [n, v.replace(/^[ \t]+|[ \t]+$/g, '')]),
        );
      }),
    );
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}
