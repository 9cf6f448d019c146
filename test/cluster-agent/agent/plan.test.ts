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
    large: fc.dictionary(fc.constantFrom(...GROUPS), fc.nat(3)),
    states: fc.array(
      fc.tuple(
        fc.constantFrom(...GROUPS),
        fc.constantFrom(...STATES),
        fc.option(fc.constantFrom('large', 'old'), { nil: undefined, freq: 2 }),
      ),
      { maxLength: 12 },
    ),
  })
  .map(({ states, large, ...rest }): PlanInput => ({
    ...rest,
    // One node at least is of the size that all others have.
    sized: new Map(
      Object.entries(large).flatMap(([group, count]): [string, { size: string; count: number }[]][] => {
        const most = Math.min(count, rest.count - 1);
        return most === 0 ? [] : [[group, [{ size: 'large', count: most }]]];
      }),
    ),
    nodes: states.map(([group, state, size], index) => ({
      ...{ name: `n${index}`, group, state },
      ...(size === undefined ? {} : { size }),
    })),
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
          const started = next.start.flatMap(({ group, count, size }) =>
            Array.from({ length: count }, (_, i) => ({
              ...{ name: `r${round}-${group}${size}${i}`, group },
              ...(size === undefined ? {} : { size }),
            })),
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
        for (const group of [input.active, ...input.warm]) {
          const large = input.sized?.get(group)?.[0]?.count ?? 0;
          const own = state.nodes.filter((node) => node.group === group);
          expect(own.filter(({ size }) => size === 'large')).toHaveLength(large);
          expect(own.filter(({ size }) => size === 'old')).toEqual([]);
        }
        const serving = state.nodes.filter(({ name }) => end.traffic.includes(name));
        expect(serving.filter(({ size }) => size === 'large')).toHaveLength(
          input.sized?.get(input.active)?.[0]?.count ?? 0,
        );
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

  it('lets nodes of one size stand in for those of another until these are there', () => {
    const sized = new Map([['a', [{ size: 'large', count: 1 }]]]);
    const of = (state: NodeState, size?: string) => ({ state, ...(size === undefined ? {} : { size }) });
    const planned = (...nodes: { state: NodeState; size?: string }[]) =>
      plan({
        ...{ active: 'a', warm: [], count: 2, spares: 0, serving: 'a', sized },
        nodes: nodes.map((node, i) => ({ name: `n${i}`, group: 'a', ...node })),
      });
    const before = planned(of('ready'), of('ready'));
    expect(before).toMatchObject({
      start: [{ group: 'a', count: 1, size: 'large' }],
      ...{ retire: [], traffic: ['n0', 'n1'] },
    });
    expect(planned(of('ready'), of('ready'), of('testing', 'large'))).toMatchObject({
      start: [],
      retire: [],
    });
    expect(planned(of('ready'), of('ready'), of('ready', 'large'))).toMatchObject({
      ...{ retire: ['n1'], traffic: ['n0', 'n2'] },
    });
    expect(planned(of('ready'), of('failed', 'large')).traffic).toEqual(['n0']);
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
