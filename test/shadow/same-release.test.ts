import { describe, expect, it } from 'vitest';
import { rehearse, type Delay } from './support/rehearsal.js';
import { sessionShop, shopVisits } from './support/session-shop.js';

/** How late the arms and live are: on an idle machine, a busy one, and one that stands still now and then. */
const MACHINES: Readonly<Record<string, Delay>> = {
  idle: (next) => (next() < 0.1 ? next() * 3 : next() * 0.6),
  busy: (next) => (next() < 0.15 ? next() * 40 : next() * 2),
  halting: (next) => (next() < 0.03 ? next() * 2500 : next() * 3),
};

const SEEDS = process.env.DHARMA_ALL_SEEDS === '1' ? 300 : 5;

describe.each(Object.entries(MACHINES))('the same release twice, on a machine that is %s', (_, delay) => {
  it.each([
    ['2x2', false],
    ['2x2', true],
    ['1x1', false],
    ['1x1', true],
  ] as const)('is identical (%s, determinism %s)', (arms, determinism) => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const rehearsal = { seed, old: sessionShop, fresh: sessionShop, asks: shopVisits, delay };
      const { verdict, because, differing } = rehearse({ ...rehearsal, arms, determinism });
      expect([verdict, because, differing], `seed ${seed}`).toMatchObject([
        'identical',
        expect.anything(),
        [],
      ]);
    }
  });
});
