import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { decide, newSizing } from '../../../cluster-agent/sizing/decide.js';
import { explain } from '../../../cluster-agent/sizing/explain.js';
import type { SizingConfig, SizingInput } from '../../../cluster-agent/sizing/input.js';
import { sizingExplanationSchema, type SizingExplanation } from '../../../common/index.js';
import { Printer } from '../../../federator/cli/printer.js';
import { showEndpoints, showExplanations } from '../../../federator/cli/show-sizing.js';
import { tuningOf } from '../../../federator/tuning/told.js';

function shown(show: (printer: Printer) => void): string {
  const out = new PassThrough();
  let text = '';
  out.on('data', (chunk: Buffer) => (text += chunk.toString()));
  show(new Printer({ out, err: new PassThrough() }, {}));
  return text;
}

const TICK = 60_000;
const CONFIG: SizingConfig = {
  reconfigureMs: TICK,
  waitMultiplier: 2,
  least: 1,
  most: 3,
  maxSpend: 0.02,
  shortShare: 0.001,
  targetCeilingMs: undefined,
};

/** A decision after an hour of steady work, explained. */
function explained(work: number, config: Partial<SizingConfig> = {}): SizingExplanation {
  const settings = { ...CONFIG, ...config };
  let before = newSizing(settings);
  let nodes = 2;
  for (let tick = 1; ; tick += 1) {
    const at = Date.UTC(2026, 0, 5) + tick * TICK;
    const observation = { at, work: new Array<number>(60).fill(work), waiting: 0, short: 0, endpoints: [] };
    const input: SizingInput = {
      now: at,
      observation,
      nodes: { serving: nodes, starting: 0 },
      readyMs: 1500,
      announced: [],
      price: 0.01,
    };
    const { state, plan } = decide(before, input, settings);
    if (tick === 60) {
      const context = {
        cluster: 'blue',
        mode: 'sized' as const,
        wanted: plan.nodes,
        spares: 0,
        size: 'small',
      };
      return explain({ before, input, config: settings, plan }, { ...context, problems: plan.notices });
    }
    before = state;
    nodes = plan.nodes;
  }
}

describe('why there are so many nodes', () => {
  it('is told with forecast, price and what would change it, and what it says holds', () => {
    const told = explained(1.2);
    expect(sizingExplanationSchema.parse(JSON.parse(JSON.stringify(told)))).toEqual(told);
    expect(told).toMatchObject({ nodes: 2, price: 0.01, ceiling: 0.02 });
    expect(told.forecast.map(({ aheadMs }) => aheadMs)).toEqual([15_000, 30_000, 60_000, 61_500]);
    for (const { work, upper } of told.forecast) expect(upper).toBeGreaterThanOrEqual(work);
    const falls = told.changes.find(({ what }) => what.startsWith('work falls'));
    expect(falls?.nodes).toBe(1);
    const text = shown((printer) => showExplanations({ clusters: [told], missing: [] }, false, printer));
    expect(text).toContain('blue  2 nodes');
    expect(text).toContain('small: $0.0100 an hour each, $0.0200 together; at most $0.0200 an hour');
    expect(text).toContain('1 node if work falls to');
  });

  it('names the ceiling where it is what holds nodes back', () => {
    const told = explained(2.5);
    expect(told.nodes).toBe(2);
    const free = told.changes.find(({ what }) => what === 'no maxNodes and no maxSpend');
    expect(free!.nodes).toBeGreaterThan(2);
    expect(told.reasons[0]).toContain('allowed by the ceiling');
  });

  it('says what tuning does with the config, where it is on', () => {
    const view = {
      ...{ on: true, best: { waitMultiplier: 2 }, space: {}, undoable: false, steps: [] },
      trial: {
        ...{ id: 1, what: 'waitMultiplier 2 → 3', because: 'a step up', compared: 4, won: 3, budget: 40 },
        ...{ certainty: 0.2, alpha: 0.05, gain: '', phase: 'measuring' as const, since: 0 },
        ...{ challenging: ['blue'], holding: ['green'] },
      },
      clusters: ['blue', 'green', 'red'].map((cluster) => ({
        ...{ cluster, config: {}, weight: cluster === 'green' ? 1.2 : 1, pinned: cluster === 'red' },
      })),
    };
    expect(tuningOf(view, 'blue')).toEqual([
      'has what is tried: waitMultiplier 2 → 3 (a step up); better in 3 of 4 comparisons',
    ]);
    expect(tuningOf(view, 'green')).toEqual([
      'has the best config so far, beside those that try waitMultiplier 2 → 3; better in 3 of 4 comparisons',
      "share of the edge's traffic 1.20",
    ]);
    expect(tuningOf(view, 'red')).toEqual(['leaves its config alone: pinned']);
    expect(tuningOf({ ...view, on: false }, 'blue')).toEqual([]);
    const told = { clusters: [explained(1.2)], missing: [], tuning: { blue: tuningOf(view, 'blue') } };
    expect(shown((printer) => showExplanations(told, false, printer))).toContain(
      'tuning    has what is tried',
    );
  });

  it('says of a cluster that has none what to do', () => {
    const error = { code: 'NOTHING_DECIDED', message: 'not decided yet', remedy: 'Wait.' };
    const text = shown((printer) =>
      showExplanations({ clusters: [], missing: [{ cluster: 'green', error }] }, true, printer),
    );
    expect(text).toContain('green  not decided yet');
    expect(text).toContain('do: Wait.');
  });
});

describe('the route map', () => {
  it('has each endpoint against its target, each node below it where that is asked', () => {
    const tally = { count: 10, errors: 1, median: 30, p90: 40, p99: 50, own: 12, open: 2 };
    const endpoint = { endpoint: 'pay', routes: ['POST /pay'], perfAvg: 10, target: 20, frequency: 0.5 };
    const clusters = [
      { cluster: 'blue', endpoints: [{ ...endpoint, ...tally, nodes: [{ node: 'blue-1', ...tally }] }] },
    ];
    expect(shown((printer) => showEndpoints(clusters, false, printer))).toMatch(
      /blue +pay \(POST \/pay\) +0\.50 +10 ms +20 ms +30 ms +40 ms +50 ms +12 ms +2 +1/,
    );
    expect(shown((printer) => showEndpoints(clusters, true, printer))).toMatch(/blue-1 +10 in all/);
    expect(shown((printer) => showEndpoints([], false, printer))).toContain('no endpoint');
  });
});
