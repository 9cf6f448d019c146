import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HappensBefore, type Interval } from '../../../shadow/replay/scheduler.js';

const intervals = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 15 })), { maxLength: 40 })
  .map((pairs) =>
    pairs
      .map(([start, length], index) => ({
        id: String(index),
        startedNs: BigInt(start),
        finishedNs: BigInt(start + length),
      }))
      .sort((a, b) => Number(a.finishedNs - b.finishedNs)),
  );

/** The rule as it is written: everything that finished before B started is done. */
function mayBeSent(b: Interval, all: readonly Interval[], done: ReadonlySet<string>): boolean {
  return all.every((a) => a.finishedNs >= b.startedNs || done.has(a.id));
}

describe('happens-before scheduler', () => {
  it('sends exactly what the rule allows, in any order of finishing and admitting', () => {
    fc.assert(
      fc.property(intervals, fc.infiniteStream(fc.nat()), (stream, choices) => {
        const scheduler = new HappensBefore<Interval>();
        const pick = (n: number): number => (choices.next().value as number) % n;
        const done = new Set<string>();
        const inFlight: Interval[] = [];
        const waiting = new Set<Interval>();
        const admitted: Interval[] = [];
        let next = 0;
        while (done.size < stream.length) {
          if (next < stream.length && (inFlight.length === 0 || pick(2) === 0)) {
            scheduler.admit(stream[next]!);
            waiting.add(stream[next]!);
            admitted.push(stream[next]!);
            next += 1;
          }
          for (let sent = scheduler.next(); sent !== undefined; sent = scheduler.next()) {
            expect(mayBeSent(sent, admitted, done)).toBe(true);
            waiting.delete(sent);
            inFlight.push(sent);
          }
          // The earliest-started one that waits may indeed not go: nothing is held back without need.
          for (const held of waiting) expect(mayBeSent(held, admitted, done)).toBe(false);
          expect(scheduler.inFlight).toBe(inFlight.length);
          expect(scheduler.waiting).toBe(waiting.size);
          if (inFlight.length > 0 && (next === stream.length || pick(2) === 0)) {
            const [finished] = inFlight.splice(pick(inFlight.length), 1);
            scheduler.finish(finished!);
            done.add(finished!.id);
          }
        }
        expect(scheduler.next()).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it('never has more in flight than live had', () => {
    fc.assert(
      fc.property(intervals, (stream) => {
        const liveMost = Math.max(
          0,
          ...stream.map(
            (a) => stream.filter((b) => b.startedNs <= a.startedNs && a.startedNs <= b.finishedNs).length,
          ),
        );
        const scheduler = new HappensBefore<Interval>();
        for (const exchange of stream) scheduler.admit(exchange);
        const inFlight: Interval[] = [];
        for (let rounds = 0; rounds <= stream.length; rounds += 1) {
          for (let sent = scheduler.next(); sent !== undefined; sent = scheduler.next()) inFlight.push(sent);
          expect(inFlight.length).toBeLessThanOrEqual(liveMost);
          const finished = inFlight.pop();
          if (finished !== undefined) scheduler.finish(finished);
        }
        expect(scheduler.waiting + inFlight.length).toBe(0);
      }),
    );
  });
});
