import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { charge, newContest } from '../../../cluster-agent/sizing/forecast/contest.js';
import {
  chooseSize,
  expectWork,
  newForecaster,
  observeWork,
  reprice,
} from '../../../cluster-agent/sizing/forecast/forecaster.js';
import { chooseNodes } from '../../../cluster-agent/sizing/forecast/newsvendor.js';
import {
  follow,
  NO_SIGNALS,
  scaleSignals,
  type Signals,
} from '../../../cluster-agent/sizing/forecast/signals.js';
import { learn, NO_RESIDUALS, tails } from '../../../cluster-agent/sizing/forecast/residuals.js';

const residuals = fc.array(fc.double({ min: -5, max: 50, noNaN: true }), { minLength: 1, maxLength: 300 });

describe('residuals', () => {
  it('have a tail that falls, and that no seen share is above', () => {
    fc.assert(
      fc.property(
        residuals,
        fc.array(fc.double({ min: -1, max: 100, noNaN: true }), { minLength: 2 }),
        (seen, some) => {
          const known = learn(NO_RESIDUALS, seen, 1);
          const margins = [...some].sort((a, b) => a - b);
          const shares = tails(known, margins, 1);
          for (const [i, share] of shares.entries()) {
            if (i > 0) expect(share).toBeLessThanOrEqual(shares[i - 1]! + 1e-12);
            const truly = seen.filter((value) => value > margins[i]!).length;
            expect(share * (seen.length + 60)).toBeGreaterThanOrEqual(truly - 1e-6);
          }
        },
      ),
    );
  });

  it('forget', () => {
    const storm = learn(NO_RESIDUALS, new Array<number>(60).fill(10), 1);
    let calm = storm;
    for (let i = 0; i < 200; i += 1) calm = learn(calm, new Array<number>(60).fill(-1), 0.95);
    expect(tails(calm, [5], 1)[0]!).toBeLessThan(tails(storm, [5], 1)[0]! / 50);
  });
});

describe('signals', () => {
  it('of other work are those that other work leaves', () => {
    const works = fc.array(
      fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { minLength: 3, maxLength: 9 }),
      {
        minLength: 1,
        maxLength: 14,
      },
    );
    fc.assert(
      fc.property(works, fc.double({ min: 0, max: 10, noNaN: true }), (ticks, factor) => {
        const after = (of: number): Signals =>
          ticks.reduce(
            (known, seconds, i) =>
              follow(
                known,
                seconds.map((work) => work * of),
                i * 9000,
              ),
            NO_SIGNALS,
          );
        const [told, truly] = [scaleSignals(after(1), factor), after(factor)];
        for (const key of Object.keys(truly) as (keyof Signals)[])
          for (const [i, value] of [truly[key]].flat().entries())
            expect([told[key]].flat()[i]).toBeCloseTo(value, 5);
      }),
      { numRuns: 50 },
    );
  });
});

describe('the number of nodes', () => {
  it('costs as little as any other would', () => {
    fc.assert(
      fc.property(
        residuals,
        fc.double({ min: 0, max: 40, noNaN: true }),
        fc.double({ min: 1, max: 3000, noNaN: true }),
        fc.nat(30),
        (seen, work, shortPrice, have) => {
          const known = learn(NO_RESIDUALS, seen, 1);
          const offer = {
            forecast: { work, scale: 1 },
            residuals: known,
            priorUnit: 1,
            shortPrice,
            have,
            startSeconds: 10,
            seconds: 60,
            least: 1,
            most: 300,
          };
          const cost = (nodes: number): number =>
            nodes * 60 +
            Math.max(0, nodes - have) * 10 +
            shortPrice * 60 * tails(known, [nodes - work], 1)[0]!;
          const chosen = cost(chooseNodes(offer).nodes);
          for (let nodes = 1; nodes <= 300; nodes += 1)
            expect(chosen).toBeLessThanOrEqual(cost(nodes) + 1e-9);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('the contest of methods', () => {
  const run = (advantage: number, ticks: number): number => {
    let contest = newContest(2);
    for (let i = 0; i < ticks; i += 1) {
      const noise = Math.sin(i * 12.9898) * 60;
      contest = charge(contest, [500 + noise, 500 - advantage - noise], 0.9998);
    }
    return contest.trusted;
  };

  it('keeps the baseline where a challenger is no better for certain', () => {
    expect(run(0, 3000)).toBe(0);
    expect(run(40, 19)).toBe(0);
  });

  it('trusts the better one', () => expect(run(20, 3000)).toBe(1));

  it('goes back to the baseline when the trusted one cannot tell', () => {
    const better = { trusted: 1, standings: newContest(2).standings };
    expect(charge(better, [500, undefined], 1).trusted).toBe(0);
  });
});

describe('a forecaster', () => {
  const feed = (load: (second: number) => number, ticks: number) => {
    let state = newForecaster();
    for (let tick = 1; tick <= ticks; tick += 1) {
      const seconds = Array.from({ length: 60 }, (_, i) => load((tick - 1) * 60 + i));
      state = reprice(observeWork(state, seconds, tick * 60_000), 0);
      state = chooseSize(
        state,
        { readyMs: 10_000, tickMs: 60_000 },
        { have: 1, least: 1, most: 100, extra: 0, waiting: 0 },
      ).state;
    }
    return state;
  };

  it('is plain data that does not grow', () => {
    const [some, more] = [feed((s) => 3 + Math.sin(s / 900), 200), feed((s) => 3 + Math.sin(s / 900), 400)];
    expect(JSON.parse(JSON.stringify(more))).toEqual(more);
    const size = (state: object): number => JSON.stringify(state).length;
    expect(size(more)).toBeLessThan(size(some) * 1.3);
    expect(more.pending.length).toBeLessThanOrEqual(3);
  });

  it('is the surer the calmer the load', () => {
    const calm = expectWork(
      feed(() => 5, 300),
      60_000,
      0.99,
    );
    const wild = expectWork(
      feed((s) => 5 + 3 * Math.sin(s / 40), 300),
      60_000,
      0.99,
    );
    expect(calm.upper).toBeLessThan(5.5);
    expect(wild.upper).toBeGreaterThan(calm.upper + 0.5);
  });

  it('charges a choice for what a short second leaves to the next ones', () => {
    const fresh = newForecaster();
    const choices = [2, 3, ...fresh.residuals.slice(2).map(() => null)];
    const window = { from: 0, to: 3000, seen: [], forecasts: choices.map(() => null), choices, extra: 0 };
    const { standings } = observeWork({ ...fresh, pending: [window] }, [5, 1, 1], 3000).contest;
    // Two nodes leave 3, 2 and 1 waiting; three leave 2, then nothing.
    expect(standings[1]!.sum).toBeCloseTo(3 * 2 - 3 * 3 + 2 * Math.exp(fresh.logPrice), 6);
  });

  it('trusts what follows a trend where the load has one', () => {
    const state = feed((s) => 20 + 15 * Math.sin(s / 250), 1500);
    expect(state.contest.trusted).not.toBe(0);
  });

  it('raises the price of a short second while too many are short, and lowers it again, within bounds', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3000 }), (shares) => {
        let state = newForecaster();
        for (const share of shares) {
          const next = reprice(state, share);
          expect(Math.abs(next.logPrice - Math.log(1000))).toBeLessThanOrEqual(Math.log(30) + 1e-9);
          if (share > 0.001 && state.logPrice < Math.log(29_000))
            expect(next.logPrice).toBeGreaterThan(state.logPrice);
          state = next;
        }
      }),
      { numRuns: 20 },
    );
  });
});
