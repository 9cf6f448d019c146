import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clusterConfigSchema, parseConfig, type ProxyNode } from '../../../common/index.js';
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
const wantedArbitrary = fc.dictionary(fc.constantFrom('slow', 'media'), fc.integer({ min: 1, max: 4 }));

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
          for (const [name, count] of Object.entries(wanted))
            expect(active(classed).filter((node) => node.class === name).length).toBeLessThanOrEqual(count);
        },
      ),
    );
  });

  it('are as many as wanted where there are enough nodes, whatever order these come in', () => {
    fc.assert(
      fc.property(nodesArbitrary, wantedArbitrary, (nodes, wanted) => {
        const enough = Object.values(wanted).reduce((sum, count) => sum + count, 0) < active(nodes).length;
        const classed = new Map(withClasses(nodes, wanted).map((node) => [node.name, node.class]));
        const turned = new Map(
          withClasses([...nodes].reverse(), wanted).map((node) => [node.name, node.class]),
        );
        expect([...turned].sort()).toEqual([...classed].sort());
        if (!enough) return;
        for (const [name, count] of Object.entries(wanted))
          expect(active(nodes).filter((node) => classed.get(node.name) === name)).toHaveLength(count);
      }),
    );
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
