import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ddmin, type Answer } from '../../../shadow/attribute/ddmin.js';

/** A test of subsets that counts how often it is asked, and about what. */
function counted(answer: (subset: readonly number[]) => Answer): {
  asked: string[];
  test: (subset: readonly number[]) => Promise<Answer>;
} {
  const asked: string[] = [];
  return {
    asked,
    test: async (subset) => {
      asked.push(subset.join());
      return answer(subset);
    },
  };
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const without = (items: readonly number[], item: number): number[] => items.filter((one) => one !== item);

const size = fc.integer({ min: 1, max: 40 });
/** How many items there are, and which of them the difference needs. */
const needs = size.chain((n) =>
  fc.tuple(fc.constant(n), fc.subarray(range(n), { minLength: 1, maxLength: Math.min(4, n) })),
);

describe('ddmin', () => {
  it('finds exactly the items that are needed together', () =>
    fc.assert(
      fc.asyncProperty(needs, async ([n, needed]) => {
        const { test } = counted((subset) =>
          needed.every((item) => subset.includes(item)) ? 'occurs' : 'absent',
        );
        expect(await ddmin(range(n), test)).toEqual({ items: needed, minimal: true });
      }),
    ));

  it('takes about 2 log n trials for one item, and never asks about all or none', () =>
    fc.assert(
      fc.asyncProperty(needs, async ([n, [culprit]]) => {
        const { test, asked } = counted((subset) => (subset.includes(culprit!) ? 'occurs' : 'absent'));
        await ddmin(range(n), test);
        expect(asked.length).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(n)) + 1);
        expect(asked).not.toContain('');
        expect(asked).not.toContain(range(n).join());
      }),
    ));

  it('gives a set in which it occurs and of which no item can be left out, whatever cannot be tried', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 9 }),
        fc.infiniteStream(fc.constantFrom<Answer>('occurs', 'absent', 'unresolved')),
        async (n, answers) => {
          const known = new Map<string, Answer>([
            ['', 'absent'],
            [range(n).join(), 'occurs'],
          ]);
          const answer = (subset: readonly number[]): Answer => {
            const key = subset.join();
            if (!known.has(key)) known.set(key, answers.next().value as Answer);
            return known.get(key)!;
          };
          const { test, asked } = counted(answer);
          const { items, minimal } = await ddmin(range(n), test);
          expect(minimal).toBe(true);
          expect(answer(items)).toBe('occurs');
          for (const item of items) expect(known.get(without(items, item).join())).not.toBe('occurs');
          expect(asked.length).toBeLessThanOrEqual(n * n + 3 * n);
        },
      ),
    ));

  it('gives what it has when no more trials may be made, and says that it may not be the least', () =>
    fc.assert(
      fc.asyncProperty(needs, fc.nat(20), async ([n, needed], budget) => {
        let left = budget;
        const { items, minimal } = await ddmin(range(n), async (subset) => {
          if (left-- <= 0) return 'spent';
          return needed.every((item) => subset.includes(item)) ? 'occurs' : 'absent';
        });
        for (const item of needed) expect(items).toContain(item);
        if (minimal) expect(items).toEqual(needed);
        if (budget === 0 && n > 1) expect(minimal).toBe(false);
      }),
    ));
});
