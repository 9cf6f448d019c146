import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createLogger, Lease, releaseLease, systemClock, takeLease } from '../../common/index.js';
import type { Database } from '../../federator/state/database.js';
import { Fence } from '../../federator/state/fence.js';
import { startTestStores, type TestStores } from './support/stores.js';

const log = createLogger('test', 'silent');
const LONG_MS = 60_000;

let stores: TestStores;
beforeAll(async () => {
  stores = await startTestStores();
});
afterAll(() => stores.close());

describe('taking a lease', () => {
  const of = (holder: string, session: string, ttlMs = LONG_MS): Parameters<typeof takeLease>[1] => ({
    name: 'x',
    holder,
    session,
    ttlMs,
  });

  test('goes to one of many at once', async () => {
    const { db } = await stores.database();
    const seen = await Promise.all([1, 2, 3, 4, 5].map((n) => takeLease(db, of(`h${n}`, 's'))));
    expect(new Set(seen.map((lease) => lease.holder)).size).toBe(1);
    expect(seen.every((lease) => lease.epoch === 1)).toBe(true);
  });

  test('keeps its epoch when it is renewed and raises it when it changes hands', async () => {
    const { db } = await stores.database();
    expect((await takeLease(db, of('a', 's'))).epoch).toBe(1);
    expect((await takeLease(db, of('a', 's'))).epoch).toBe(1);
    expect(await takeLease(db, of('b', 's'))).toMatchObject({ holder: 'a', epoch: 1 });
    await releaseLease(db, { name: 'x', holder: 'a', session: 's' });
    expect(await takeLease(db, of('b', 's'))).toMatchObject({ holder: 'b', epoch: 2 });
  });

  test('is taken over at once by a new session of its holder, with a new epoch', async () => {
    const { db } = await stores.database();
    await takeLease(db, of('a', 'first life'));
    expect(await takeLease(db, of('a', 'second life'))).toMatchObject({ session: 'second life', epoch: 2 });
  });

  test('is not given back by a session that no longer has it', async () => {
    const { db } = await stores.database();
    await takeLease(db, of('a', 'first life'));
    await takeLease(db, of('a', 'second life'));
    await releaseLease(db, { name: 'x', holder: 'a', session: 'first life' });
    expect(await takeLease(db, of('b', 's'))).toMatchObject({ holder: 'a' });
  });

  test('lapses by the clock of the server', async () => {
    const { db } = await stores.database();
    await takeLease(db, of('a', 's', 50));
    const until = AbortSignal.timeout(30_000);
    for (;;) {
      if ((await takeLease(db, of('b', 's'))).holder === 'b') break;
      await systemClock.sleep(10, until);
    }
  });
});

describe('keeping a lease', () => {
  const open: Lease[] = [];
  afterEach(async () => {
    for (const lease of open.splice(0)) await lease.close();
  });

  function keep(
    db: Database['db'],
    holder: string,
    ttlMs: number,
  ): { lease: Lease; taken: number[]; lost: () => number } {
    const taken: number[] = [];
    let lost = 0;
    const lease = new Lease(
      db,
      { name: 'active', holder, session: holder, ttlMs },
      { onTaken: (epoch) => taken.push(epoch), onLost: () => (lost += 1) },
      log,
    );
    open.push(lease);
    return { lease, taken, lost: () => lost };
  }

  async function until(condition: () => boolean): Promise<void> {
    const deadline = AbortSignal.timeout(30_000);
    while (!condition()) await systemClock.sleep(5, deadline);
  }

  test('outlives its first term, and passes on when it is closed', async () => {
    const { db } = await stores.database();
    // Long enough that a busy machine renews it in time.
    const termMs = 2000;
    const first = keep(db, 'a', termMs);
    await until(() => first.lease.held);
    const second = keep(db, 'b', termMs);
    await until(() => second.lease.seen !== undefined);
    const end = second.lease.seen!.expiresAt.getTime();
    await until(() => second.lease.seen!.expiresAt.getTime() > end + termMs);
    expect(first.lost()).toBe(0);
    expect(second.taken).toEqual([]);
    await first.lease.close();
    expect(first.lost()).toBe(1);
    await until(() => second.lease.held);
    expect(second.taken).toEqual([2]);
    expect(() => first.lease.epoch).toThrow(expect.objectContaining({ code: 'LEASE_LOST' }));
  });
});

describe('the fence', () => {
  test('lets nothing of an earlier holder through, also to what the later one has not written', async () => {
    const database = await stores.database();
    const [earlier, later] = [new Fence({ epoch: 1 }), new Fence({ epoch: 2 })];
    await database.upgrades.insertOne(upgrade('u1', 1));
    expect(await earlier.update(database.upgrades, { _id: 'u1' }, { $set: { next: 'r2' } })).toBe(true);
    await later.stamp(database);
    await expect(
      earlier.update(database.upgrades, { _id: 'u1' }, { $set: { next: 'r3' } }),
    ).rejects.toMatchObject({
      code: 'LEASE_LOST',
    });
    expect(await earlier.remove(database.upgrades, 'u1')).toBe(false);
    expect(await database.upgrades.findOne({ _id: 'u1' })).toMatchObject({ next: 'r2', epoch: 2 });
    expect(
      await later.update(database.upgrades, { _id: 'u1', state: 'stopped' }, { $set: { next: 'r4' } }),
    ).toBe(false);
  });

  function upgrade(id: string, epoch: number) {
    return {
      _id: id,
      kind: 'shadow' as const,
      change: {},
      base: 'r1',
      next: null,
      state: 'starting' as const,
      running: true,
      createdAt: new Date(0),
      epoch,
    };
  }
});
