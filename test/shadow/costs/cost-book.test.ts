import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ArmName } from '../../../common/index.js';
import { CostBook } from '../../../shadow/costs/cost-book.js';
import { noLean, weighLean } from '../../../common/index.js';
import { sideOf, SIDE_CHANCE } from '../../../shadow/costs/side.js';
import { Quantiles } from '../../../shadow/costs/quantiles.js';

const ARMS: readonly ArmName[] = ['old-a', 'old-b', 'new-a', 'new-b'];

/** Numbers from 0 to 1 that are the same in every run. */
function randomness(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('the test of who costs more', () => {
  it('is fair: what it may win and lose weigh each other up, whatever was seen', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(SIDE_CHANCE, 1 / 2),
        fc.array(fc.boolean(), { maxLength: 50 }),
        (chance, seen) => {
          const lean = seen.reduce(weighLean, noLean(chance));
          const growth = (win: boolean): number => Math.exp(weighLean(lean, win).log - lean.log);
          expect(chance * growth(true) + (1 - chance) * growth(false)).toBeCloseTo(1, 9);
        },
      ),
    );
  });

  it('reaches its goal by chance at most as often as it says', () => {
    const random = randomness(7);
    let told = 0;
    for (let run = 0; run < 2000; run += 1) {
      let lean = noLean(SIDE_CHANCE);
      for (let n = 0; n < 200 && lean.log < Math.log(20); n += 1) {
        const values = [random(), random(), random(), random()];
        lean = weighLean(lean, sideOf(values.slice(0, 2), values.slice(2)) === 'more');
      }
      if (lean.log >= Math.log(20)) told += 1;
    }
    expect(told / 2000).toBeLessThan(0.05);
  });

  it('tells a plain change within a handful', () => {
    let lean = noLean(SIDE_CHANCE);
    for (let n = 0; n < 5; n += 1) lean = weighLean(lean, true);
    expect(lean.log).toBeGreaterThan(Math.log(40));
  });
});

describe('quantiles', () => {
  it('are within a step of the true ones, between the ends of their interval', () => {
    const quantiles = new Quantiles();
    for (let n = 1; n <= 1000; n += 1) quantiles.add(n);
    for (const q of [0.5, 0.95, 0.99]) {
      const { value, low, high } = quantiles.read(q);
      expect(Math.abs(value / (q * 1000) - 1)).toBeLessThan(0.02);
      expect(low).toBeLessThan(q * 1000);
      expect(high).toBeGreaterThan(q * 1000);
    }
    expect(new Quantiles().read(0.5).value).toBe(0);
  });
});

describe('what the arms cost', () => {
  /** `factor`: of the new arms' times; `own`: of each arm's, all the time. */
  function book(exchanges: number, factor: number, own: readonly number[], tail = 1): CostBook {
    const costs = new CostBook(ARMS);
    const random = randomness(3);
    const cpu = [0, 0, 0, 0];
    costs.taken(
      cpu.map((cpuMs) => ({ cpuMs, rssBytes: 1 })),
      0,
    );
    for (let n = 0; n < exchanges; n += 1) {
      const took = own.map((mine, i) => {
        const isSlow = random() < 0.1;
        const slow = isSlow ? 5 * (i > 1 ? tail : 1) : 1;
        return 10 * (1 + random()) * mine * slow * (i > 1 ? factor : 1);
      });
      costs.answered(took);
      for (const [i, ms] of took.entries()) cpu[i]! += Math.round(ms);
      costs.taken(
        cpu.map((cpuMs, i) => ({ cpuMs, rssBytes: 100 * (i + 1) - (n === 0 ? 0 : 50) })),
        1,
      );
    }
    return costs;
  }

  it('is told where the new release takes more, or less, by time and by CPU', () => {
    const more = book(2000, 1.5, [1, 1, 1, 1]).read(0.05)!;
    expect(more.latencyMs.typical).toMatchObject({ told: 'more' });
    expect(more.latencyMs.typical.confidence).toBeGreaterThan(0.999);
    expect(more.cpuMs).toMatchObject({ told: 'more' });
    expect(more.cpuMs.new / more.cpuMs.old).toBeGreaterThan(1.3);
    expect(more.exchanges).toBe(2000);
    expect(book(2000, 0.6, [1, 1, 1, 1]).read(0.05)).toMatchObject({
      latencyMs: { typical: { told: 'less' } },
      cpuMs: { told: 'less' },
    });
  });

  it('is not told where nothing changed, nor where copies of one release are as far apart', () => {
    const untold = { told: 'untold', confidence: 0 };
    expect(book(1000, 1, [1, 1, 1, 1]).read(0.05)).toMatchObject({
      latencyMs: { typical: untold, tail: untold },
      cpuMs: untold,
    });
    // Old-a happens to be fast for good: both new ones are slower than both old ones as often as not.
    expect(book(1000, 1.2, [0.7, 1, 1, 1]).read(0.05)).toMatchObject({ latencyMs: { typical: untold } });
  });

  it('is told of the tail alone where only that is slower', () => {
    const { latencyMs } = book(2000, 1, [1, 1, 1, 1], 8).read(0.05)!;
    expect(latencyMs.tail.told).toBe('more');
    expect(latencyMs.typical.told).toBe('untold');
    expect(latencyMs.new.p99.low).toBeGreaterThan(latencyMs.old.p99.high);
  });

  it('remembers how much memory was taken at most, and leaves out what an arm that began anew took', () => {
    const costs = book(10, 1, [1, 1, 1, 1]);
    const before = costs.read(0.05)!;
    expect(before.memory[3]).toEqual({ arm: 'new-b', rssBytes: 350, peakBytes: 400 });
    costs.taken(
      ARMS.map(() => ({ cpuMs: 0, rssBytes: 1 })),
      1,
    );
    expect(costs.read(0.05)!.cpuMs).toEqual(before.cpuMs);
  });

  it('is nothing before the first answer, and is never told with one arm a release', () => {
    expect(new CostBook(ARMS).read(0.05)).toBeUndefined();
    const single = new CostBook(['old-a', 'new-a']);
    for (let n = 0; n < 200; n += 1) single.answered([1, 100]);
    expect(single.read(0.05)!.latencyMs.typical.told).toBe('untold');
  });
});
