import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Attribution } from '../../../common/index.js';
import {
  dueDifferences,
  mergeAttributions,
  NOTHING,
  withAttribution,
} from '../../../shadow/attribute/rounds.js';
import { reportWith } from '../support/report.js';

const id: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const seen = fc.dictionary(id, fc.nat(60_000)).map((times) => new Map(Object.entries(times)));
const tried = fc.array(id).map((ids) => new Set(ids));
const last = fc.option(fc.record({ endedAt: fc.nat(60_000), tookMs: fc.nat(60_000) }), { nil: undefined });

const change = fc.constantFrom('p', 'q').map((name) => ({
  ...{ kind: 'package' as const, name, from: '1', to: '2', direct: true, through: [] },
}));
const attribution: fc.Arbitrary<Attribution> = fc
  .record({ by: fc.dictionary(id, change), untold: fc.array(id), trials: fc.nat(9) })
  .map(({ by, untold, trials }) => ({
    ...NOTHING,
    trials,
    causes: Object.entries(by).map(([difference, one]) => ({
      ...{ differences: [difference], changes: [one], confidence: 'proven' as const, trials: 1 },
    })),
    unattributed: [...new Set(untold)]
      .filter((difference) => !(difference in by))
      .map((difference) => ({ difference, because: 'b' })),
  }));

/** Difference → what is said of it. */
function saidOf({ causes, unattributed }: Attribution): Map<string, string> {
  const said = new Map<string, string>();
  const say = (difference: string, what: string): void => {
    expect(said.has(difference), 'said twice').toBe(false);
    said.set(difference, what);
  };
  for (const { differences, changes } of causes) for (const one of differences) say(one, changes[0]!.name);
  for (const { difference, because } of unattributed) say(difference, because);
  return said;
}

describe('rounds of attribution', () => {
  it('are about all that was not tried, or nothing, and never wait for ever', () => {
    fc.assert(
      fc.property(seen, tried, last, fc.nat(200_000), (when, done, before, now) => {
        const rounds = { seen: when, tried: done, last: before };
        const waiting = [...when.keys()].filter((one) => !done.has(one));
        const due = dueDifferences(rounds, now);
        if (due.length > 0) expect(due).toEqual(waiting);
        // With nothing new for long enough, it is due.
        expect(dueDifferences(rounds, 1e9)).toEqual(waiting);
      }),
    );
  });

  it('wait while differences still come in, and leave the machine its rest after a round', () => {
    const both = new Map([
      ['a', 0],
      ['b', 5000],
    ]);
    const none = { tried: new Set<string>(), last: undefined };
    expect(dueDifferences({ ...none, seen: both }, 9_999)).toEqual([]);
    expect(dueDifferences({ ...none, seen: both }, 10_000)).toEqual(['a', 'b']);
    const rest = { tried: new Set<string>(), last: { endedAt: 10_000, tookMs: 10_000 }, seen: both };
    expect(dueDifferences(rest, 49_999)).toEqual([]);
    expect(dueDifferences(rest, 50_000)).toEqual(['a', 'b']);
  });

  it('say one thing of each difference, the later word', () => {
    fc.assert(
      fc.property(attribution, attribution, (earlier, later) => {
        const merged = mergeAttributions(earlier, later);
        expect(saidOf(merged)).toEqual(new Map([...saidOf(earlier), ...saidOf(later)]));
        expect(merged.trials).toBe(earlier.trials + later.trials);
      }),
    );
  });

  it('leave no open difference of a report without a word', () => {
    fc.assert(
      fc.property(fc.nat(6), fc.option(attribution, { nil: undefined }), (places, told) => {
        const bare = reportWith(places, 'x');
        delete (bare as { attribution?: Attribution }).attribution;
        const report = withAttribution(bare, told, (one) => `not ${one}`);
        const said = report.attribution === undefined ? new Map() : saidOf(report.attribution);
        for (const difference of report.differences)
          if (!difference.accepted) expect(said.get(difference.id)).toBe(`not ${difference.id}`);
        if (told === undefined && places === 0) expect(report.attribution).toBeUndefined();
      }),
    );
  });
});
