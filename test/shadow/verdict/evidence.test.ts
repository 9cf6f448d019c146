import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Four } from '../../../shadow/compare/observation.js';
import { chanceOfCoincidence, exchangesUntil, NO_EVIDENCE, weigh } from '../../../shadow/verdict/evidence.js';
import { partitionOf } from '../../../shadow/compare/partition.js';
import { random as seeded } from '../support/random.js';

const ALPHA = 0.05;

function draw(random: () => number, values: number): Four<string> {
  const one = (): string => String(Math.floor(random() * values));
  return [one(), one(), one(), one()];
}

describe('the betting test', () => {
  it('is fair: over all ways to deal the same values to the arms, the mean payout is 1', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(...[0, 1, 2, 3].map(() => fc.nat(3))), { maxLength: 12 }),
        fc.tuple(...[0, 1, 2, 3].map(() => fc.nat(3))),
        (history, next) => {
          const evidence = history.reduce(
            (sum, values) => weigh(sum, partitionOf(values.map(String) as unknown as Four<string>)),
            NO_EVIDENCE,
          );
          const payouts = permutations(next.map(String)).map((labels) =>
            Math.exp(weigh(evidence, partitionOf(labels as unknown as Four<string>)).log - evidence.log),
          );
          const mean = payouts.reduce((total, payout) => total + payout, 0) / payouts.length;
          expect(mean).toBeCloseTo(1, 9);
        },
      ),
    );
  });

  it('raises a false alarm in at most alpha of A/A runs, looked at after every exchange', () => {
    const random = seeded(7);
    const runs = 2000;
    let alarms = 0;
    for (let run = 0; run < runs; run += 1) {
      let evidence = NO_EVIDENCE;
      const values = 2 + (run % 5);
      for (let n = 0; n < 200; n += 1) {
        evidence = weigh(evidence, partitionOf(draw(random, values)));
        if (evidence.log < Math.log(1 / ALPHA)) continue;
        alarms += 1;
        break;
      }
    }
    expect(alarms / runs).toBeLessThanOrEqual(ALPHA);
  });

  it('finds a change behind noise, and says about how long that takes', () => {
    const random = seeded(11);
    let evidence = NO_EVIDENCE;
    let n = 0;
    for (; n < 500 && evidence.log < Math.log(1000); n += 1) {
      const noise = (value: string): string => (random() < 0.2 ? 'noise' : value);
      evidence = weigh(evidence, partitionOf([noise('a'), noise('a'), noise('b'), noise('b')]));
    }
    expect(evidence.log).toBeGreaterThanOrEqual(Math.log(1000));
    expect(exchangesUntil(evidence.log, evidence.log * 2, n)).toBeGreaterThan(0);
    expect(exchangesUntil(NO_EVIDENCE.log, 3, 10)).toBeUndefined();
  });
});

describe('chance of coincidence', () => {
  it('is a probability that falls with the changes seen and rises with the noise', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.nat(20),
        fc.integer({ min: 20, max: 500 }),
        (c, d, of) => {
          const chance = chanceOfCoincidence(c, d, of);
          expect(chance).toBeGreaterThanOrEqual(0);
          expect(chance).toBeLessThanOrEqual(1);
          expect(chanceOfCoincidence(c + 1, d, of)).toBeLessThanOrEqual(chance);
          expect(chanceOfCoincidence(c, d + 5, of)).toBeGreaterThanOrEqual(chance);
        },
      ),
    );
  });
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, i) =>
    permutations([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [item, ...rest]),
  );
}
