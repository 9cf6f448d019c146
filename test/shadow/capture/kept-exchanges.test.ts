import fc from 'fast-check';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Exchange, OutboundCall } from '../../../common/index.js';
import { batchesOf } from '../../../shadow/attribute/rehearse-kept.js';
import { fixedBudget, partOf } from '../../../shadow/capture/disk-budget.js';
import { KeptExchanges, type Kept } from '../../../shadow/capture/kept-exchanges.js';

/** An exchange with a body of so many bytes; what else it has matters to nobody here. */
function exchange(index: number, bytes: number): Kept {
  const kept = {
    ...{
      id: String(index),
      target: '/',
      startedNs: BigInt(index),
      requestBody: new Uint8Array(bytes).fill(index),
    },
    ...{ responseBody: new Uint8Array(), requestHeaders: [], responseHeaders: [] },
  };
  return { kind: 'exchange', exchange: kept as unknown as Exchange, index };
}
const call: Kept = { kind: 'call', call: { exchangeId: '1', target: '/pay' } as OutboundCall };

describe('kept exchanges', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-kept-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('are a beginning without a gap of what was given, however often and while they are read, within the budget', () => {
    const sizes = fc.array(fc.nat(3000), { maxLength: 20 });
    fc.assert(
      fc.property(sizes, fc.nat(20_000), (given, budget) => {
        const kept = new KeptExchanges(join(dir, 'k'), fixedBudget(budget));
        try {
          const items = given.flatMap((bytes, n) => [call, exchange(n, bytes)]);
          for (const item of items) {
            const before = [...kept.read()];
            const reading = kept.read();
            kept.keep(item);
            expect([...reading].length - before.length).toBeLessThanOrEqual(1);
          }
          const found = [...kept.read()];
          expect(found).toEqual(items.slice(0, found.length));
          expect([...kept.read()]).toEqual(found);
          expect(kept.bytes).toBeLessThanOrEqual(budget);
          expect(kept.isFull).toBe(found.length < items.length);
          const last = found.findLast(({ kind }) => kind === 'exchange');
          expect(kept.lastIndex).toBe(last?.kind === 'exchange' ? last.index : -1);
        } finally {
          kept.close();
        }
      }),
      { numRuns: 15 },
    );
  });

  it('leave no file with a name, and cannot be read once they are closed', async () => {
    const kept = new KeptExchanges(join(dir, 'k'), fixedBudget(1e6));
    kept.keep(exchange(0, 10));
    expect(await readdir(dir)).toEqual([]);
    const reading = kept.read();
    kept.close();
    kept.close();
    expect([...reading]).toEqual([]);
    kept.keep(exchange(1, 10));
    expect(kept.bytes).toBe(0);
  });

  it('share a budget with what waits', () => {
    const whole = fixedBudget(1000);
    expect(partOf(whole, 0.25, () => 600)(0)).toBe(250);
    const free = (): number => 100;
    expect(
      partOf(
        (held) => (free() + held) / 2,
        0.5,
        () => 60,
      )(40),
    ).toBe(50);
  });

  it('come in batches: each exchange once and in order, after its calls, none beyond those asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3_000_000), { maxLength: 12 }), fc.nat(14), (sizes, requests) => {
        const items = sizes.flatMap((bytes, n) => [call, exchange(n, bytes)]);
        const batches = [...batchesOf(items, requests)];
        const flat = batches.flat();
        const exchanges = flat.filter(({ kind }) => kind === 'exchange');
        expect(exchanges).toEqual(items.filter((item) => item.kind === 'exchange' && item.index < requests));
        expect(flat.filter(({ kind }) => kind === 'call').length).toBeGreaterThanOrEqual(exchanges.length);
        for (const batch of batches) expect(batch.some(({ kind }) => kind === 'exchange')).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});
