import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bindings, SharedNames } from '../../../shadow/correlate/bindings.js';
import { Fingerprints } from '../../../shadow/correlate/fingerprints.js';
import { GenerationSet } from '../../../shadow/correlate/generation-set.js';

const id = (n: number, of: string): string => `${of}${n.toString(16).padStart(12, '0')}f1`;
const noRole = { key: '', resources: [] };

describe('fingerprints', () => {
  it('are a set of words with bits, however they are added and removed', () => {
    const word = fc.nat(40).map((n) => `w${n}`);
    const step = fc.oneof(
      fc.record({ add: word, bits: fc.integer({ min: 1, max: 255 }) }),
      fc.record({ remove: word }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const [set, model] = [new Fingerprints(), new Map<string, number>()];
        for (const one of steps)
          if ('add' in one) {
            set.add(one.add, one.bits);
            model.set(one.add, (model.get(one.add) ?? 0) | one.bits);
          } else {
            set.delete(one.remove);
            model.delete(one.remove);
          }
        for (let n = 0; n <= 40; n += 1) expect(set.get(`w${n}`)).toBe(model.get(`w${n}`) ?? 0);
        expect(set.size).toBe(model.size);
      }),
    );
  });

  it('keep many, through growing and through removing as many as are added', () => {
    const set = new Fingerprints();
    for (let n = 0; n < 20_000; n += 1) {
      set.add(`w${n}`, 1);
      if (n >= 5000) set.delete(`w${n - 5000}`);
    }
    expect(set.size).toBe(5000);
    for (let n = 0; n < 20_000; n += 1) expect(set.get(`w${n}`)).toBe(n < 15_000 ? 0 : 1);
  });
});

describe('a set of two generations', () => {
  it('keeps the last words it was told to keep, and at most twice as many', () => {
    const set = new GenerationSet(100);
    for (let n = 0; n < 1000; n += 1) set.add(`w${n}`);
    for (let n = 900; n < 1000; n += 1) expect(set.has(`w${n}`)).toBe(true);
    for (let n = 0; n < 800; n += 1) expect(set.has(`w${n}`)).toBe(false);
  });
});

describe('names that go by generations', () => {
  it('are forgotten by all arms at once, unless one is used, and known to be forgotten', () => {
    const names = new SharedNames(10);
    const arms = [new Bindings(names, 0), new Bindings(names, 1)];
    for (let n = 0; n < 100; n += 1) {
      for (const [i, arm] of arms.entries()) arm.bind(id(n, 'a'), id(n, `${i}c`), noRole, false);
      // The first name is in use by one arm alone.
      expect(arms[0]!.inText(`/x/${id(0, 'a')}`)).toBe(`/x/${id(0, '0c')}`);
      names.generations.turn();
    }
    for (const [i, arm] of arms.entries()) {
      expect(arm.inText(id(0, 'a'))).toBe(id(0, `${i}c`));
      expect(arm.inText(id(99, 'a'))).toBe(id(99, `${i}c`));
      expect(arm.inText(id(50, 'a'))).toBe(id(50, 'a'));
      expect(arm.hasForgotten(id(50, 'a'))).toBe(true);
      expect(arm.hasForgotten(id(0, 'a'))).toBe(false);
      expect(arm.hasForgotten(id(500, 'a'))).toBe(false);
    }
  });
});
