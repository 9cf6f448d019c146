import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decide,
  newSizing,
  type SizingPlan,
  type SizingState,
} from '../../../cluster-agent/sizing/decide.js';
import type { EndpointTick, SizingConfig, SizingInput } from '../../../cluster-agent/sizing/input.js';
import { replay } from '../../../cluster-agent/sizing/record.js';
import { gainOf } from '../../../cluster-agent/sizing/returns.js';
import { isSlow, NO_WAIT_TEST, weighWait } from '../../../cluster-agent/sizing/wait-test.js';

const TICK = 60_000;
const CONFIG: SizingConfig = {
  reconfigureMs: TICK,
  waitMultiplier: 2,
  least: 1,
  most: 50,
  maxSpend: undefined,
  shortShare: 0.001,
  targetCeilingMs: undefined,
};
const BASE = Date.UTC(2026, 0, 5);

interface Tick {
  work?: number;
  endpoints?: readonly EndpointTick[];
  input?: Partial<SizingInput>;
  config?: Partial<SizingConfig>;
}

/** A cluster whose nodes come at once. */
class Cluster {
  state: SizingState = newSizing(CONFIG);
  nodes = 2;
  at = BASE;

  tick({ work = 1.5, endpoints = [], input = {}, config = {} }: Tick = {}): SizingPlan {
    this.at += TICK;
    const observation = {
      at: this.at,
      work: new Array<number>(60).fill(work),
      waiting: 0,
      short: 0,
      endpoints,
    };
    const { state, plan } = decide(
      this.state,
      {
        now: this.at,
        observation,
        nodes: { serving: this.nodes, starting: 0 },
        readyMs: 10_000,
        announced: [],
        price: 1,
        ...input,
      },
      { ...CONFIG, ...config },
    );
    this.state = state;
    this.nodes = plan.nodes;
    return plan;
  }

  settle(ticks = 200): this {
    for (let i = 0; i < ticks; i += 1) this.tick();
    return this;
  }
}

const slowTick = (median: number): EndpointTick => ({
  endpoint: 'GET /',
  perfAvg: 10,
  count: 1000,
  errors: 0,
  over: 1000,
  median,
});
const observation = (fields: object) => ({
  at: BASE + TICK,
  work: [1],
  waiting: 0,
  short: 0,
  endpoints: [],
  ...fields,
});

describe('a decision', () => {
  it('is made whatever telemetry, clock and price say, and remembers only finite figures', () => {
    const figure = fc.oneof(
      fc.double(),
      fc.constantFrom(NaN, Infinity, -1, 1e300, 0),
      fc.double({ min: 0, max: 60, noNaN: true }),
    );
    const wild = fc.record({
      now: fc.oneof(figure, fc.constant(undefined)),
      work: fc.array(figure, { maxLength: 5 }),
      waiting: figure,
      short: figure,
      readyMs: fc.oneof(figure, fc.constant(60_000)),
      price: fc.option(figure, { nil: undefined }),
      maxSpend: fc.option(fc.double({ min: 0, max: 100, noNaN: true }), { nil: undefined }),
      perfAvg: fc.option(figure, { nil: undefined }),
      count: figure,
      over: figure,
      announced: figure,
    });
    fc.assert(
      fc.property(fc.array(wild, { maxLength: 12 }), (ticks) => {
        const cluster = new Cluster();
        for (const t of ticks) {
          const at = cluster.at + TICK;
          const endpoint = {
            endpoint: 'x',
            perfAvg: t.perfAvg,
            count: t.count,
            errors: 0,
            over: t.over,
            median: 30,
          };
          const plan = cluster.tick({
            input: {
              now: t.now ?? at,
              readyMs: t.readyMs,
              price: t.price,
              announced: [{ from: at + 1, to: at + 2, work: t.announced }],
              observation: { at, work: t.work, waiting: t.waiting, short: t.short, endpoints: [endpoint] },
            },
            config: { maxSpend: t.maxSpend },
          });
          expect(Number.isInteger(plan.nodes) && plan.nodes >= 1 && plan.nodes <= 50).toBe(true);
          expect(plan.reasons.length).toBeGreaterThan(0);
          expect(JSON.parse(JSON.stringify(cluster.state))).toEqual(cluster.state);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('replays from what was recorded', () => {
    const cluster = new Cluster().settle(50);
    const before = cluster.state;
    const input: SizingInput = {
      now: cluster.at + TICK,
      observation: observation({ at: cluster.at + TICK, work: [3, 4, 5] }),
      nodes: { serving: 2, starting: 0 },
      readyMs: 10_000,
      announced: [],
      price: 1,
    };
    const { plan } = decide(before, input, CONFIG);
    const record = JSON.parse(JSON.stringify({ before, input, config: CONFIG })) as Parameters<
      typeof replay
    >[0];
    expect(replay(record)).toEqual(plan);
  });

  it('follows the load up and down', () => {
    const cluster = new Cluster().settle();
    const calm = cluster.nodes;
    expect(calm).toBeLessThanOrEqual(3);
    const up = cluster.tick({ work: 8 });
    expect(up.nodes).toBeGreaterThanOrEqual(8);
    for (let i = 0; i < 2000; i += 1) cluster.tick();
    expect(cluster.nodes).toBe(calm);
  });

  it('has nodes ready for an announced run, and not long before', () => {
    const cluster = new Cluster().settle();
    const announced = [{ from: cluster.at + 10 * TICK, to: cluster.at + 12 * TICK, work: 6 }];
    const sizes = Array.from({ length: 9 }, () => cluster.tick({ input: { announced } }).nodes);
    expect(sizes.slice(0, 7).every((nodes) => nodes <= 3)).toBe(true);
    expect(sizes[8]!).toBeGreaterThanOrEqual(8);
  });
});

describe('an announced run', () => {
  it('keeps its nodes from before it begins until it ends, also in the tick that shows nothing of it yet', () => {
    const cluster = new Cluster().settle();
    const announced = [{ from: cluster.at + 3 * TICK, to: cluster.at + 6 * TICK, work: 6 }];
    // The decision at its very start has seen no second of it.
    const works = [1.5, 1.5, 1.5, 7.5, 7.5, 7.5];
    const sizes = works.map((work) => cluster.tick({ work, input: { announced } }).nodes);
    expect(sizes.slice(1, 5).every((nodes) => nodes >= 8)).toBe(true);
    expect(cluster.tick({ input: { announced } }).nodes).toBeLessThan(8);
  });
});

describe('a slow endpoint', () => {
  it('gets a node at once where it is steady, and keeps it once that helped', () => {
    const cluster = new Cluster().settle();
    const before = cluster.nodes;
    const plan = cluster.tick({ endpoints: [slowTick(40)] });
    expect(plan).toMatchObject({ nodes: before + 1, slow: ['GET /'] });
    expect(plan.reasons.join()).toContain('slow for certain');
    const fine = { ...slowTick(12), over: 0 };
    for (let i = 0; i < 100; i += 1) cluster.tick({ endpoints: [fine] });
    expect(cluster.nodes).toBe(before + 1);
  });

  it('gets no further node when the last one brought nothing: it is said once, and the node goes again', () => {
    const cluster = new Cluster().settle();
    const before = cluster.nodes;
    const notices = Array.from({ length: 60 }, () => cluster.tick({ endpoints: [slowTick(40)] })).flatMap(
      (plan) => plan.notices,
    );
    expect(notices.map(({ code }) => code)).toEqual(['TARGET_UNATTAINABLE']);
    expect(cluster.nodes).toBe(before);
  });

  it('gets more while they bring it nearer', () => {
    const cluster = new Cluster().settle();
    for (let i = 0; i < 20; i += 1)
      cluster.tick({ endpoints: [{ ...slowTick(120 / cluster.nodes), over: cluster.nodes < 6 ? 1000 : 0 }] });
    expect(cluster.nodes).toBeGreaterThanOrEqual(6);
  });

  it('is held to the ceiling of targets, which is said', () => {
    const plan = new Cluster().tick({
      endpoints: [{ ...slowTick(5), perfAvg: 1000, over: 0 }],
      config: { targetCeilingMs: 500 },
    });
    expect(plan.notices.map(({ code }) => code)).toContain('TARGET_CAPPED');
  });
});

describe('what the last node brought', () => {
  const trial = { nodes: 2, median: 100, strain: 1, givenUp: false };
  it.each([
    [60, 40, 1, true],
    [90, 40, 5, false],
    [100, 40, Infinity, false],
    [130, 40, Infinity, false],
    [30, 40, 0, true],
  ])('median %d for target %d: %d more', (median, target, nodesToTarget, worth) => {
    expect(gainOf(trial, { nodes: 3, median }, target)).toEqual({ nodesToTarget, worth });
  });
});

describe('the test of waits', () => {
  it('believes a clear breach of a steady endpoint in one tick, and is calm after it has passed', () => {
    let test = weighWait(NO_WAIT_TEST, 1000, 1000);
    expect(isSlow(test)).toBe(true);
    for (let i = 0; i < 3; i += 1) test = weighWait(test, 1000, 0);
    expect(isSlow(test)).toBe(false);
  });

  it('hardly ever cries wolf, however noisy the endpoint', () => {
    let seed = 7;
    const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
    let [test, alarms] = [NO_WAIT_TEST, 0];
    for (let tick = 0; tick < 20_000; tick += 1) {
      test = weighWait(test, 100, Math.round(100 * Math.min(1, random())));
      if (isSlow(test)) {
        alarms += 1;
        test = { ...test, log: 0 };
      }
    }
    expect(alarms).toBeLessThanOrEqual(6);
  });

  it('learns nothing where nothing was sent', () =>
    expect(weighWait(NO_WAIT_TEST, 0, 0)).toEqual(NO_WAIT_TEST));
});

describe('bad input', () => {
  const bad: [string, (at: number) => Partial<SizingInput>][] = [
    ['TELEMETRY_STOPPED', (at) => ({ now: at + 5 * TICK })],
    ['TELEMETRY_INVALID', (at) => ({ observation: observation({ at, work: [NaN] }) })],
    ['TELEMETRY_INVALID', (at) => ({ observation: observation({ at, work: [-1] }) })],
    ['TELEMETRY_INVALID', (at) => ({ observation: observation({ at, work: [1e12] }) })],
    ['TELEMETRY_STOPPED', (at) => ({ observation: observation({ at, work: [] }) })],
    ['READINESS_INVALID', () => ({ readyMs: NaN })],
  ];
  it.each(bad)('%s is said once, with a remedy, and the last good plan holds', (code, input) => {
    const cluster = new Cluster().settle();
    const before = cluster.nodes;
    const plans = Array.from({ length: 3 }, () => cluster.tick({ input: input(cluster.at + TICK) }));
    expect(plans.map(({ nodes }) => nodes)).toEqual([before, before, before]);
    expect(plans.map(({ notices }) => notices.map((notice) => notice.code))).toEqual([[code], [], []]);
    expect(plans[0]!.notices[0]!.remedy).not.toBe('');
    cluster.tick();
    expect(cluster.tick({ input: input(cluster.at + TICK) }).notices).toHaveLength(1);
  });

  it('a clock that jumps drops what was pending and changes nothing', () => {
    for (const jump of [-3_600_000, 86_400_000]) {
      const cluster = new Cluster().settle();
      const before = cluster.nodes;
      cluster.at += jump;
      const plan = cluster.tick({ work: 30 });
      expect(plan).toMatchObject({ nodes: before, notices: [{ code: 'CLOCK_JUMPED' }] });
      expect(cluster.tick({ work: 30 }).nodes).toBeGreaterThan(before);
    }
  });

  it('a ceiling below what runs stops nothing and adds nothing', () => {
    const cluster = new Cluster().settle();
    for (let i = 0; i < 3; i += 1) cluster.tick({ work: 8 });
    const before = cluster.nodes;
    const plan = cluster.tick({ work: 20, config: { maxSpend: 4 } });
    expect(plan).toMatchObject({ nodes: before, notices: [{ code: 'CEILING_BELOW_RUNNING' }] });
    expect(cluster.tick({ work: 20, config: { maxSpend: 4 } }).notices).toEqual([]);
  });

  it('a price that is not given stops growth under a ceiling only', () => {
    const cluster = new Cluster().settle();
    const before = cluster.nodes;
    const plan = cluster.tick({ work: 8, input: { price: undefined }, config: { maxSpend: 4 } });
    expect(plan.nodes).toBe(before);
    expect(plan.notices.map(({ code }) => code)).toContain('PRICE_UNKNOWN');
    expect(cluster.tick({ work: 8, input: { price: undefined } }).nodes).toBeGreaterThan(before);
  });

  it('never pays more than the ceiling for new nodes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 40, noNaN: true }), { maxLength: 30 }),
        fc.double({ min: 0.1, max: 3, noNaN: true }),
        fc.double({ min: 1, max: 40, noNaN: true }),
        (loads, price, maxSpend) => {
          const cluster = new Cluster();
          for (const work of loads) {
            const before = cluster.nodes;
            const { nodes } = cluster.tick({ work, input: { price }, config: { maxSpend } });
            if (nodes > before) expect(nodes * price).toBeLessThanOrEqual(maxSpend + 1e-6);
          }
        },
      ),
    );
  });
});
