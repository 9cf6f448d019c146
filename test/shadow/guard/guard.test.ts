import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger, manifestSchema, systemClock, type OutboundCall } from '../../../common/index.js';
import { ArmGuard } from '../../../shadow/guard/guard.js';
import { RecordedCalls } from '../../../shadow/guard/recorded-calls.js';

const EX = '00000000000000e1';

const STUBS = [
  { destination: 'MAIL_URL', pattern: '/refunds/:id', status: 202 },
  { destination: 'PAY_URL', methods: ['POST'], pattern: '/refunds/:id', status: 201, body: { refund: 'r1' } },
  {
    destination: 'PAY_URL',
    pattern: '/texts/*rest',
    headers: { 'Content-Type': 'text/plain' },
    body: 'hello',
  },
];

function live(partial: Partial<OutboundCall> & { readonly answer?: string }): OutboundCall {
  return {
    exchangeId: EX,
    at: 0,
    destination: 'PAY_URL',
    method: 'POST',
    target: '/charge',
    requestHeaders: [],
    requestBody: Buffer.alloc(0),
    response: {
      status: 201,
      headers: [
        ['Content-Type', 'application/json'],
        ['Transfer-Encoding', 'chunked'],
      ],
      body: Buffer.from(partial.answer ?? '{"ok":true}'),
    },
    ...partial,
  };
}

describe('ArmGuard', () => {
  let dir: string;
  let recorded: RecordedCalls;
  let guard: ArmGuard;
  let agent: Agent;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-guard-'));
    recorded = new RecordedCalls();
    guard = await ArmGuard.start({
      arm: 'old-a',
      destinations: ['MAIL_URL', 'PAY_URL'],
      socketDir: dir,
      recorded,
      stubs: manifestSchema.parse({
        name: 'shop',
        outbound: { PAY_URL: 'http://pay.example', MAIL_URL: 'http://mail.example' },
        stubs: STUBS,
      }).stubs,
      canonical: (text) => text,
      clock: systemClock,
      log: createLogger('test', 'silent'),
    });
    agent = new Agent({ connect: { socketPath: guard.doors[1]!.socket! } });
  });
  afterEach(async () => {
    await agent.close();
    await guard.close();
    await rm(dir, { recursive: true, force: true });
  });

  const call = async (
    target: string,
    body?: string,
    options: { method?: string; exchange?: string } = {},
  ): Promise<{ status: number; headers: Record<string, unknown>; text: string }> => {
    const answer = await request(`http://guard${target}`, {
      dispatcher: agent,
      method: (options.method ?? 'POST') as 'POST',
      body: body ?? null,
      headers: { 'dharma-exchange': options.exchange ?? EX, 'content-type': 'application/json' },
    });
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
  };

  it("answers what live did not call with the app's stub, and what live did call with live's answer", async () => {
    recorded.add(live({ target: '/refunds/1', answer: '{"refund":"live"}' }));
    expect(await call('/refunds/1')).toMatchObject({ status: 201, text: '{"refund":"live"}' });
    const stubbed = await call('/refunds/2');
    expect(stubbed).toMatchObject({ status: 201, text: '{"refund":"r1"}' });
    expect(stubbed.headers['content-type']).toBe('application/json');
    expect(await call('/texts/a/b')).toMatchObject({ status: 200, text: 'hello' });
    expect(await call('/refunds/2', undefined, { method: 'PUT' })).toMatchObject({ status: 504 });
    expect(guard).toMatchObject({ answered: 1, stubbed: 2, refused: 1 });
    expect(guard.takeCalls().map(({ response }) => response?.status)).toEqual([201, 201, 200, undefined]);
  });

  it('answers with what live got, though the body differs, and records the call', async () => {
    recorded.add(live({ requestBody: Buffer.from('{"amount":100}'), answer: '{"id":"ch_1"}' }));
    expect(await call('/charge', '{"amount":90}')).toMatchObject({ status: 201, text: '{"id":"ch_1"}' });
    expect(guard).toMatchObject({ answered: 1, refused: 0 });
    const [seen] = guard.takeCalls();
    expect(seen).toMatchObject({ exchangeId: EX, destination: 'PAY_URL', method: 'POST', target: '/charge' });
    expect(Buffer.from(seen!.requestBody).toString()).toBe('{"amount":90}');
    expect(seen!.requestHeaders.some(([name]) => name === 'dharma-exchange')).toBe(false);
    expect(guard.takeCalls()).toEqual([]);
  });

  it('puts the arm’s own id where live’s answer repeats live’s', async () => {
    recorded.add(
      live({
        requestBody: Buffer.from('{"order":"ord-live-111"}'),
        answer: '{"for":"ord-live-111","fee":1}',
      }),
    );
    expect((await call('/charge', '{"order":"ord-arm-2222"}')).text).toBe('{"for":"ord-arm-2222","fee":1}');
  });

  it('gives each call of an exchange its own answer, the most alike first', async () => {
    recorded.add(live({ requestBody: Buffer.from('{"sku":"a","n":1}'), answer: 'A' }));
    recorded.add(live({ requestBody: Buffer.from('{"sku":"b","n":1}'), answer: 'B' }));
    expect((await call('/charge', '{"sku":"b","n":1}')).text).toBe('B');
    expect((await call('/charge', '{"sku":"a","n":1}')).text).toBe('A');
    expect((await call('/charge', '{"sku":"a","n":1}')).status).toBe(504);
  });

  it('refuses what live never called, marked as such', async () => {
    recorded.add(live({ target: '/charge' }));
    const answer = await call('/refund');
    expect(answer).toMatchObject({ status: 504, headers: { 'dharma-guard': 'refused' } });
    expect(guard.refused).toBe(1);
    expect(guard.counts.get('PAY_URL')).toBe(1);
  });

  it('waits a moment for a record that is still on its way', async () => {
    const waiting = call('/charge');
    setTimeout(() => recorded.add(live({ answer: 'late' })), 50);
    expect((await waiting).text).toBe('late');
  });

  it('ends the connection where live’s call got no answer', async () => {
    recorded.add(live({ response: undefined }));
    await expect(call('/charge')).rejects.toThrow();
  });

  it('answers a poll twice, a write once', async () => {
    recorded.add(live({ method: 'GET', target: '/flags?v=1', exchangeId: undefined, answer: 'on' }));
    for (let i = 0; i < 2; i++)
      expect((await call('/flags?v=1', undefined, { method: 'GET' })).text).toBe('on');
  });

  it('answers HEAD and 204 without a body', async () => {
    recorded.add(live({ method: 'HEAD', target: '/h', answer: '' }));
    expect((await call('/h', undefined, { method: 'HEAD' })).status).toBe(201);
    recorded.add(live({ target: '/n', response: { status: 204, headers: [], body: Buffer.alloc(0) } }));
    expect((await call('/n')).status).toBe(204);
  });

  it('closes on what is not HTTP, and tells', async () => {
    const socket = connect(guard.doors[0]!.socket!);
    socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0]));
    socket.on('error', () => undefined);
    await once(socket, 'close');
    expect(guard.takeCalls()).toMatchObject([
      { destination: 'MAIL_URL', method: 'TCP', response: undefined },
    ]);
  });
});

describe('RecordedCalls', () => {
  it('answers each arm by itself, and forgets an exchange', () => {
    const recorded = new RecordedCalls();
    recorded.add(live({}));
    const wanted = live({});
    expect(recorded.take('old-a', wanted)).toBeDefined();
    expect(recorded.take('old-a', wanted)).toBeUndefined();
    expect(recorded.take('new-a', wanted)).toBeDefined();
    recorded.forget(EX);
    expect(recorded.take('old-b', wanted)).toBeUndefined();
  });

  it('finds a call without a context by destination, path and content', () => {
    const recorded = new RecordedCalls();
    recorded.add(
      live({
        exchangeId: '00000000000000e2',
        target: '/orders/ord-1x9/pay',
        requestBody: Buffer.from('{"n":1}'),
      }),
    );
    recorded.add(
      live({
        exchangeId: '00000000000000e3',
        target: '/orders/ord-2y8/pay',
        requestBody: Buffer.from('{"n":2}'),
      }),
    );
    const wanted = {
      ...live({}),
      exchangeId: undefined,
      target: '/orders/ord-7z7/pay',
      requestBody: Buffer.from('{"n":2}'),
    };
    expect(recorded.take('new-b', wanted)?.exchangeId).toBe('00000000000000e3');
  });
});
