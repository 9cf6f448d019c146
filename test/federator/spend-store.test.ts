import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../common/index.js';
import { committed } from '../../federator/spend/ledger.js';
import { SpendStore } from '../../federator/state/spend-store.js';
import { startTestStores, type TestStores } from './support/stores.js';

let stores: TestStores;
beforeAll(async () => {
  stores = await startTestStores();
});
afterAll(() => stores.close());

let signal: AbortSignal;
beforeEach(() => {
  signal = AbortSignal.timeout(50_000);
});

describe('the spend ledger in the store', () => {
  it('grants no more than the ceiling to many who ask at once, and the same to one who asks again', async () => {
    const database = await stores.database();
    const agents = Array.from({ length: 8 }, () => new SpendStore(database));
    await agents[0]!.apply({ kind: 'ceiling', hourly: 5 }, signal);
    const ask = (n: number) =>
      agents[n % 8]!.apply({ kind: 'reserve', id: `h${n}`, cluster: 'c', hourly: 1 }, signal);
    const outcomes = await Promise.all(Array.from({ length: 16 }, (_, n) => ask(n)));
    expect(outcomes.filter((outcome) => outcome === 'granted')).toHaveLength(5);
    const { ledger } = await agents[1]!.read();
    expect(committed(ledger)).toBe(5);
    expect(await ask(outcomes.indexOf('granted'))).toBe('granted');
    expect(await ask(outcomes.indexOf('refused'))).toBe('refused');
  });

  it('counts by the clock of the server, and finds by a listing what a dead agent left', async () => {
    const database = await stores.database();
    const store = new SpendStore(database, { reserveMs: 60_000, createMs: 1 });
    await store.apply({ kind: 'ceiling', hourly: 2 }, signal);
    for (const id of ['made', 'lost']) {
      await store.apply({ kind: 'reserve', id, cluster: 'c', hourly: 1 }, signal);
      await store.apply({ kind: 'create', id }, signal);
    }
    expect(await store.apply({ kind: 'reserve', id: 'next', cluster: 'c', hourly: 1 }, signal)).toBe(
      'refused',
    );
    await systemClock.sleep(5);
    const { now } = await store.read();
    await store.apply({ kind: 'listing', cluster: 'c', askedAt: now, hosts: ['made'] }, signal);
    expect((await store.read()).ledger.entries).toMatchObject([{ id: 'made', state: 'running' }]);
    expect(await store.apply({ kind: 'reserve', id: 'next', cluster: 'c', hourly: 1 }, signal)).toBe(
      'granted',
    );
  });

  it('lets a reservation lapse', async () => {
    const store = new SpendStore(await stores.database(), { reserveMs: 1, createMs: 1 });
    await store.apply({ kind: 'reserve', id: 'x', cluster: 'c', hourly: 1 }, signal);
    await systemClock.sleep(5);
    expect(await store.apply({ kind: 'create', id: 'x' }, signal)).toBe('lapsed');
  });
});
