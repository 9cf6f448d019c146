import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MIXES } from '../../../bench/sizing/mixes.js';
import {
  chooseGrouping,
  NO_GROUPING,
  type GroupingChoice,
  type GroupingConfig,
  type GroupingSight,
  type GroupingState,
} from '../../../cluster-agent/sizing/grouping-choice.js';
import { workOf } from '../../../cluster-agent/sizing/wait-model.js';
import type { MeasuredLoad } from '../../../cluster-agent/sizing/loads.js';

const AUTO: GroupingConfig = { mode: 'auto', least: 1, most: 64, fixed: false };

/** Loads of a mix, of which all wait so many times as long as they may. */
const waiting = (mix: (typeof MIXES)[number], times: number): MeasuredLoad[] =>
  mix.loads.map((load) => ({ ...load, waited: (load.target! - load.mean) * times }));

function sightOf(loads: readonly MeasuredLoad[], more: Partial<GroupingSight> = {}): GroupingSight {
  const work = loads.reduce((sum, load) => sum + workOf(load), 0);
  const forecast = Math.ceil(work) + 1;
  return { loads, work, forecast, decided: forecast, ...more };
}

/** Ticks until it changes; undefined: it never does. */
function ticksToChange(
  sight: (tick: number) => GroupingSight,
  config: GroupingConfig,
  most: number,
  from: GroupingState = NO_GROUPING,
): { readonly ticks: number | undefined; readonly last: GroupingChoice } {
  let state = from;
  for (let tick = 1; ; tick += 1) {
    const last = chooseGrouping(state, sight(tick), config);
    state = last.state;
    if (last.isNew) return { ticks: tick, last };
    if (tick === most) return { ticks: undefined, last };
  }
}

describe('grouping a cluster', () => {
  it.each(MIXES)('$name: is not done while every endpoint keeps its target without', (mix) => {
    const { ticks, last } = ticksToChange(() => sightOf(waiting(mix, 0.9)), AUTO, 500);
    expect(ticks).toBeUndefined();
    expect(last).toMatchObject({ nodes: 0, state: { groups: [] } });
  });

  it.each(MIXES)('$name: is done within minutes where some wait too long, and costs fewer nodes', (mix) => {
    const { ticks, last } = ticksToChange(() => sightOf(waiting(mix, 3)), AUTO, 60);
    expect(ticks).toBeGreaterThan(1);
    expect(last.state.groups.length).toBeGreaterThan(1);
    expect(last.nodes).toBe(last.state.groups.reduce((sum, { nodes }) => sum + nodes, 0));
    // Once the targets are kept, it stays.
    const kept = sightOf(waiting(mix, 0.5), { decided: last.nodes });
    expect(ticksToChange(() => kept, AUTO, 500, last.state).ticks).toBeUndefined();
  });

  it('is undone when the long ones are gone', () => {
    const mix = MIXES[0]!;
    const { last } = ticksToChange(() => sightOf(waiting(mix, 3)), AUTO, 60);
    const alike = waiting(mix, 0.5).map((load) => ({ ...load, mean: 50, square: 5000, target: 100 }));
    const { ticks, last: after } = ticksToChange(() => sightOf(alike), AUTO, 200, last.state);
    expect(ticks).toBeDefined();
    expect(after.state.groups.length).toBeLessThan(last.state.groups.length);
  });

  it('waits as long as its own noise demands: what is by chance changes nothing', () => {
    const mix = MIXES[0]!;
    fc.assert(
      fc.property(fc.infiniteStream(fc.boolean()), (coin) => {
        // Which of both is cheaper goes back and forth by many nodes.
        const sight = (): GroupingSight => {
          const { value } = coin.next() as { value: boolean };
          return value
            ? sightOf(waiting(mix, 3))
            : sightOf(waiting(mix, 0.1), { decided: 6, forecast: 6, work: 1 });
        };
        const first = Array.from({ length: 12 }, sight);
        fc.pre(first.filter(({ decided }) => decided === 6).length >= 5);
        const early = ticksToChange((tick) => first[tick - 1]!, AUTO, 3);
        const steady = ticksToChange(() => sightOf(waiting(mix, 3)), AUTO, 60);
        expect(early.ticks ?? Infinity).toBeGreaterThanOrEqual(Math.min(3, steady.ticks!));
      }),
      { numRuns: 50 },
    );
  });

  it('by the config: off at once, on at once', () => {
    const mix = MIXES[0]!;
    const on = chooseGrouping(NO_GROUPING, sightOf(waiting(mix, 0)), { ...AUTO, mode: 'on' });
    expect(on).toMatchObject({ isNew: true });
    expect(on.state.groups.length).toBeGreaterThan(1);
    const off = chooseGrouping(on.state, sightOf(waiting(mix, 3)), { ...AUTO, mode: 'off' });
    expect(off).toMatchObject({ isNew: true, nodes: 0, state: { groups: [] } });
  });

  it('with a fixed number of nodes is only for targets that are missed without', () => {
    const loads = (times: number): MeasuredLoad[] =>
      waiting(
        {
          name: 'small',
          loads: [
            { endpoint: 'page', rate: 40, mean: 10, square: 120, target: 20 },
            { endpoint: 'report', rate: 1.5, mean: 300, square: 100_000, target: 600 },
          ],
        },
        times,
      );
    const fixed: GroupingConfig = { mode: 'auto', least: 2, most: 4, fixed: true };
    const sight = (times: number): GroupingSight => sightOf(loads(times), { decided: 4 });
    expect(ticksToChange(() => sight(0.9), fixed, 300).ticks).toBeUndefined();
    expect(ticksToChange(() => sight(2), fixed, 60).last.state.groups).toMatchObject([
      { endpoints: ['page'], nodes: 2 },
      { endpoints: ['report'], nodes: 2 },
    ]);
    // Three nodes are too few for two groups of two.
    expect(ticksToChange(() => sight(2), { ...fixed, most: 3 }, 300).ticks).toBeUndefined();
  });

  it('gives every endpoint one group whatever comes, and remembers only finite figures', () => {
    const figure = fc.oneof(
      fc.double({ min: 0, max: 1000, noNaN: true }),
      fc.constantFrom(0, NaN, Infinity, -1, 1e12),
    );
    const load = fc.record({
      rate: figure,
      mean: figure,
      square: figure,
      target: fc.option(figure, { nil: undefined }),
      waited: fc.double({ min: 0, max: 1e6, noNaN: true }),
    });
    const tick = fc.record({
      loads: fc.array(load, { maxLength: 6 }),
      work: fc.double({ min: 0, max: 200, noNaN: true }),
      forecast: fc.integer({ min: 1, max: 300 }),
      decided: fc.integer({ min: 1, max: 300 }),
      mode: fc.constantFrom<GroupingConfig['mode']>('auto', 'on', 'off'),
      fixed: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(tick, { minLength: 1, maxLength: 20 }), (ticks) => {
        let state = NO_GROUPING;
        for (const { loads, mode, fixed, ...sight } of ticks) {
          const named = loads.map((one, i) => ({ ...one, endpoint: `e${i}` }));
          const choice = chooseGrouping(state, { ...sight, loads: named }, { ...AUTO, mode, fixed });
          state = choice.state;
          const names = state.groups.flatMap(({ endpoints }) => endpoints);
          expect(new Set(names).size).toBe(names.length);
          expect(state.groups.length).not.toBe(1);
          for (const { nodes } of state.groups) expect(nodes).toBeGreaterThanOrEqual(1);
          expect([state.log, state.noise, state.shared, state.gain ?? 0].every(Number.isFinite)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});
