import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simulateGroups } from '../../../bench/sizing/queue.js';
import { MIXES } from '../../../bench/sizing/mixes.js';
import {
  groupEndpoints,
  scaleTo,
  type EndpointLoad,
  type GroupingInput,
  type NodeGroup,
} from '../../../cluster-agent/sizing/grouping.js';
import { nodeClassesOf, shareNodes, withGroups } from '../../../cluster-agent/sizing/grouping-classes.js';
import { allBusy, meanWait, mix, residual, workOf } from '../../../cluster-agent/sizing/wait-model.js';
import type { ProxyNode } from '../../../common/index.js';

const SIZE = { size: 'small', price: 1, speed: 1 };

const load = (endpoint: string, rate: number, mean: number, multiplier = 2): EndpointLoad => ({
  endpoint,
  rate,
  mean,
  square: 2 * mean ** 2,
  target: mean * multiplier,
});

const inputOf = (endpoints: readonly EndpointLoad[], fields: Partial<GroupingInput> = {}): GroupingInput => ({
  endpoints,
  sizes: [SIZE],
  least: 1,
  most: 400,
  ...fields,
});

const loadsArbitrary = (most: number): fc.Arbitrary<EndpointLoad[]> =>
  fc
    .array(
      fc.record({
        rate: fc.double({ min: 0.01, max: 200, noNaN: true }),
        mean: fc.double({ min: 0.5, max: 20_000, noNaN: true }),
        variance: fc.double({ min: 0, max: 4, noNaN: true }),
        multiplier: fc.option(fc.double({ min: 1.05, max: 5, noNaN: true }), { nil: undefined }),
      }),
      { minLength: 1, maxLength: most },
    )
    .map((rows) =>
      rows.map(({ rate, mean, variance, multiplier }, i) => ({
        endpoint: `e${i}`,
        // At most some 20 nodes of work each, so that the search stays within the nodes there may be.
        rate: Math.min(rate, 20_000 / mean),
        mean,
        square: mean ** 2 * (1 + variance),
        target: multiplier === undefined ? undefined : mean * multiplier,
      })),
    );
const sizesArbitrary = fc.constantFrom(
  [SIZE],
  [SIZE, { size: 'large', price: 1.7, speed: 2 }],
  [{ size: 'slow', price: 0.4, speed: 0.5 }, SIZE, { size: 'large', price: 2.5, speed: 2 }],
);
const total = (groups: readonly NodeGroup[]): number => groups.reduce((sum, { nodes }) => sum + nodes, 0);

describe('the wait model', () => {
  it('is exact where theory is: one node, and exponential service', () => {
    // M/D/1 at 0.5: ρ / (2 (1 − ρ)) of the service time.
    expect(meanWait({ rate: 50, mean: 10, square: 100 }, 1)).toBeCloseTo(5, 9);
    // M/M/2 at ρ = 0.5: C = 1/3, wait = C × mean / (c − a).
    expect(allBusy(2, 1)).toBeCloseTo(1 / 3, 12);
    expect(meanWait({ rate: 100, mean: 10, square: 200 }, 2)).toBeCloseTo(10 / 3, 9);
  });

  it('falls with every node, and is without end below the work', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 60, noNaN: true }),
        fc.integer({ min: 1, max: 80 }),
        (work, nodes) => {
          const traffic = { rate: work * 100, mean: 10, square: 300 };
          const wait = meanWait(traffic, nodes);
          if (workOf(traffic) >= nodes) expect(wait).toBe(Infinity);
          else expect(meanWait(traffic, nodes + 1)).toBeLessThanOrEqual(wait);
        },
      ),
    );
  });
});

describe('grouping', () => {
  it('keeps long infrequent work off the nodes of the short, where that is cheaper', () => {
    const { groups, price, ungrouped } = groupEndpoints(
      inputOf([load('report', 0.2, 10_000), load('page', 100, 50)]),
    );
    expect(groups.map(({ endpoints }) => endpoints)).toEqual([['page'], ['report']]);
    expect(price).toBeLessThan(ungrouped!.price);
  });

  it('leaves alike endpoints together', () => {
    const { groups } = groupEndpoints(inputOf([load('a', 20, 50), load('b', 20, 60), load('c', 20, 55)]));
    expect(groups).toHaveLength(1);
  });

  it('never costs more than no grouping, and meets every target by its own model', () => {
    fc.assert(
      fc.property(
        loadsArbitrary(12),
        sizesArbitrary,
        fc.integer({ min: 1, max: 3 }),
        (loads, sizes, least) => {
          const { groups, price, ungrouped, unattainable } = groupEndpoints(inputOf(loads, { sizes, least }));
          if (ungrouped !== undefined) expect(price).toBeLessThanOrEqual(ungrouped.price);
          expect(groups.flatMap(({ endpoints }) => endpoints).sort()).toEqual(
            loads.map(({ endpoint }) => endpoint).sort(),
          );
          if (groups.some(({ wait }) => wait === Infinity)) return;
          for (const { endpoints, wait, nodes, work, size } of groups) {
            const { speed } = sizes.find((one) => one.size === size)!;
            expect(nodes).toBeGreaterThanOrEqual(least);
            expect(nodes).toBeGreaterThan(work);
            for (const endpoint of endpoints) {
              const { mean, target } = loads.find((one) => one.endpoint === endpoint)!;
              const allowed =
                target === undefined || unattainable.includes(endpoint)
                  ? mean / speed
                  : target - mean / speed;
              expect(wait).toBeLessThanOrEqual(allowed * (1 + 1e-9) + 1e-9);
            }
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('is as cheap as the best of all cuts tried one by one', () => {
    fc.assert(
      fc.property(
        loadsArbitrary(6),
        sizesArbitrary,
        fc.integer({ min: 1, max: 2 }),
        (loads, sizes, least) => {
          const input = inputOf(loads, { sizes, least, most: 150 });
          const found = groupEndpoints(input);
          fc.pre(found.unattainable.length === 0);
          const best = cheapestOfAll(input);
          fc.pre(best.nodes <= 150);
          expect(found.price).toBeCloseTo(best.price, 6);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('does not depend on the order of endpoints', () => {
    const shuffled = loadsArbitrary(10).chain((loads) =>
      fc.tuple(fc.constant(loads), fc.shuffledSubarray(loads, { minLength: loads.length })),
    );
    fc.assert(
      fc.property(shuffled, ([loads, other]) => {
        expect(groupEndpoints(inputOf(other))).toEqual(groupEndpoints(inputOf(loads)));
      }),
      { numRuns: 100 },
    );
  });

  it('takes a thousand endpoints, and passes over figures that cannot be', () => {
    const loads = Array.from({ length: 1000 }, (_, i) => load(`e${i}`, 0.5, 1.01 ** i));
    const broken = [load('unused', 0, 10), load('lost', NaN, 10), load('endless', 1, Infinity)];
    const { groups, price, ungrouped } = groupEndpoints(inputOf([...loads, ...broken], { most: 10_000 }));
    expect(groups.flatMap(({ endpoints }) => endpoints)).toHaveLength(1000);
    expect(price).toBeLessThanOrEqual(ungrouped?.price ?? Infinity);
    expect(groupEndpoints(inputOf(broken)).groups).toEqual([]);
  });

  it('says which targets nothing meets, and lets them wait no longer than they take', () => {
    const { groups, unattainable } = groupEndpoints(
      inputOf([load('page', 100, 50), load('hopeless', 1, 100, 0.5)]),
    );
    expect(unattainable).toEqual(['hopeless']);
    expect(groups.find(({ endpoints }) => endpoints.includes('hopeless'))!.wait).toBeLessThanOrEqual(100);
  });

  it('takes every node there may be when the work alone is more', () => {
    const { groups, ungrouped } = groupEndpoints(inputOf([load('a', 1000, 100)], { most: 5 }));
    expect(groups).toMatchObject([{ nodes: 5, wait: Infinity }]);
    expect(ungrouped).toBeUndefined();
  });

  it('is not chosen where its groups together are more nodes than there may be', () => {
    const loads = [load('report', 0.2, 10_000), load('page', 100, 50)];
    const { groups } = groupEndpoints(inputOf(loads, { most: 12, least: 7 }));
    expect(groups).toHaveLength(1);
  });

  it('is judged on forecast work', () => {
    const loads = scaleTo([load('a', 10, 100), load('b', 1, 1000)], 6);
    expect(loads.map(({ rate }) => rate)).toEqual([30, 3]);
  });
});

describe('a grouping in simulated queues', () => {
  it.each(MIXES)('$name: keeps its promise, with fewer nodes than no grouping needs', ({ loads }) => {
    const { groups, ungrouped } = groupEndpoints(inputOf(loads));
    const missed = (of: readonly NodeGroup[]): string[] => {
      const answers = simulateGroups(loads, of, 300_000, 7);
      return loads
        .filter(({ endpoint, target }) => answers.get(endpoint)! > target!)
        .map(({ endpoint }) => endpoint);
    };
    const together = (nodes: number): NodeGroup[] => [
      {
        nodeClass: 'all',
        endpoints: loads.map(({ endpoint }) => endpoint),
        size: 'small',
        nodes,
        work: 0,
        wait: 0,
      },
    ];
    expect(missed(groups)).toEqual([]);
    expect(total(groups)).toBeLessThan(ungrouped!.nodes);
    // As many nodes, shared by all, break the promise to the short ones.
    expect(missed(together(total(groups)))).toContain(groups[0]!.endpoints[0]);
  });
});

describe('groups as classes of nodes', () => {
  const groups: NodeGroup[] = [
    { nodeClass: 'group-0', endpoints: ['page'], size: 'small', nodes: 3, work: 2, wait: 5 },
    { nodeClass: 'group-1', endpoints: ['search'], size: 'small', nodes: 2, work: 1, wait: 50 },
    { nodeClass: 'group-2', endpoints: ['report'], size: 'small', nodes: 1, work: 0.5, wait: 500 },
  ];
  const nodesOf = (count: number): ProxyNode[] =>
    Array.from({ length: count }, (_, i) => ({ name: `n${i}`, address: '127.0.0.1', port: 1 + i }));
  const routes = [
    { pattern: '/', endpoint: 'page' },
    { pattern: '/x' },
    { pattern: '/s', endpoint: 'search' },
    { pattern: '/r', endpoint: 'report' },
  ];

  it('lend the idle nodes of the long to the short, never the reverse; what was not measured counts as long', () => {
    expect(nodeClassesOf(groups, 'page')).toEqual(['group-0', 'group-1', 'group-2']);
    expect(nodeClassesOf(groups, 'report')).toEqual(['group-2']);
    expect(nodeClassesOf(groups, 'unknown')).toEqual(['group-2']);
  });

  it('share all nodes there are, and none goes without', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 60 }), (nodes) => {
        const shares = shareNodes(groups, nodes);
        expect(shares.reduce((sum, count) => sum + count, 0)).toBe(nodes);
        expect(Math.min(...shares)).toBeGreaterThanOrEqual(1);
        if (nodes >= 6) groups.forEach((group, i) => expect(shares[i]).toBeGreaterThanOrEqual(group.nodes));
      }),
    );
  });

  it('stand only where each has a node', () => {
    expect(withGroups({ nodes: nodesOf(2), routes }, groups)).toEqual({ nodes: nodesOf(2), routes });
    const { nodes, routes: grouped } = withGroups({ nodes: nodesOf(3), routes }, groups);
    expect(new Set(nodes.map((node) => node.class)).size).toBe(3);
    expect(grouped.map(({ nodeClasses }) => nodeClasses?.[0])).toEqual([
      'group-0',
      'group-2',
      'group-1',
      'group-2',
    ]);
  });

  it('are none for endpoints that a release does not have: their nodes would serve nobody', () => {
    const others = [{ pattern: '/new' }, { pattern: '/', endpoint: 'page' }];
    const listed = { nodes: nodesOf(4), routes: others };
    expect(withGroups(listed, groups)).toEqual(listed);
    const two = withGroups(
      { nodes: nodesOf(4), routes: [...others, { pattern: '/r', endpoint: 'report' }] },
      groups,
    );
    expect(new Set(two.nodes.map((node) => node.class))).toEqual(new Set(['group-0', 'group-2']));
  });

  it('move only nodes that must', () => {
    const first = withGroups({ nodes: nodesOf(6), routes }, groups).nodes;
    const before = new Map(first.map((node) => [node.name, node.class!]));
    const reversed = [...first].reverse();
    const again = withGroups({ nodes: reversed, routes }, groups, before).nodes;
    expect(new Map(again.map((node) => [node.name, node.class!]))).toEqual(before);
    const fewer = withGroups({ nodes: nodesOf(5), routes }, groups, before).nodes;
    expect(fewer.filter((node) => node.class !== before.get(node.name)).length).toBeLessThanOrEqual(1);
  });

  it('take nodes of the size that was asked for', () => {
    const sized = groups.map((group, i) => (i === 2 ? { ...group, size: 'large' } : group));
    const sizes = new Map([...'012345'].map((n) => [`n${n}`, n === '0' ? 'large' : 'small']));
    const { nodes } = withGroups({ nodes: nodesOf(6), routes }, sized, new Map(), sizes);
    expect(nodes[0]!.class).toBe('group-2');
  });

  it('leave the drained their class', () => {
    const before = new Map([['n0', 'group-1']]);
    const nodes = nodesOf(5).map((node, i) => (i === 0 ? { ...node, state: 'drain' as const } : node));
    expect(withGroups({ nodes, routes }, groups, before).nodes[0]!.class).toBe('group-1');
  });
});

/** All cuts, all sizes, one node more at a time. */
function cheapestOfAll({ endpoints, sizes, least, most }: GroupingInput): { price: number; nodes: number } {
  const sorted = [...endpoints].sort((a, b) => a.mean - b.mean);
  let best = { price: Infinity, nodes: Infinity };
  for (let cuts = 0; cuts < 2 ** (sorted.length - 1); cuts += 1) {
    let [price, nodes, from] = [0, 0, 0];
    for (let to = 1; to <= sorted.length; to += 1) {
      if (to < sorted.length && ((cuts >> (to - 1)) & 1) === 0) continue;
      const own = sorted.slice(from, to);
      const options = sizes.map((size) => {
        const faster = (load: EndpointLoad) => ({
          rate: load.rate,
          mean: load.mean / size.speed,
          square: load.square / size.speed ** 2,
        });
        const none = { rate: 0, mean: 0, square: 0 };
        const lent = residual(sorted.slice(0, from).map(faster).reduce(mix, none));
        const traffic = own.map(faster).reduce(mix, none);
        const allowed = Math.min(
          ...own.map(({ mean, target }) =>
            target === undefined ? mean / size.speed : target - mean / size.speed,
          ),
        );
        let count = least;
        while (count <= most && !(meanWait(traffic, count) <= allowed - lent)) count += 1;
        return { price: count > most ? Infinity : count * size.price, count };
      });
      const cheapest = options.reduce((a, b) => (b.price < a.price ? b : a));
      price += cheapest.price;
      nodes += cheapest.count;
      from = to;
    }
    if (price < best.price - 1e-9) best = { price, nodes };
  }
  return best;
}
