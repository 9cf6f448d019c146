import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Tree } from '../../../shadow/body/tree.js';
import { compareTree } from '../../../shadow/compare/compare-tree.js';
import type { Four } from '../../../shadow/compare/observation.js';
import { Symbols } from '../../../shadow/compare/symbols.js';

const KEYS = ['name', 'total', 'orders', 'customer', 'a-b', '__proto__', 'nested.key'];

const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.nat(3),
  fc.constantFrom('red', 'green', ''),
  fc.uuid(),
  fc.stringMatching(/^[0-9a-f]{16}$/),
);
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('tree'), { maxLength: 3 }),
    fc
      .array(fc.tuple(fc.constantFrom(...KEYS), tie('tree')), { maxLength: 5 })
      // As JSON.parse makes them, `__proto__` too.
      .map((entries) => Object.fromEntries(entries) as Tree),
  ),
}));

/** Another tree in some arms, or the same with other leaves. */
const arms = fc
  .tuple(tree, tree, fc.array(fc.tuple(fc.nat(4), fc.uuid()), { maxLength: 6 }), fc.nat(31))
  .map(([one, other, changes, mask]) =>
    [0, 1, 2, 3, 4].map((side) => {
      const own = (mask >> side) & 1 ? other : one;
      return changes.reduce<Tree>((at, [of, id]) => (of === side ? withId(at, id) : at), own);
    }),
  );

/** The tree with the id in its first object. */
function withId(at: Tree, id: string): Tree {
  if (typeof at !== 'object' || at === null) return id;
  return Array.isArray(at) ? [...(at as readonly Tree[]), id] : { ...at, name: id };
}

function observed(sides: readonly Tree[], symbols: Symbols): readonly unknown[] {
  const seen: unknown[] = [];
  const place = { where: 'body:$', general: 'body:$', inner: '' };
  compareTree(place, sides.slice(0, 4) as unknown as Four<Tree>, sides[4], {
    ...{ symbols, hasLive: true, nowMs: 0, skewMs: 0, single: false },
    ...{ exactIndexes: false, markup: false },
    observe: (observation) => seen.push({ ...observation }),
  });
  return seen;
}

/** Knows names of every length that a key has: it must look for each key among them. */
function wary(): Symbols {
  const symbols = new Symbols(false);
  for (let length = 6; length <= 12; length += 1)
    symbols.mint(
      ['q1', 'q2', 'q3', 'q4'].map((text) => text.padEnd(length, 'z9')) as unknown as Four<string>,
      undefined,
    );
  return symbols;
}

describe('objects of the same keys', () => {
  it('are found to differ just where they are when each key is looked up', () => {
    const numbered = (text: string, from: number): string =>
      text.replace(/⟨id (\d+)⟩/g, (_, n: string) => `⟨id ${Number(n) - from}⟩`);
    fc.assert(
      fc.property(arms, (sides) => {
        const slow = wary();
        expect(slow.mayName('orders')).toBe(true);
        expect(new Symbols(false).mayName('orders')).toBe(false);
        const known = JSON.stringify(observed(sides, slow));
        expect(numbered(known, 7)).toBe(JSON.stringify(observed(sides, new Symbols(false))));
      }),
      { numRuns: 300 },
    );
  });
});
