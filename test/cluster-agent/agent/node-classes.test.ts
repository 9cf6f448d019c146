import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clusterConfigSchema,
  nodeClassesOf,
  parseConfig,
  type NodeClass,
  type ProxyNode,
} from '../../../common/index.js';
import { classesFor, withClasses } from '../../../cluster-agent/agent/node-classes.js';

const nodesArbitrary = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,3}$/), { maxLength: 8 }).chain((names) =>
  fc.tuple(
    ...names.map((name) =>
      fc.constantFrom('active' as const, 'drain' as const).map((state): ProxyNode => {
        return { name, address: '127.0.0.1', port: 1, state };
      }),
    ),
  ),
);
const countArbitrary = fc.integer({ min: 1, max: 4 });
const wantedArbitrary = fc
  .dictionary(fc.constantFrom('slow', 'media'), countArbitrary)
  .map((nodeClasses) => nodeClassesOf({ nodeClasses, nodeSize: 'small' }));
/** Classes, some with a size of their own, and which nodes have which. */
const sizedArbitrary = fc.record({
  wanted: fc
    .dictionary(
      fc.constantFrom('slow', 'media'),
      fc.oneof(
        countArbitrary,
        countArbitrary.map((nodes) => ({ nodes, size: 'large' })),
      ),
    )
    .map((nodeClasses) => nodeClassesOf({ nodeClasses, nodeSize: 'small' })),
  large: fc.uniqueArray(fc.nat(7)),
});

const active = (nodes: readonly ProxyNode[]): readonly ProxyNode[] =>
  nodes.filter(({ state }) => state !== 'drain');

describe('classes of nodes', () => {
  it('give every route a node, and a route without a class one that is kept for nobody, while there is any', () => {
    fc.assert(
      fc.property(
        nodesArbitrary,
        wantedArbitrary,
        fc.constantFrom(undefined, 'slow', 'none'),
        (nodes, wanted, nodeClass) => {
          const classed = withClasses(nodes, wanted);
          expect(classed.map(({ name }) => name)).toEqual(nodes.map(({ name }) => name));
          const { nodeClasses } = classesFor({ nodeClass }, classed);
          if (active(nodes).length === 0) return;
          const own = active(classed).filter(
            (node) => nodeClasses === undefined || node.class === nodeClasses[0],
          );
          expect(own.length).toBeGreaterThan(0);
          for (const { name, count } of wanted)
            expect(active(classed).filter((node) => node.class === name).length).toBeLessThanOrEqual(count);
        },
      ),
    );
  });

  it('are as many as wanted where there are enough nodes, whatever order these come in', () => {
    fc.assert(
      fc.property(nodesArbitrary, wantedArbitrary, (nodes, wanted) => {
        const enough = wanted.reduce((sum, { count }) => sum + count, 0) < active(nodes).length;
        const classed = new Map(withClasses(nodes, wanted).map((node) => [node.name, node.class]));
        const turned = new Map(
          withClasses([...nodes].reverse(), wanted).map((node) => [node.name, node.class]),
        );
        expect([...turned].sort()).toEqual([...classed].sort());
        if (!enough) return;
        for (const { name, count } of wanted)
          expect(active(nodes).filter((node) => classed.get(node.name) === name)).toHaveLength(count);
      }),
    );
  });

  it('that have a size get nodes of that size alone, and others none of them', () => {
    fc.assert(
      fc.property(nodesArbitrary, sizedArbitrary, (nodes, { wanted, large }) => {
        const sizes = new Map(
          large.flatMap((i): [string, string][] =>
            nodes[i] === undefined ? [] : [[nodes[i].name, 'large']],
          ),
        );
        const classed = active(withClasses(nodes, wanted, sizes));
        for (const { name, size } of wanted)
          for (const node of classed) if (node.class === name) expect(sizes.get(node.name)).toBe(size);
        for (const { name } of wanted)
          expect(classesFor({ nodeClass: name }, classed).nodeClasses?.length ?? 1).toBeGreaterThan(0);
      }),
    );
  });

  it('say their size where it is not that of the other nodes', () => {
    const read = (nodeClasses: object): NodeClass[] =>
      nodeClassesOf(clusterConfigSchema.parse({ nodes: 5, nodeClasses, nodeSize: 'small' }));
    expect(read({ slow: { nodes: 2, size: 'large' }, media: { nodes: 1, size: 'small' }, beta: 1 })).toEqual([
      { name: 'beta', count: 1, size: undefined },
      { name: 'media', count: 1, size: undefined },
      { name: 'slow', count: 2, size: 'large' },
    ]);
    for (const wrong of [{ slow: { nodes: 5, size: 'large' } }, { slow: { nodes: 1 } }, { slow: 'large' }])
      expect(() => read(wrong)).toThrow();
  });

  it('leave a node for the other routes, or the config is refused', () => {
    const read = (config: object) => parseConfig(clusterConfigSchema, config, 'blue.json');
    expect(read({ nodes: 3, nodeClasses: { slow: 1, media: 1 } }).nodeClasses).toEqual({ slow: 1, media: 1 });
    for (const nodeClasses of [{ slow: 2 }, { slow: 1, media: 1 }, { 'no name': 1 }, { slow: 0 }])
      expect(() => read({ nodes: 2, nodeClasses })).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error,
      );
  });
});
