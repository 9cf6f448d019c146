import { describe, expect, it } from 'vitest';
import { exampleFile, listening, start } from './run.js';

async function stub(): Promise<string> {
  return listening(start(exampleFile('payment-stub/main.js'), [], { PORT: '0' }));
}

const charge = async (url: string, body: unknown, key?: string): Promise<Response> =>
  fetch(`${url}/charges`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key && { 'idempotency-key': key }) },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('the payment stub', () => {
  it('counts charges, and a repeated one once', async () => {
    const url = await stub();
    const order = { amount: 990, currency: 'EUR', source: 'tok_visa', reference: 'SH-1' };
    const first = await charge(url, order, 'SH-1');
    expect(first.status).toBe(201);
    const { id } = (await first.json()) as { id: string };
    expect(id).toMatch(/^ch_[0-9a-f]{24}$/);
    const again = await charge(url, order, 'SH-1');
    expect(again.status).toBe(200);
    expect(await again.json()).toMatchObject({ id });
    expect((await charge(url, { ...order, reference: 'SH-2' }, 'SH-2')).status).toBe(201);
    expect(await (await fetch(`${url}/charges`)).json()).toMatchObject({
      count: 2,
      requests: 3,
      declined: 0,
      list: [{ id, reference: 'SH-1', amount: 990 }, { reference: 'SH-2' }],
    });
  });

  it('declines, and refuses what is no charge, without counting it', async () => {
    const url = await stub();
    expect((await charge(url, { amount: 990, source: 'tok_declined' })).status).toBe(402);
    expect((await charge(url, { amount: -1 })).status).toBe(400);
    expect((await charge(url, '{')).status).toBe(400);
    expect((await fetch(`${url}/charges`, { method: 'DELETE' })).status).toBe(405);
    expect((await fetch(`${url}/else`)).status).toBe(404);
    expect(await (await fetch(`${url}/charges`)).json()).toMatchObject({
      count: 0,
      requests: 2,
      declined: 1,
    });
  });
});
