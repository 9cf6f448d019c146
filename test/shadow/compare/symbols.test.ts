import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Four } from '../../../shadow/compare/observation.js';
import { LIVE_SIDE, Symbols } from '../../../shadow/compare/symbols.js';

const SIDES = [0, 1, 2, 3, LIVE_SIDE];
const NAMES = 10;

/** What the `n`-th thing is called by one side. */
function valueOf(n: number, side: number): string {
  return `${(n * 7919 + side).toString(16).padStart(12, 'a1')}f${side}`;
}

function mint(symbols: Symbols, n: number): void {
  symbols.mint(
    [0, 1, 2, 3].map((side) => valueOf(n, side)) as unknown as Four<string>,
    valueOf(n, LIVE_SIDE),
  );
}

describe('names of issued values', () => {
  it('are forgotten by all sides at once, so that no arm alone has one', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(40), fc.constantFrom(...SIDES))), (steps) => {
        const symbols = new Symbols(false, NAMES);
        for (const [n, used] of steps) {
          mint(symbols, n);
          symbols.apply(used, valueOf(n, used));
          symbols.turn();
          for (let other = 0; other <= 40; other += 1) {
            const isNamed = SIDES.map((side) => symbols.apply(side, valueOf(other, side)).startsWith('⟨'));
            expect(new Set(isNamed).size).toBe(1);
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it("stand for the old arm's value where its effects stand twice, for there is no second old arm", () => {
    const symbols = new Symbols(true);
    const [old, live, fresh] = [0, LIVE_SIDE, 2].map((side) => valueOf(1, side)) as [string, string, string];
    symbols.mint([old, live, fresh, fresh], live);
    const names = [old, old, fresh, fresh].map((value, side) => symbols.apply(side, `doc:${value}`));
    expect(new Set(names).size).toBe(1);
    expect(symbols.apply(1, live)).toBe(symbols.apply(0, old));
  });

  it('stay while any side uses them, and go when none does', () => {
    const symbols = new Symbols(false, NAMES);
    mint(symbols, 0);
    mint(symbols, 1);
    const name = symbols.apply(0, valueOf(0, 0));
    for (let n = 2; n < 20 * NAMES; n += 1) {
      mint(symbols, n);
      expect(symbols.apply(n % 5, valueOf(0, n % 5))).toBe(name);
      symbols.turn();
    }
    expect(symbols.hasForgotten).toBe(true);
    expect(symbols.apply(2, valueOf(1, 2))).toBe(valueOf(1, 2));
    expect(symbols.apply(2, valueOf(0, 2))).toBe(name);
  });
});
