import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fingerprints } from '../../../shadow/correlate/fingerprints.js';
import { GenerationSet } from '../../../shadow/correlate/generation-set.js';
import { Names } from '../../../shadow/correlate/names.js';

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
    const names = new Names(2, 10);
    const inArm = (arm: number, text: string): string => names.inText(text)?.[arm] ?? text;
    for (let n = 0; n < 100; n += 1) {
      for (const arm of [0, 1]) names.bind(arm, id(n, 'a'), id(n, `${arm}c`), noRole, false);
      // The first name is in use.
      expect(inArm(0, `/x/${id(0, 'a')}`)).toBe(`/x/${id(0, '0c')}`);
      names.turn();
    }
    for (const arm of [0, 1]) {
      expect(inArm(arm, id(0, 'a'))).toBe(id(0, `${arm}c`));
      expect(names.toLive(arm, id(0, `${arm}c`))).toBe(id(0, 'a'));
      expect(inArm(arm, id(99, 'a'))).toBe(id(99, `${arm}c`));
      expect(inArm(arm, id(50, 'a'))).toBe(id(50, 'a'));
    }
    expect(names.hasForgotten(id(50, 'a'))).toBe(true);
    expect(names.hasForgotten(id(0, 'a'))).toBe(false);
    expect(names.hasForgotten(id(500, 'a'))).toBe(false);
  });

  it('stay in an arm by what another arm is asked, or answers itself', () => {
    const names = new Names(2, 10);
    for (let n = 0; n < 100; n += 1) {
      // The second arm did not answer to the first one.
      for (const arm of n === 0 ? [0] : [0, 1]) names.bind(arm, id(n, 'a'), id(n, `${arm}c`), noRole, false);
      expect(names.toLive(0, id(0, '0c'))).toBe(id(0, 'a'));
      names.turn();
    }
    names.bind(1, id(0, 'a'), id(0, '1c'), noRole, false);
    expect(names.inText(id(0, 'a'))).toEqual([id(0, '0c'), id(0, '1c')]);
    expect(names.hasForgotten(id(50, 'a'))).toBe(true);
  });
});
