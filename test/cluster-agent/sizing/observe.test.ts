import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { histogramIndex } from '../../../common/frames/index.js';
import type { EndpointNode, TelemetryFrame } from '../../../common/index.js';
import { faultOf } from '../../../cluster-agent/sizing/input.js';
import { NO_WORK_MEMORY, observe, type Surroundings } from '../../../cluster-agent/sizing/observe.js';
import { NO_LOSSES, sparesFor } from '../../../cluster-agent/sizing/standby.js';
import { TickTelemetry } from '../../../cluster-agent/telemetry/tick.js';

const WALL = Date.UTC(2026, 0, 5);

interface Told {
  readonly endpoint: string;
  /** Durations of successes, ms. */
  readonly done?: readonly number[];
  readonly errors?: number;
  readonly open?: number;
  readonly node?: string;
}

function frame(told: readonly Told[], more: Partial<TelemetryFrame> = {}): TelemetryFrame {
  const entries = told.map(({ endpoint, done = [], errors = 0, open = 0, node = 'n1' }): EndpointNode => ({
    endpoint,
    node,
    count: done.length + errors,
    errors,
    clientAborts: 0,
    open,
    sumNs: BigInt(Math.round(done.reduce((sum, ms) => sum + ms, 0) * 1e6)),
    averageNs: 0n,
    histogram: done.map((ms) => ({ index: histogramIndex(ms * 1000), count: 1 })),
  }));
  return {
    kind: 'Telemetry',
    worker: 0,
    monotonicNs: 0n,
    wallUs: WALL * 1000,
    intervalNs: 1_000_000_000n,
    generation: 1,
    clientConnections: 0,
    openRequests: 0,
    waitSumNs: 0n,
    glitches: 0,
    exchangesSent: 0,
    exchangesDropped: 0,
    entries,
    ...more,
  };
}

const SURROUNDINGS: Surroundings = {
  costs: [{ endpoint: 'a', perfAvg: 10, work: 10 }],
  config: { waitMultiplier: 2, targetCeilingMs: undefined },
  serving: 1,
  realtime: new Set(['live']),
};
const times = (count: number, ms: number): number[] => new Array<number>(count).fill(ms);

/** Frames a second apart, the first ending a second after the tick's begin. */
function observed(frames: readonly (readonly Told[])[], more: Partial<Surroundings> = {}) {
  const tick = new TickTelemetry(0);
  frames.forEach((told, i) => tick.add(frame(told), (i + 1) * 1000, 7));
  return observe(NO_WORK_MEMORY, tick.read(frames.length * 1000), { ...SURROUNDINGS, ...more });
}

describe('a tick of telemetry, in the terms of a decision', () => {
  it('is work by the second: requests that came, by what each costs a node', () => {
    const { observation } = observed([
      [{ endpoint: 'a', done: times(50, 10) }],
      [{ endpoint: 'a', done: times(10, 10) }],
    ]);
    expect(observation.work[0]).toBeCloseTo(0.5);
    expect(observation.work[1]).toBeCloseTo(0.1);
    expect(observation).toMatchObject({ at: WALL, short: 0, waiting: 0 });
  });

  it('counts what came and has not finished, once, and tells how much waits', () => {
    const { observation } = observed([
      [{ endpoint: 'a', done: times(100, 10), open: 60 }],
      [{ endpoint: 'a', done: times(100, 300), open: 60 }],
    ]);
    expect(observation.work[0]).toBeCloseTo(1.6);
    expect(observation.work[1]).toBeCloseTo(1);
    // One is open all the time where nothing waits (100 a second of 10 ms): 59 of 10 ms wait.
    expect(observation.waiting).toBeCloseTo(0.59);
    expect(observation.short).toBe(1);
  });

  it('takes no open connection of a realtime endpoint for waiting', () => {
    const { observation } = observed([[{ endpoint: 'live', done: [5], open: 500 }]]);
    expect(observation).toMatchObject({ waiting: 0, short: 0 });
  });

  it('knows what waits at the proxy for a node', () => {
    const tick = new TickTelemetry(0);
    tick.addLimits({ worker: 0, waiting: 30 } as never, 7);
    tick.add(frame([{ endpoint: 'a', done: times(100, 10) }]), 1000, 7);
    expect(observe(NO_WORK_MEMORY, tick.read(1000), SURROUNDINGS).observation.waiting).toBeCloseTo(0.3);
  });

  it('tells successes above the target, and errors apart', () => {
    const { observation } = observed([[{ endpoint: 'a', done: [5, 5, 40, 50], errors: 3 }]]);
    expect(observation.endpoints).toMatchObject([
      { endpoint: 'a', count: 4, errors: 3, over: 2, perfAvg: 10 },
    ]);
  });

  it('learns what an unmeasured endpoint costs from its best times, not from those of a crowd', () => {
    const calm = observed([[{ endpoint: 'b', done: times(10, 20) }]]);
    expect(calm.observation.work[0]).toBeCloseTo(0.2);
    const tick = new TickTelemetry(0);
    tick.add(frame([{ endpoint: 'b', done: times(10, 900) }]), 1000, 7);
    const crowded = observe(calm.memory, tick.read(1000), SURROUNDINGS);
    expect(crowded.observation.work[0]).toBeCloseTo(0.2, 2);
  });

  it('learns that a node bears more than the test load showed, only while nobody waits', () => {
    const idle = observed([[{ endpoint: 'a', done: times(300, 11) }]]);
    expect(idle.memory.bears).toBeCloseTo(3);
    expect(idle.observation.work[0]).toBeCloseTo(1);
    expect(observed([[{ endpoint: 'a', done: times(300, 50) }]]).memory.bears).toBe(1);
    expect(observed([[{ endpoint: 'a', done: times(300, 11), open: 90 }]]).memory.bears).toBe(1);
  });

  it('of a proxy that told nothing is no second of work, which the decision refuses', () => {
    const tick = new TickTelemetry(0);
    tick.add(frame([{ endpoint: 'a', done: [1] }]), 1000, 7);
    tick.next(1000);
    const { observation } = observe(NO_WORK_MEMORY, tick.read(2000), SURROUNDINGS);
    const input = {
      now: WALL + 1000,
      observation,
      nodes: { serving: 1, starting: 0 },
      readyMs: 1,
      announced: [],
      price: 0,
    };
    expect(faultOf(input, { reconfigureMs: 1000 } as never)?.code).toBe('TELEMETRY_STOPPED');
  });

  it('loses and adds no request, however frames are cut', () => {
    const cuts = fc.array(
      fc.record({ ms: fc.integer({ min: 1, max: 3000 }), done: fc.nat(30), open: fc.nat(9) }),
      {
        minLength: 1,
        maxLength: 20,
      },
    );
    fc.assert(
      fc.property(cuts, (frames) => {
        const tick = new TickTelemetry(0);
        let at = 0;
        for (const { ms, done, open } of frames) {
          at += ms;
          const intervalNs = BigInt(ms) * 1_000_000n;
          tick.add(frame([{ endpoint: 'a', done: times(done, 10), open }], { intervalNs }), at, 7);
        }
        // Where more finish than were open, they came.
        let [came, before] = [0, 0];
        for (const { done, open } of frames) {
          came += Math.max(0, done + open - before);
          before = open;
        }
        const slow = { ...SURROUNDINGS, serving: 0 };
        const { work } = observe(NO_WORK_MEMORY, tick.read(at), slow).observation;
        const nodeMs = work.reduce((sum, nodes) => sum + nodes, 0) * (at / work.length);
        expect(nodeMs).toBeCloseTo(came * 10, 3);
      }),
    );
  });

  it('whatever a proxy says, is figures or is refused', () => {
    const count = fc.oneof(fc.nat(), fc.constantFrom(2 ** 32 - 1, 0));
    fc.assert(
      fc.property(fc.array(fc.tuple(count, count, count), { maxLength: 5 }), (told) => {
        const tick = new TickTelemetry(0);
        told.forEach(([n, errors, open], i) => {
          const [entry] = frame([{ endpoint: 'a', open }]).entries;
          const lie = {
            ...entry!,
            count: n,
            errors,
            sumNs: BigInt(n) ** 3n,
            histogram: [{ index: 9, count: open }],
          };
          tick.add(frame([], { entries: [lie] }), (i + 1) * 1000, 7);
        });
        const { observation, memory } = observe(NO_WORK_MEMORY, tick.read(5000), SURROUNDINGS);
        expect(Number.isFinite(memory.bears)).toBe(true);
        for (const { over, count: n } of observation.endpoints) expect(over).toBeLessThanOrEqual(n);
      }),
    );
  });
});

describe('spares', () => {
  const month = 30 * 86_400_000;
  const fleet = { nodes: 4, readyMs: 60_000, share: 0.001 };

  it('are one where a node takes longer than ten seconds to come, none where it does not and few are lost', () => {
    expect(sparesFor(NO_LOSSES, fleet)).toBe(1);
    expect(sparesFor(NO_LOSSES, { ...fleet, readyMs: 2000 })).toBe(0);
  });

  it('grow with losses, nodes and readiness, and shrink when losses end', () => {
    const often = { count: 1000, nodeMs: 1000 * 600_000 };
    expect(sparesFor(often, fleet)).toBeGreaterThan(1);
    expect(sparesFor({ ...often, nodeMs: 1000 * month }, fleet)).toBe(1);
    const any = fc.record({
      count: fc.nat(1000),
      nodeMs: fc.nat(month),
      nodes: fc.integer({ min: 1, max: 64 }),
      readyMs: fc.nat(600_000),
    });
    fc.assert(
      fc.property(any, ({ count, nodeMs, nodes, readyMs }) => {
        const spares = (more: { count?: number; nodes?: number; readyMs?: number }): number =>
          sparesFor(
            { count: more.count ?? count, nodeMs },
            { nodes: more.nodes ?? nodes, readyMs: more.readyMs ?? readyMs, share: 0.001 },
          );
        const base = spares({});
        expect(spares({ count: count * 2 })).toBeGreaterThanOrEqual(base);
        expect(spares({ nodes: nodes + 1 })).toBeGreaterThanOrEqual(base);
        expect(spares({ readyMs: readyMs * 2 })).toBeGreaterThanOrEqual(base);
      }),
    );
  });

  it('counts what is open in a process whose place another takes, and not twice what came', () => {
    const tick = new TickTelemetry(0);
    tick.add(frame([{ endpoint: 'a', done: [], open: 5 }]), 1000, 7);
    tick.add(frame([{ endpoint: 'a', done: [], open: 1 }]), 1500, 8);
    tick.add(frame([{ endpoint: 'a', done: [], open: 5 }]), 2000, 7);
    tick.add(frame([{ endpoint: 'a', done: [], open: 1 }]), 2500, 8);
    const arrived = (): number[] => tick.read(3000).slices.map((slice) => slice.arrived.get('a') ?? 0);
    expect(arrived()).toEqual([5, 1, 0, 0]);
    tick.forget(7);
    tick.add(frame([{ endpoint: 'a', done: [], open: 2 }]), 3000, 7);
    expect(arrived()).toEqual([5, 1, 0, 0, 2]);
  });
});
