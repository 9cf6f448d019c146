import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Place } from '../../../shadow/compare/observation.js';
import { TallyTable, coarser } from '../../../shadow/verdict/tally-table.js';

const placeOf = (general: string, inner = ''): Place => ({ where: general, general, inner });

const step = fc.oneof(
  fc.stringMatching(/^\.[a-z]{1,8}$/),
  fc.constantFrom('[*]', '["x-y"]', '/p[2]', '/@href', '[7]'),
);
const place = fc
  .tuple(
    fc.constantFrom('body:$', 'body:', 'state:mongo:orders', 'header:x-a', 'status', 'file:a/b'),
    fc.array(step, { maxLength: 6 }),
    fc.constantFrom('', ' as jwt $.sub', ' word 3'),
  )
  .map(([root, steps, inner]) => placeOf(root + steps.join(''), inner));

describe('the places that are told apart', () => {
  it('are bounded, and every observation has one', () => {
    fc.assert(
      fc.property(fc.array(place, { maxLength: 60 }), (places) => {
        const table = new TallyTable(() => ({ seen: 0 }), 10);
        for (const one of places) table.of('GET /', one, 'value').seen += 1;
        const seen = [...table.values()].map((entry) => entry.seen);
        expect(seen.reduce((sum, n) => sum + n, 0)).toBe(places.length);
        // Five roots at most beyond the limit: body, state, header, status, file.
        expect(table.size).toBeLessThanOrEqual(15);
        if (table.size < 10) expect(table.folded).toBe(0);
      }),
    );
  });

  it('of an endless dictionary are those seen first, and all others one', () => {
    const table = new TallyTable((_, { general }) => general, 3);
    const names = Array.from(
      { length: 100 },
      (_, i) => `body:$.users.name${String.fromCharCode(97 + (i % 26))}${i}`,
    );
    const found = new Set(names.map((name) => table.of('GET /', placeOf(name), 'value')));
    expect(found.size).toBe(4);
    expect(table.folded).toBe(97);
  });

  it('become coarser step by step, until the root', () => {
    let at = placeOf('body:$.items[*].name', ' as jwt $.sub');
    const seen: string[] = [];
    for (let i = 0; i < 8; i += 1) {
      at = coarser(at);
      seen.push(at.general);
    }
    expect(seen.slice(0, 2)).toEqual(['body:$.items[*].name', 'body:$.items[*].*']);
    expect(seen.at(-1)).toBe('body:*');
  });
});
