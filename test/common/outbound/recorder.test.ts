import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { fetch, request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger, type OutboundCall } from '../../../common/index.js';
import { recordedUrl, startRecorder, type OutboundRecorder } from '../../../common/outbound/recorder.js';

const ID = '00000000000000cd';

describe('startRecorder', () => {
  let upstream: Server;
  let recorder: OutboundRecorder;
  let seen: { url: string; headers: Record<string, unknown>; body: string }[];
  let calls: AsyncIterator<OutboundCall>;

  beforeEach(async () => {
    seen = [];
    upstream = createServer((req, res) => {
      let body = '';
      req.on('data', (chunk) => (body += String(chunk)));
      req.on('end', () => {
        seen.push({ url: req.url!, headers: req.headers, body });
        if (req.url!.endsWith('/hangup')) res.destroy();
        else res.writeHead(201, { 'X-Up': 'stream' }).write('half,', () => res.end(`other ${body.length}`));
      });
    });
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    recorder = await startRecorder({
      destinations: {
        PAY_URL: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`,
        STUB_URL: undefined,
      },
      log: createLogger('test', 'silent'),
    });
    calls = recorder.source[Symbol.asyncIterator]();
  });
  afterEach(async () => {
    await recorder.close();
    upstream.close();
  });

  const next = async (): Promise<OutboundCall> => {
    const result = await calls.next();
    if (result.done === true) throw new Error('the record ended');
    return result.value;
  };

  it('passes a call on whole, and tells both sides of it', async () => {
    const answer = await request(`${recorder.env.PAY_URL}/charge?a=1`, {
      method: 'POST',
      headers: { 'dharma-exchange': ID, 'X-Own': 'kept', 'content-type': 'text/plain' },
      body: 'twelve bytes',
    });
    expect(answer.statusCode).toBe(201);
    expect(await answer.body.text()).toBe('half,other 12');
    expect(seen[0]).toMatchObject({
      url: '/v1/charge?a=1',
      body: 'twelve bytes',
      headers: { 'x-own': 'kept' },
    });
    expect(seen[0]!.headers['dharma-exchange']).toBeUndefined();
    expect(seen[0]!.headers.host).toBe(`127.0.0.1:${(upstream.address() as AddressInfo).port}`);
    const call = await next();
    expect(call).toMatchObject({
      exchangeId: ID,
      destination: 'PAY_URL',
      method: 'POST',
      target: '/v1/charge?a=1',
    });
    expect(Buffer.from(call.requestBody).toString()).toBe('twelve bytes');
    expect(call.response?.status).toBe(201);
    expect(Buffer.from(call.response!.body).toString()).toBe('half,other 12');
    expect(call.response?.headers).toContainEqual(['X-Up', 'stream']);
  });

  it('passes on bodies without a length, and calls without a body', async () => {
    const body = Readable.from(['one ', 'two']);
    const streamed = await request(`${recorder.env.PAY_URL}/s`, { method: 'POST', body });
    expect(await streamed.body.text()).toBe('half,other 7');
    const empty = await fetch(`${recorder.env.PAY_URL}/g`, { method: 'DELETE' });
    expect(await empty.text()).toBe('half,other 0');
    expect((await next()).exchangeId).toBeUndefined();
  });

  it('lets the app see that a connection broke, and records that nothing came', async () => {
    await expect(fetch(`${recorder.env.PAY_URL}/hangup`)).rejects.toThrow();
    expect((await next()).response).toBeUndefined();
  });

  it('answers itself where there is no live address', async () => {
    const answer = await fetch(`${recorder.env.STUB_URL}/any`, { method: 'PUT', body: 'x' });
    expect(await answer.json()).toEqual({ ok: true });
    expect(await next()).toMatchObject({ destination: 'STUB_URL', method: 'PUT', response: { status: 200 } });
  });

  it('passes calls on without recording them while it is told not to', async () => {
    recorder.record(false);
    expect(await (await fetch(`${recorder.env.PAY_URL}/quiet`)).text()).toBe('half,other 0');
    recorder.record(true);
    await (await fetch(`${recorder.env.PAY_URL}/told`)).text();
    expect((await next()).target).toBe('/v1/told');
    expect(recorder.lost()).toBe(0);
  });

  it('ends the record when it is closed', async () => {
    await recorder.close();
    expect((await calls.next()).done).toBe(true);
  });
});

describe('recordedUrl', () => {
  it.each([
    ['https://api.example.test', 'http://127.0.0.1:9'],
    ['https://api.example.test/', 'http://127.0.0.1:9/'],
    ['https://api.example.test:8443/v1/?k=2', 'http://127.0.0.1:9/v1/?k=2'],
    [undefined, 'http://127.0.0.1:9'],
  ])('%s → %s', (url, expected) => expect(recordedUrl('127.0.0.1:9', url)).toBe(expected));
});
