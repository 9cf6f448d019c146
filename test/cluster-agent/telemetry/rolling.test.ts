import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EndpointNode, TelemetryFrame } from '../../../common/index.js';
import { histogramIndex } from '../../../common/frames/index.js';
import { RollingTelemetry } from '../../../cluster-agent/telemetry/rolling.js';

function entry(
  endpoint: string,
  node: string,
  durationsMs: number[],
  more: Partial<EndpointNode> = {},
): EndpointNode {
  const counts = new Map<number, number>();
  for (const ms of durationsMs) {
    const index = histogramIndex(ms * 1000);
    counts.set(index, (counts.get(index) ?? 0) + 1);
  }
  return {
    endpoint,
    node,
    count: durationsMs.length,
    errors: 0,
    clientAborts: 0,
    open: 0,
    sumNs: 0n,
    averageNs: 0n,
    histogram: [...counts].map(([index, count]) => ({ index, count })),
    ...more,
  };
}

function frame(entries: EndpointNode[], more: Partial<TelemetryFrame> = {}): TelemetryFrame {
  return {
    kind: 'Telemetry',
    worker: 0,
    monotonicNs: 0n,
    wallUs: 0,
    intervalNs: 0n,
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

describe('rolling telemetry', () => {
  it('merges nodes, workers and intervals into one median and p99 per endpoint', () => {
    const telemetry = new RollingTelemetry(10_000);
    telemetry.add(frame([entry('GET /', 'n1', [10, 10, 10]), entry('GET /slow', 'n1', [500])]), 1000, 7);
    telemetry.add(
      frame([entry('GET /', 'n2', [10, 10, 40], { errors: 1, count: 4 })], { worker: 1 }),
      2000,
      7,
    );
    const [home, slow] = telemetry.endpoints(2000);
    expect(home).toMatchObject({ endpoint: 'GET /', count: 7, errors: 1 });
    // A bucket is 1/32 wide.
    expect(home!.median).toBeGreaterThan(9.6);
    expect(home!.median).toBeLessThan(10.4);
    expect(home!.p99).toBeGreaterThan(38);
    expect(slow).toMatchObject({ endpoint: 'GET /slow', count: 1 });
  });

  it('forgets what is older than its window, also when nothing new comes', () => {
    const telemetry = new RollingTelemetry(1000);
    telemetry.add(frame([entry('a', 'n', [1])]), 0, 7);
    telemetry.add(frame([entry('b', 'n', [1])]), 900, 7);
    expect(telemetry.endpoints(1000).map(({ endpoint }) => endpoint)).toEqual(['a', 'b']);
    expect(telemetry.endpoints(1001).map(({ endpoint }) => endpoint)).toEqual(['b']);
    expect(telemetry.endpoints(5000)).toEqual([]);
  });

  it('has no durations for an endpoint that only failed', () => {
    const telemetry = new RollingTelemetry(1000);
    telemetry.add(frame([entry('a', 'n', [], { count: 3, errors: 3 })]), 0, 7);
    const tally = { count: 3, errors: 3, median: undefined, p90: undefined, p99: undefined, open: 0 };
    expect(telemetry.endpoints(0)).toMatchObject([
      { endpoint: 'a', ...tally, nodes: [{ node: 'n', ...tally }] },
    ]);
  });

  it('tells what is open on a node only once all workers go by the config asked about', () => {
    const telemetry = new RollingTelemetry(1000);
    expect(telemetry.openOn('n', 2)).toBeUndefined();
    telemetry.add(frame([entry('a', 'n', [], { open: 2 })], { generation: 2 }), 0, 7);
    telemetry.add(frame([entry('a', 'n', [], { open: 1 })], { worker: 1, generation: 1 }), 0, 7);
    expect(telemetry.openOn('n', 2)).toBeUndefined();
    telemetry.add(frame([entry('b', 'n', [], { open: 1 })], { worker: 1, generation: 2 }), 1, 7);
    expect(telemetry.openOn('n', 2)).toBe(3);
    expect(telemetry.openOn('other', 2)).toBe(0);
    telemetry.add(frame([], { generation: 3 }), 2, 7);
    expect(telemetry.openOn('n', 2)).toBe(1);
  });

  it('tells each node apart, how often an endpoint is asked, and what is open where nothing has finished', () => {
    const telemetry = new RollingTelemetry(10_000);
    telemetry.add(
      frame([entry('a', 'n1', [10, 10]), entry('b', 'n1', [], { open: 2 })], { intervalNs: 1_000_000_000n }),
      1000,
      7,
    );
    telemetry.add(
      frame([entry('a', 'n2', [50, 50], { open: 1 }), entry('b', 'n1', [], { open: 2 })], {
        intervalNs: 1_000_000_000n,
      }),
      2000,
      7,
    );
    const [a, b] = telemetry.endpoints(2000);
    expect(a).toMatchObject({
      count: 4,
      frequency: 2,
      open: 1,
      nodes: [
        { node: 'n1', open: 0 },
        { node: 'n2', open: 1 },
      ],
    });
    expect(a!.nodes[0]!.median).toBeLessThan(12);
    expect(a!.nodes[1]!.median).toBeGreaterThan(48);
    expect(b).toMatchObject({ endpoint: 'b', count: 0, open: 2, frequency: 0 });
  });

  it('counts what is open in a process whose place another takes, until it ends', () => {
    const telemetry = new RollingTelemetry(1000);
    telemetry.add(frame([entry('a', 'n', [], { open: 2 })], { generation: 3 }), 0, 7);
    telemetry.add(frame([entry('a', 'n', [], { open: 1 })], { generation: 0 }), 1, 8);
    expect(telemetry.openOn('n', 3)).toBeUndefined();
    telemetry.add(frame([entry('a', 'n', [], { open: 1 })], { generation: 4 }), 2, 8);
    expect(telemetry.openOn('n', 3)).toBe(3);
    telemetry.forget(7);
    expect(telemetry.openOn('n', 3)).toBe(1);
  });

  it('counts every success within the window exactly once, however they are cut into frames', () => {
    const slices = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 50 }), fc.array(fc.integer({ min: 1, max: 900 }))),
      {
        maxLength: 20,
      },
    );
    fc.assert(
      fc.property(slices, (input) => {
        const telemetry = new RollingTelemetry(1_000_000);
        let at = 0;
        for (const [step, durations] of input)
          telemetry.add(frame([entry('e', 'n', durations)]), (at += step), 7);
        const total = input.flatMap(([, durations]) => durations).length;
        expect(telemetry.endpoints(at)[0]?.count ?? 0).toBe(total);
      }),
    );
  });
});
