import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atCost } from '../../bench/sizing/compare-policies.js';
import { ours } from '../../bench/sizing/ours.js';
import { RIVALS } from '../../bench/sizing/rivals.js';
import { oracleCost, simulate, type Sight } from '../../bench/sizing/simulate.js';
import { flashCrowd, syntheticTraces } from '../../bench/sizing/synthetic.js';
import { bucketTrace, requestTrace } from '../../bench/sizing/traces.js';

const WORLD = { tickSeconds: 60, readySeconds: 10, targetSeconds: 0.1 };
const rival = (name: string) => RIVALS.find((one) => one.name === name)!;

describe('the simulated fleet', () => {
  it('pays for nodes from their start, serves with them when they are ready', () => {
    const load = new Float64Array(180).fill(2.5);
    const score = simulate(load, () => 3, WORLD, 2);
    // 60 s of two nodes; then three, of which one serves after ten seconds and works off 35 node-seconds in 70.
    expect(score.cost).toBe(2 * 60 + 3 * 120);
    expect(score.short).toBeCloseTo((60 + 10 + 69) / 180, 2);
  });

  it('is never short with as many nodes as the highest second needs', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { minLength: 1, maxLength: 400 }),
        (seconds) => {
          const most = Math.max(1, Math.ceil(Math.max(...seconds)));
          const score = simulate(Float64Array.from(seconds), () => most, WORLD, most);
          expect([score.short, score.over]).toEqual([0, 0]);
          expect(oracleCost(Float64Array.from(seconds), WORLD)).toBeLessThanOrEqual(
            score.cost + 1e-9 + most * 10 * 7,
          );
        },
      ),
    );
  });

  it('loses whom it lets wait too long', () => {
    const score = simulate(new Float64Array(600).fill(10), () => 1, WORLD, 1);
    expect(score).toMatchObject({ short: 1 });
    expect(score.over).toBeGreaterThan(0.95);
  });
});

describe('rivals', () => {
  const sight = (fields: Partial<Sight>): Sight => ({
    at: 60,
    seconds: new Array<number>(60).fill(4),
    ready: 5,
    starting: 0,
    waiting: 0,
    short: 0,
    ...fields,
  });

  it('reactive takes what the mean needs', () => expect(rival('reactive').make(0.5)(sight({}))).toBe(8));

  it('HPA keeps still within its tolerance, and goes down only when five minutes agree', () => {
    const policy = rival('HPA').make(0.8);
    expect(policy(sight({}))).toBe(5);
    expect(policy(sight({ at: 120, seconds: [1] }))).toBe(5);
    expect([180, 240, 300, 360].map((at) => policy(sight({ at, seconds: [1] })))).toEqual([5, 5, 5, 2]);
  });

  it('KPA panics at twice its capacity and does not shrink then', () => {
    const policy = rival('KPA').make(1);
    expect(
      policy(sight({ seconds: [...new Array<number>(54).fill(1), ...new Array<number>(6).fill(20)] })),
    ).toBe(20);
    expect(policy(sight({ at: 90, seconds: [1], ready: 20 }))).toBe(20);
    expect(policy(sight({ at: 180, seconds: [1], ready: 20 }))).toBe(10);
  });

  it('are brought to the cost asked for', () => {
    const load = flashCrowd(1).seconds;
    const { score } = atCost(rival('reactive'), 700_000, load, WORLD);
    expect(Math.abs(score.cost / 700_000 - 1)).toBeLessThan(0.05);
  });
});

describe('traces', () => {
  it('are the same every time, and never negative', () => {
    expect(syntheticTraces(1).map(({ seconds }) => seconds)).toEqual(
      syntheticTraces(1).map(({ seconds }) => seconds),
    );
    for (const { seconds } of syntheticTraces(1)) expect(seconds.every((work) => work >= 0)).toBe(true);
  });

  it('are read from buckets and from requests', () => {
    const rows = Array.from({ length: 20 }, (_, i) => `2014-04-10 00:0${i % 10}:00,${10 + i}`);
    expect(bucketTrace('x', `timestamp,value\n${rows.join('\n')}\n`, 1, 1).seconds).toHaveLength(19 * 300);
    const text =
      'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,374,50\n2023-11-16 18:15:50.99,396,1\n';
    expect([...requestTrace('y', text).seconds].map((work) => work > 0)).toEqual([
      true,
      true,
      false,
      false,
      true,
      false,
    ]);
  });
});

describe('the core in the simulator', () => {
  it('is short in fewer seconds than reactive at equal cost, when load comes and goes', () => {
    const load = syntheticTraces(3)[3]!.seconds.map((work, s) => work * (1 + 0.4 * Math.sin(s / 700)));
    const mine = simulate(load, ours(WORLD, 0.001), WORLD, 10);
    const theirs = atCost(rival('reactive'), mine.cost, load, WORLD);
    expect(mine.short).toBeLessThan(theirs.score.short);
    expect(mine.short).toBeLessThan(0.004);
  });
});
