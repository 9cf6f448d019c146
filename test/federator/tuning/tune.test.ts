import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NONE, POOR, SPACE, TRADE_OFF, USUAL } from '../../../bench/tuning/effects.js';
import { leastLoss, run, type WorldOptions } from '../../../bench/tuning/world.js';
import { pin, turnOff, turnOn, undo, unpin } from '../../../federator/tuning/orders.js';
import { isWithin, samePoint, type Point } from '../../../federator/tuning/point.js';
import { learned, newSearch, nextChallenger } from '../../../federator/tuning/search.js';
import {
  isDue,
  newTuning,
  without,
  type TunedCluster,
  type TuningSight,
  type TuningState,
} from '../../../federator/tuning/state.js';
import { tune } from '../../../federator/tuning/tune.js';

const WORLD: Omit<WorldOptions, 'clusters' | 'effect' | 'seed'> = {
  space: SPACE,
  alpha: 0.05,
  costWeight: 0.5,
  noise: 0.05,
  memorySeconds: 900,
  hours: 24,
};
const two = (blue: Point, green: Point, slower = 0): WorldOptions['clusters'] => [
  { name: 'blue', point: blue },
  { name: 'green', point: green, slower },
];
const kinds = (options: WorldOptions): string[] => run(options).steps.map(({ kind }) => kind);

describe('tuning, simulated', () => {
  it('takes no config for better where none is, even of machines that differ and noise that lasts', () => {
    let moved = 0;
    for (let seed = 0; seed < 24; seed += 1)
      if (kinds({ ...WORLD, clusters: two(POOR, USUAL, 0.3), effect: NONE, seed }).includes('taken'))
        moved += 1;
    // At 5% or less, five of 24 come once in two hundred times.
    expect(moved).toBeLessThan(5);
  });

  it('takes the better of two configs within hours, and goes on to better ones', () => {
    const least = leastLoss({ ...WORLD, effect: TRADE_OFF });
    for (let seed = 0; seed < 3; seed += 1) {
      const { steps, state } = run({ ...WORLD, clusters: two(POOR, USUAL), effect: TRADE_OFF, seed });
      const first = steps.find(({ kind }) => kind === 'taken')!;
      expect(first.at).toBeLessThan(6 * 3_600_000);
      expect(first.what).toContain('waitMultiplier 16 → 2');
      const { cost, wait } = TRADE_OFF(state.search!.best);
      expect((Math.log(cost) + Math.log(wait)) / 2 - least).toBeLessThan(0.05);
    }
  });

  it('says with each step what it brings', () => {
    const { steps } = run({ ...WORLD, clusters: two(POOR, USUAL), effect: TRADE_OFF, seed: 1 });
    for (const { kind, because } of steps.filter(({ kind }) => kind === 'taken' || kind === 'dropped'))
      expect(because, kind).toMatch(
        /better in \d+ of \d+ comparisons: .*cost per request [+-].*time to answer/,
      );
  });
});

const CLUSTERS: readonly TunedCluster[] = ['blue', 'green', 'red'].map((name, i) => ({
  name,
  point: i === 0 ? USUAL : POOR,
  standing: 'converged',
  reconfigureMs: 60_000,
  readyMs: 0,
}));
const POLICY = { space: SPACE, alpha: 0.05, costWeight: 0.5 };

function sightOf(state: TuningState, now: number, clusters: readonly TunedCluster[]): TuningSight {
  const since = state.trial?.block.since;
  const samples = new Map(
    clusters.map(({ name }, i) => [
      name,
      { hourly: 1, errors: 0, endpoints: { e: { count: 10, sumMs: 100 + i + (now % 7) } } },
    ]),
  );
  return { now, release: 'r1', clusters, ...(since === undefined ? {} : { measured: { since, samples } }) };
}

const applied = (state: TuningState, clusters: readonly TunedCluster[]): TunedCluster[] =>
  clusters.map((cluster) =>
    isDue(state, cluster) ? { ...cluster, point: state.assigned[cluster.name]! } : cluster,
  );

/** On, and in its first trial. */
function begun(): { state: TuningState; clusters: readonly TunedCluster[] } {
  const { state } = tune(turnOn(newTuning('s'), 0).state, sightOf(newTuning('s'), 1, CLUSTERS), POLICY);
  expect(state.trial).toBeDefined();
  return { state, clusters: applied(state, CLUSTERS) };
}

describe('a decision', () => {
  it('keeps every config within the operator’s bounds, touches nothing pinned or busy, and goes on from what was written down', () => {
    const event = fc.oneof(
      { weight: 12, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(400_000) }) },
      fc.constant({ kind: 'busy' as const }),
      fc.constant({ kind: 'blind' as const }),
      fc.record({
        kind: fc.constantFrom('pin' as const, 'unpin' as const),
        which: fc.constantFrom('blue', 'green', 'red'),
      }),
      fc.record({
        kind: fc.constant('operator' as const),
        value: fc.double({ min: 1.2, max: 15, noNaN: true }),
      }),
      fc.constant({ kind: 'release' as const }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        let state = turnOn(newTuning('s'), 0).state;
        let clusters: readonly TunedCluster[] = CLUSTERS;
        let [now, release] = [1, 1];
        const assignedWhenPinned = new Map<string, unknown>();
        for (const one of events) {
          now += one.kind === 'pass' ? one.ms : 1000;
          if (one.kind === 'release') release += 1;
          if (one.kind === 'pin') {
            const isNew = !state.pinned.includes(one.which);
            state = pin(state, now, clusters, one.which).state;
            if (isNew) assignedWhenPinned.set(one.which, state.assigned[one.which]);
          }
          if (one.kind === 'unpin') state = unpin(state, now, one.which).state;
          if (one.kind === 'operator')
            clusters = clusters.map((cluster) =>
              cluster.name === 'green'
                ? { ...cluster, point: { ...cluster.point, waitMultiplier: one.value } }
                : cluster,
            );
          const { measured, ...sight } = sightOf(state, now, clusters);
          const before = state;
          state = tune(
            // As it comes back from the database.
            JSON.parse(JSON.stringify(state)) as TuningState,
            {
              ...sight,
              release: `r${release}`,
              ...(one.kind === 'busy' ? { busy: 'an upgrade is under way' } : {}),
              ...(one.kind === 'blind' || measured === undefined ? {} : { measured }),
            },
            POLICY,
          ).state;
          if (one.kind === 'busy') expect(state.assigned).toEqual(before.assigned);
          // While it holds, a trial stands as it was: it goes on with those who are left.
          if (state.hold === undefined)
            for (const name of state.pinned) expect(state.trial?.block.challenging ?? []).not.toContain(name);
          for (const name of state.pinned) expect(state.assigned[name]).toEqual(assignedWhenPinned.get(name));
          for (const name of state.tuned.filter((other) => !state.pinned.includes(other)))
            expect(isWithin(state.assigned[name]!, SPACE)).toBe(true);
          clusters = applied(state, clusters);
        }
      }),
    );
  });

  it('leaves alone what the operator wrote in the same moment, and begins anew from that', () => {
    const { state, clusters } = begun();
    const own = { waitMultiplier: 7, reconfigure: 90_000 };
    const changed = clusters.map((cluster) =>
      cluster.name === 'green' ? { ...cluster, point: own } : cluster,
    );
    expect(applied(state, changed)).toEqual(changed);
    const next = tune(state, sightOf(state, 2000, changed), POLICY);
    expect(next.steps[0]).toMatchObject({
      kind: 'began',
      because: 'the operator changed the config of green',
    });
    expect(next.state.search?.best).toEqual(own);
  });

  it('begins the block anew where nobody watched it', () => {
    const { state, clusters } = begun();
    const settled = tune(state, sightOf(state, 1e6, clusters), POLICY).state;
    expect(settled.trial?.block.phase).toBe('measuring');
    const blind = without(sightOf(settled, 9e6, clusters), 'measured');
    const again = tune(settled, blind, POLICY).state.trial!;
    expect(again).toMatchObject({ compared: 0, block: { since: 9e6, index: settled.trial!.block.index } });
  });

  it('drops a config that cannot be brought about, and one that fails requests, within the block', () => {
    const { state, clusters } = begun();
    const [challenging] = state.trial!.block.challenging;
    const failed = clusters.map((one) =>
      one.name === challenging ? { ...one, standing: 'failed' as const } : one,
    );
    const impossible = tune(state, sightOf(state, 2000, failed), POLICY);
    expect(impossible.steps[0]).toMatchObject({ kind: 'impossible' });
    expect(samePoint(impossible.state.assigned[challenging!]!, state.search!.best)).toBe(true);

    const measuring = tune(state, sightOf(state, 1e6, clusters), POLICY).state;
    const sight = sightOf(measuring, 1e6 + 1, clusters);
    const samples = new Map(sight.measured!.samples);
    for (const name of measuring.trial!.block.challenging)
      samples.set(name, { ...samples.get(name)!, errors: 40 });
    const { steps } = tune(measuring, { ...sight, measured: { since: 1e6, samples } }, POLICY);
    expect(steps[0]?.kind).toBe('dropped');
    expect(steps[0]?.because).toContain('fails more requests: 40 of 50');
  });

  it('says why it does nothing', () => {
    const { state } = begun();
    const [blue, ...others] = CLUSTERS;
    const fixed = others.map((one) => ({ ...one, notTuned: 'its number of nodes is fixed' }));
    expect(tune(state, sightOf(state, 2, [blue!, ...fixed]), POLICY).state.hold).toContain(
      'green: its number of nodes is fixed',
    );
    expect(tune(newTuning('s'), sightOf(state, 2, CLUSTERS), POLICY).state.hold).toContain('tuning is off');
  });
});

describe('what the operator orders', () => {
  it('off gives back the configs there were, or leaves the best', () => {
    const { state, clusters } = begun();
    expect(applied(turnOff(state, 2, clusters, true).state, clusters)).toEqual(CLUSTERS);
    const best = applied(turnOff(state, 2, clusters, false).state, clusters);
    expect(best.map(({ point }) => point)).toEqual(CLUSTERS.map(() => state.search!.best));
  });

  it('a pinned cluster gets back its own, and takes part again when it is no longer pinned', () => {
    const { state, clusters } = begun();
    const pinned = pin(state, 2, clusters, 'red').state;
    const after = applied(pinned, clusters);
    expect(after.find(({ name }) => name === 'red')?.point).toEqual(POOR);
    const next = tune(pinned, sightOf(pinned, 3000, after), POLICY).state;
    expect(next.tuned).toEqual(['blue', 'green']);
    const back = tune(
      unpin(next, 4000, 'red').state,
      sightOf(next, 5000, applied(next, after)),
      POLICY,
    ).state;
    expect(back.tuned).toEqual(['blue', 'green', 'red']);
  });

  it('undo takes back the last config that was taken, and it is not tried again', () => {
    const { state } = run({ ...WORLD, hours: 6, clusters: two(POOR, USUAL), effect: TRADE_OFF, seed: 1 });
    const taken = state.search!.best;
    const clusters = CLUSTERS.slice(0, 2).map((one) => ({ ...one, point: taken }));
    const undone = undo(state, 7, clusters);
    expect(undone.steps[0]?.because).toMatch(/took back step \d+/);
    expect(undone.state.search).toMatchObject({ best: state.earlier.at(-1)!.point });
    expect(undone.state.search?.refused).toContainEqual(taken);
    expect(() => undo({ ...state, earlier: [] }, 7, clusters)).toThrow(/has taken no config/);
  });
});

describe('the search', () => {
  it('ends where nothing is better, and never tries a refused point', () => {
    fc.assert(
      fc.property(fc.string(), fc.double({ min: 1.1, max: 20, noNaN: true }), (seed, waitMultiplier) => {
        const best = { waitMultiplier, reconfigure: 60_000 };
        const refused = { waitMultiplier, reconfigure: 120_000 };
        let search = newSearch(best, [{ cluster: 'green', point: USUAL }], SPACE, [refused]);
        const tried: string[] = [];
        for (;;) {
          const next = nextChallenger(search, SPACE, seed);
          if (next === undefined) break;
          expect(isWithin(next.point, SPACE)).toBe(true);
          expect(samePoint(next.point, refused)).toBe(false);
          tried.push(JSON.stringify(next.point));
          search = learned(next.search, SPACE, next, 'worse');
          expect(tried.length).toBeLessThan(40);
        }
        expect(samePoint(search.best, best)).toBe(true);
        expect(tried.length).toBeGreaterThan(4);
      }),
    );
  });

  it('goes on the way that led to something better', () => {
    const search = newSearch(USUAL, [], SPACE);
    const first = nextChallenger(search, SPACE, 's')!;
    const after = learned(first.search, SPACE, first, 'better');
    const { origin } = first;
    if (origin.kind !== 'bred') throw new Error('it was brought');
    expect(after.best).toEqual(first.point);
    expect(after.keys[origin.key]?.tried).toEqual([origin.direction === 'up' ? 'down' : 'up']);
  });
});
