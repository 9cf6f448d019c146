import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  expectCrons,
  learnCrons,
  NO_CRON_COSTS,
  type CronCosts,
  type CronStart,
} from '../../../cluster-agent/sizing/cron-cost.js';

const TICK = 60;

/** What is known after a day of `work` (by second), in ticks, with these starts (s). */
function learned(
  seconds: number,
  work: (second: number) => number,
  starts: readonly [string, number][],
): CronCosts {
  let costs = NO_CRON_COSTS;
  for (let end = TICK; end <= seconds; end += TICK) {
    const tick = Array.from({ length: TICK }, (_, i) => work(end - TICK + i));
    const begun = starts
      .filter(([, at]) => at >= end - TICK && at < end)
      .map(([name, at]): CronStart => ({ name, at: at * 1000 }));
    costs = learnCrons(costs, { work: tick, at: end * 1000, starts: begun });
  }
  return costs;
}

/** A second's jitter that repeats. */
const jitter = (second: number): number => 0.2 * Math.sin(second * 12.9898);
const hours = (from: number, to: number, name = 'report'): [string, number][] =>
  Array.from({ length: to - from }, (_, i) => [name, (from + i) * 3600]);

describe('what announced runs cost', () => {
  it('is the work over the ordinary, slice by slice, as long as the run takes', () => {
    const costs = learned(
      6 * 3600,
      (s) => 5 + jitter(s) + (s >= 3600 && s % 3600 < 180 ? 4 : 0),
      hours(1, 6),
    );
    const runs = expectCrons(costs, [{ name: 'report', at: 1e9 }]);
    expect([runs[0]!.from, runs.at(-1)!.to]).toEqual([1e9, 1e9 + 180_000]);
    for (const { work } of runs) expect(Math.abs(work - 4)).toBeLessThan(0.3);
    expect(expectCrons(costs, [{ name: 'unknown', at: 1e9 }])).toEqual([]);
  });

  it('is the larger, when runs differ', () => {
    const costs = learned(
      11 * 3600,
      (s) => 5 + jitter(s) + (s >= 3600 && s % 3600 < 60 ? (Math.floor(s / 3600) % 3 === 0 ? 8 : 2) : 0),
      hours(1, 11),
    );
    expect(Math.abs(expectCrons(costs, [{ name: 'report', at: 0 }])[0]!.work - 8)).toBeLessThan(0.4);
  });

  it('follows an app whose runs became cheap', () => {
    const costs = learned(
      30 * 3600,
      (s) => 5 + jitter(s) + (s >= 3600 && s % 3600 < 60 ? (s < 10 * 3600 ? 8 : 2) : 0),
      hours(1, 30),
    );
    expect(expectCrons(costs, [{ name: 'report', at: 0 }])[0]!.work).toBeLessThan(2.5);
  });

  it('is told apart from the ordinary having changed for good', () => {
    // Twice the visitors from the fourth hour on, just when a run begins that costs nothing.
    const costs = learned(12 * 3600, (s) => (s < 4 * 3600 ? 5 : 10) + jitter(s), hours(1, 12));
    expect(expectCrons(costs, [{ name: 'report', at: 0 }])).toEqual([]);
  });

  it('does not take all that there is for a run that begins with the watching', () => {
    const costs = learned(6 * 3600, (s) => 5 + jitter(s) + (s % 3600 < 180 ? 4 : 0), hours(0, 6));
    const runs = expectCrons(costs, [{ name: 'report', at: 0 }]);
    expect(runs).toHaveLength(12);
    for (const { work } of runs) expect(Math.abs(work - 4)).toBeLessThan(0.4);
  });

  it('is one for runs that begin together, and the sum where that was never seen', () => {
    const apart: [string, number][] = [
      ...hours(1, 5, 'a'),
      ...hours(1, 5, 'b').map(([n, at]): [string, number] => [n, at + 1800]),
    ];
    const work = (s: number): number => {
      const inHour = s % 3600;
      return 5 + jitter(s) + (s < 3600 ? 0 : inHour < 60 ? 2 : inHour >= 1800 && inHour < 1860 ? 3 : 0);
    };
    const both = [
      { name: 'a', at: 0 },
      { name: 'b', at: 0 },
    ];
    const sum = expectCrons(learned(5 * 3600, work, apart), both)
      .filter(({ from }) => from === 0)
      .reduce((total, run) => total + run.work, 0);
    expect(Math.abs(sum - 5)).toBeLessThan(0.5);
    const joint: [string, number][] = [...hours(1, 5, 'a'), ...hours(1, 5, 'b')];
    const together = learned(5 * 3600, (s) => 5 + jitter(s) + (s >= 3600 && s % 3600 < 60 ? 6 : 0), joint);
    expect(Math.abs(expectCrons(together, both)[0]!.work - 6)).toBeLessThan(0.4);
  });

  it('of a run that is under way for the first time is what it has taken, and that it goes on', () => {
    const costs = learned(3600 + 120, (s) => 5 + jitter(s) + (s >= 3600 ? 4 : 0), hours(1, 2));
    const runs = expectCrons(costs, [{ name: 'report', at: 3600_000 }]);
    expect(runs[0]!.from).toBe(3600_000);
    expect(runs.at(-1)!.to).toBeGreaterThan(3720_000);
    for (const { work } of runs) expect(Math.abs(work - 4)).toBeLessThan(0.3);
  });

  it('stays plain, finite and bounded, whatever comes', () => {
    const tick = fc.record({
      work: fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 90 }),
      starts: fc.array(
        fc.record({
          name: fc.constantFrom('a', 'b', 'toString'),
          at: fc.integer({ min: -1000, max: 100_000 }),
        }),
        { maxLength: 4 },
      ),
      gap: fc.integer({ min: -5, max: 120 }),
    });
    fc.assert(
      fc.property(fc.array(tick, { maxLength: 60 }), (ticks) => {
        let [costs, at] = [NO_CRON_COSTS, 0];
        for (const { work, starts, gap } of ticks) {
          at += gap * 1000;
          const near = starts.map((start) => ({ ...start, at: at + start.at - 50_000 }));
          costs = learnCrons(costs, { work, at, starts: near });
          for (const run of expectCrons(costs, near)) expect(run.work > 0 && run.to > run.from).toBe(true);
        }
        expect(JSON.parse(JSON.stringify(costs))).toEqual(costs);
        for (const runs of Object.values(costs.runs)) {
          expect(runs.length).toBeLessThanOrEqual(12);
          expect(runs.flat().every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});
