import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { startsOf } from '../../../cluster-agent/sizing/announced-crons.js';
import { decide, newSizing } from '../../../cluster-agent/sizing/decide.js';
import { faultOf } from '../../../cluster-agent/sizing/input.js';
import { observeTasks, type TaskFigures, type TaskReading } from '../../../cluster-agent/sizing/task-work.js';

const SETTINGS = {
  ...{ reconfigureMs: 60_000, waitMultiplier: 2, least: 1, most: 9, maxSpend: undefined, shortShare: 0.001 },
  targetCeilingMs: undefined,
};
const AROUND = { workers: 1, clusters: 1, waitMultiplier: 2 };
const WALL = Date.UTC(2026, 0, 5);

const figures = (more: Partial<TaskFigures>): TaskFigures => ({
  done: 0,
  seconds: 0,
  doneByAll: 0,
  secondsByAll: 0,
  open: 0,
  waiting: 0,
  ...more,
});
const reading = (second: number, tasks: Record<string, Partial<TaskFigures>>): TaskReading => ({
  at: second * 1000,
  wallAt: WALL + second * 1000,
  tasks: new Map(Object.entries(tasks).map(([task, more]) => [task, figures(more)])),
});
const all = (done: number, each: number): Partial<TaskFigures> => ({
  done,
  doneByAll: done,
  seconds: done * each,
  secondsByAll: done * each,
});

describe('the work of tasks', () => {
  it('is counted from when they are sent, over as long as they may take', () => {
    // Ten seconds each, by what was done before; three are sent at once, one begins.
    const { observation, ahead } = observeTasks(
      [],
      [reading(0, { a: all(5, 10) }), reading(1, { a: { ...all(5, 10), open: 3, waiting: 2 } })],
      AROUND,
    );
    expect(observation.work).toEqual([1.5]);
    expect(ahead).toHaveLength(19);
    expect(ahead.every((work) => work === 1.5)).toBe(true);
    // Two wait, 20 s of work for one worker: longer than the 10 s that each may wait.
    expect(observation).toMatchObject({ short: 1, waiting: 20 });
    const enough = observeTasks(
      [],
      [reading(0, { a: all(5, 10) }), reading(1, { a: { ...all(5, 10), open: 3, waiting: 1 } })],
      AROUND,
    );
    expect(enough.observation).toMatchObject({ short: 0, waiting: 0 });
  });

  it('of a task that nobody has done yet is what the others take, and is said to be a guess', () => {
    const known = { short: all(100, 0.1), long: all(1, 10) };
    const { observation } = observeTasks(
      [],
      [reading(0, known), reading(1, { ...known, fresh: { open: 8, waiting: 8 } })],
      AROUND,
    );
    // 0.1 s and 10 s: 1 s in the geometric mean, over the two seconds it may take.
    expect(observation.guesses).toEqual([{ task: 'fresh', seconds: expect.closeTo(1, 9) as number }]);
    expect(observation.work[0]).toBeCloseTo(4, 9);
    const longer = { long: all(3, 16) };
    const of = (tasks: Record<string, Partial<TaskFigures>>) =>
      observeTasks([], [reading(0, longer), reading(1, { ...longer, ...tasks })], AROUND).observation;
    expect(of({ fresh: { open: 1, waiting: 1 } }).work[0]).toBeCloseTo(0.5, 9);
    expect(of({}).guesses).toEqual([]);
    const input = { now: WALL + 1000, nodes: { serving: 1, starting: 0 }, readyMs: 1000, announced: [] };
    const { plan } = decide(newSizing(SETTINGS), { ...input, observation, price: 0 }, SETTINGS);
    expect(plan.reasons).toContain('nobody has done fresh yet: taken for 1.0 s each until somebody has');
  });

  it('is neither lost nor made up, however the readings are cut', () => {
    const sent = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 2, maxLength: 30 });
    fc.assert(
      fc.property(sent, fc.integer({ min: 1, max: 8 }), (counts, each) => {
        let done = 1;
        const readings = [0, ...counts].map((count, i) => reading(i, { a: all((done += count), each) }));
        const cut = Math.floor(readings.length / 2);
        const first = observeTasks([], readings.slice(0, cut + 1), AROUND);
        const second = observeTasks(first.ahead, readings.slice(cut), AROUND);
        const sum = [...first.observation.work, ...second.observation.work, ...second.ahead].reduce(
          (total, work) => total + work,
          0,
        );
        expect(sum).toBeCloseTo(counts.reduce((total, count) => total + count, 0) * each, 6);
      }),
    );
  });

  it('is this cluster’s part of what all clusters do, an equal part while nobody did any', () => {
    const of = (seconds: number): number[] => {
      const before = reading(0, { a: { doneByAll: 10, secondsByAll: 10 } });
      const after = reading(1, {
        a: { doneByAll: 14, secondsByAll: 10 + (seconds > 0 ? 4 : 0), done: 1, seconds, open: 0 },
      });
      return [...observeTasks([], [before, after], { ...AROUND, clusters: 2 }).observation.work];
    };
    expect(of(1)[0]).toBeCloseTo(0.5);
    expect(of(0)[0]! / of(1)[0]!).toBeGreaterThan(1.3);
  });

  it('is figures whatever Redis says', () => {
    const figure = fc.oneof(fc.integer({ min: -5, max: 1e9 }), fc.constant(0));
    const one = fc.record({
      done: figure,
      seconds: figure,
      doneByAll: figure,
      secondsByAll: figure,
      open: figure,
      waiting: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(one, { minLength: 2, maxLength: 6 }), (list) => {
        const readings = list.map((more, i) => reading(i, { a: more }));
        const { observation } = observeTasks([], readings, AROUND);
        const input = { observation, now: observation.at, readyMs: 1, nodes: { serving: 1, starting: 0 } };
        const fault = faultOf({ ...input, announced: [], price: 0 }, { reconfigureMs: 60_000 } as never);
        expect([undefined, 'TELEMETRY_INVALID']).toContain(fault?.code);
      }),
    );
  });
});

describe('announced crons', () => {
  it('are those about to come due and those that may be under way; what cannot be is told', () => {
    const at = WALL + 3 * 3600_000 + 30_000;
    const { starts, faults } = startsOf(
      [
        { name: 'hourly', schedule: '0 * * * *', timezone: 'UTC' },
        { name: 'soon', schedule: '1 3 * * *', timezone: 'UTC' },
        { name: 'later', schedule: '5 3 * * *', timezone: 'UTC' },
        { name: 'always', schedule: '* * * * * *', timezone: 'UTC' },
        { name: 'never', schedule: '0 0 31 2 *', timezone: 'UTC' },
        { name: 'nowhere', schedule: '0 0 * * *', timezone: 'Moon/Base' },
      ],
      at,
      60_000,
    );
    expect(starts).toEqual([
      { name: 'hourly', at: WALL + 3 * 3600_000 },
      { name: 'soon', at: WALL + 3 * 3600_000 + 60_000 },
    ]);
    expect(faults).toMatchObject([{ code: 'CRON_INVALID' }]);
    expect(faults[0]!.message).toContain('never, nowhere');
    for (const part of ['0 0 31 2 *', 'Moon/Base']) expect(faults[0]!.found).toContain(part);
  });
});
