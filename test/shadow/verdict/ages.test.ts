import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Four, Observation } from '../../../shadow/compare/observation.js';
import { decide } from '../../../shadow/verdict/decide.js';
import type { Span } from '../../../shadow/verdict/ages.js';
import { Tallies } from '../../../shadow/verdict/tallies.js';

const SKEW_MS = 200;

/** What is decided, or nearly, of numbers shown one after the other, with no farther than `SKEW_MS` between the arms' moments. */
function decided(
  rows: readonly Four<number>[],
  liveAgrees: boolean | undefined,
  spans: readonly Four<Span>[] = [],
): string[] {
  const tallies = new Tallies(true);
  rows.forEach((row, request) => {
    const raw = row.map(String);
    const place = { where: 'body:$.n', general: 'body:$.n', inner: '' };
    const observation: Observation = {
      place,
      feature: 'value',
      labels: raw as unknown as Four<string>,
      liveAgrees,
      kind: 'changed',
      old: '',
      new: '',
      raw,
    };
    const seer = { request, exchange: 'x', method: 'GET', target: '/', endpoint: 'GET /' };
    if (new Set(raw).size > 1) tallies.add(observation, seer, SKEW_MS, spans[request]);
  });
  return decide(tallies.all(), new Map([['GET /', rows.length]]), 0.05)
    .filter(({ decided }) => decided !== 'noise')
    .map((decision) => decision.tally.feature);
}

const plus = (base: Four<number>, more: number): Four<number> =>
  base.map((number) => number + more) as unknown as Four<number>;

/** How long an exchange takes an arm at most, ms, and how late in it a clock is read. */
const LATEST_MS = 4;
const late = fc.integer({ min: 0, max: LATEST_MS });

/** When an arm took the moment that it counts from: seldom much later than the others. */
const base = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 40 }));

describe('ages', () => {
  it('are not told for a difference, whatever the moments were from which they are counted', () => {
    // Two things, each shown again and again: what they are counted from was taken by each arm once.
    const [first, second]: [Four<number>, Four<number>] = [
      [3, 3, 4, 4],
      [12, 12, 17, 17],
    ];
    const rows = [0, 900, 1810, 2500, 3300].flatMap((ms) => [plus(first, ms), plus(second, ms)]);
    expect(decided(rows, false)).toEqual([]);
  });

  it('are known among any moments, once they were shown again much later', () => {
    const moment = fc.integer({ min: 0, max: SKEW_MS });
    const growth = fc.array(fc.integer({ min: 8 * SKEW_MS, max: 100_000 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.tuple(moment, moment, moment, moment), growth, (moments, steps) => {
        let at = 0;
        const rows = [moments, ...steps.map((step) => plus(moments, (at += step)))];
        expect(decided(rows, false)).toEqual([]);
      }),
    );
  });

  it('are bet on once, however little later they are shown again', () => {
    const step = fc.record({
      after: fc.integer({ min: 1, max: 60 }),
      late: fc.tuple(late, late, late, late),
    });
    let told = 0;
    fc.assert(
      fc.property(
        fc.tuple(base, base, base, base),
        fc.array(step, { minLength: 12, maxLength: 12 }),
        (began, steps) => {
          let at = 1000;
          const showings = steps.map(({ after, late }) => {
            at += after;
            const spans = began.map(() => ({ from: at, to: at + LATEST_MS }));
            const numbers = began.map((from, side) => at + late[side]! - from);
            return [numbers, spans] as unknown as [Four<number>, Four<Span>];
          });
          const features = decided(
            showings.map(([numbers]) => numbers),
            false,
            showings.map(([, spans]) => spans),
          );
          told += features.length;
        },
      ),
      { numRuns: 300, seed: 7 },
    );
    expect(told).toBe(0);
  });

  it('are not what live shows like the old release, or what live cannot be asked: a count that is off', () => {
    const rows = [100, 150, 200, 250].map((count) => plus([0, 0, 1, 1], count));
    expect(decided(rows, true)).toEqual(['value']);
    expect(decided(rows, undefined)).toEqual(['value']);
  });

  it('are not numbers that do not grow alike, or farther apart than the moments', () => {
    expect(
      decided(
        [0, 1, 0, 1, 0].map((n) => plus([5, 5, 6, 6], n)),
        false,
      ),
    ).toEqual(['value']);
    expect(
      decided(
        [0, 1, 2, 3, 4].map((n) => plus([5, 5, 400, 400], 900 * n)),
        false,
      ),
    ).toEqual(['value']);
  });
});
