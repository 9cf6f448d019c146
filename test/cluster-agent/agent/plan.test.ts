import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plan, type PlanInput, type PlannedNode } from '../../../cluster-agent/agent/plan.js';
import type { NodeState } from '../../../common/index.js';

const GROUPS = ['a', 'b', 'c'];
const STATES: NodeState[] = ['starting', 'testing', 'ready', 'draining', 'failed', 'stopped'];

const inputs = fc
  .record({
    active: fc.constantFrom(...GROUPS),
    warm: fc.uniqueArray(fc.constantFrom(...GROUPS), { maxLength: 2 }),
    count: fc.integer({ min: 1, max: 4 }),
    spares: fc.integer({ min: 0, max: 2 }),
    serving: fc.option(fc.constantFrom(...GROUPS), { nil: undefined }),
    states: fc.array(fc.tuple(fc.constantFrom(...GROUPS), fc.constantFrom(...STATES)), { maxLength: 12 }),
  })
  .map(({ states, ...rest }): PlanInput => ({
    ...rest,
    nodes: states.map(([group, state], index) => ({ name: `n${index}`, group, state })),
  }));

const readyIn = ({ nodes }: PlanInput, group: string | undefined): number =>
  nodes.filter((node) => node.group === group && node.state === 'ready').length;

describe('plan', () => {
  it('never takes the traffic from everybody while somebody who serves is ready', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const next = plan(input);
        if (readyIn(input, input.serving) > 0) expect(next.traffic.length).toBeGreaterThan(0);
        for (const name of next.traffic) expect(next.retire).not.toContain(name);
      }),
    );
  });

  it('gives requests only to ready nodes of one group, and to the active one as soon as it is complete', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const next = plan(input);
        const chosen = input.nodes.filter(({ name }) => next.traffic.includes(name));
        expect(chosen.every(({ state, group }) => state === 'ready' && group === next.serving)).toBe(true);
        if (readyIn(input, input.active) >= input.count) expect(next.serving).toBe(input.active);
      }),
    );
  });

  it('settles: when all it starts is ready and all it retires is gone, nothing is left to do', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        let state = input;
        for (let round = 0; round < 4; round++) {
          const next = plan(state);
          const kept = state.nodes.filter(
            ({ name, state: s }) => !next.retire.includes(name) && s !== 'draining' && s !== 'stopped',
          );
          const started = next.start.flatMap(({ group, count }) =>
            Array.from({ length: count }, (_, i) => ({ name: `r${round}-${group}${i}`, group })),
          );
          state = {
            ...state,
            serving: next.serving,
            nodes: [...kept, ...started].map((node) => ({ ...node, state: 'ready' as const })),
          };
        }
        const end = plan(state);
        expect(end).toMatchObject({ start: [], retire: [], serving: input.active });
        expect(end.traffic).toHaveLength(input.count);
        expect(state.nodes).toHaveLength(
          new Set([input.active, ...input.warm]).size * input.count + input.spares,
        );
      }),
    );
  });

  it('gives a spare the requests of a node that is lost, at once and no sooner', () => {
    const nodes = (states: NodeState[]): PlannedNode[] =>
      states.map((state, i) => ({ name: `n${i}`, group: 'a', state }));
    const traffic = (...states: NodeState[]): readonly string[] =>
      plan({ active: 'a', warm: [], count: 2, spares: 1, serving: 'a', nodes: nodes(states) }).traffic;
    expect(traffic('ready', 'ready', 'ready')).toEqual(['n0', 'n1']);
    expect(traffic('starting', 'ready', 'ready')).toEqual(['n1', 'n2']);
    expect(traffic('starting', 'ready', 'failed')).toEqual(['n1']);
  });

  it('takes away nodes that do not work before those that do', () => {
    const nodes = (['failed', 'ready', 'starting', 'ready'] as const).map((state, i) => ({
      name: `n${i}`,
      group: 'a',
      state,
    }));
    expect(plan({ active: 'a', warm: [], count: 2, spares: 0, serving: 'a', nodes }).retire).toEqual([
      'n0',
      'n2',
    ]);
  });
});
