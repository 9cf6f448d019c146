import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Replacer, replace } from '../../../shadow/correlate/replacer.js';

const value = fc.stringMatching(/^[a-f0-9]{8,20}$/);
const separated = fc.array(value, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'));
const separator = fc.constantFrom(' ', '/', '"', ',', '=', '&', ': ');

describe('replacer', () => {
  it('replaces every value that stands whole, wherever it stands, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(value, { minLength: 1, maxLength: 20 }),
        fc.array(fc.tuple(separator, fc.nat(), fc.boolean()), { maxLength: 30 }),
        (values, pieces) => {
          const replacer = new Replacer();
          for (const [i, from] of values.entries()) replacer.set(from, `<${i}>`);
          let text = '';
          let expected = '';
          for (const [between, pick, known] of pieces) {
            const at = pick % values.length;
            const word = known ? values[at]! : `${values[at]!}0000000000000`;
            const isValue = values.includes(word);
            text += between + word;
            expected += between + (isValue ? `<${values.indexOf(word)}>` : word);
          }
          expect(replace(replacer, text)).toBe(expected);
        },
      ),
    );
  });

  it('finds values of several words among text, the longest first', () => {
    fc.assert(
      fc.property(fc.uniqueArray(separated, { minLength: 2, maxLength: 10 }), (values) => {
        const replacer = new Replacer();
        for (const [i, from] of values.entries()) replacer.set(from, `⟨${i}⟩`);
        for (const [i, from] of values.entries()) {
          expect(replacer.get(from)).toBe(`⟨${i}⟩`);
          expect(replace(replacer, `a "${from}" b`)).toBe(`a "⟨${i}⟩" b`);
        }
      }),
    );
  });

  it('does not touch a value that is a piece of a longer word', () => {
    const replacer = new Replacer();
    replacer.set('abcd1234', 'X');
    replacer.set('k1=v+/w2345', 'Y');
    expect(replace(replacer, 'xabcd1234 abcd12345 abcd1234-x')).toBe('xabcd1234 abcd12345 abcd1234-x');
    expect(replace(replacer, '(k1=v+/w2345)')).toBe('(Y)');
  });

  it('finds a value behind a percent-encoded character', () => {
    const replacer = new Replacer();
    replacer.set('abcd1234', 'X');
    expect(replace(replacer, 'to=%2Forders%2Fabcd1234%3Fa')).toBe('to=%2Forders%2FX%3Fa');
    // Without the sign of a percentage it is a longer word.
    expect(replace(replacer, '/2Fabcd1234 %xabcd1234')).toBe('/2Fabcd1234 %xabcd1234');
    expect(replacer.mayFind('%2Fabcd1234')).toBe(true);
  });

  it('takes time by the text, not by the number of values', () => {
    const replacer = new Replacer();
    for (let i = 0; i < 30_000; i += 1) replacer.set(`tok.${i}.${(i * 7919).toString(16)}ffff${i}`, `t${i}`);
    // A shared first word would make this quadratic: it would not end within the test's deadline.
    for (let i = 0; i < 5_000; i += 1)
      expect(replace(replacer, `Bearer tok.${i}.${(i * 7919).toString(16)}ffff${i}`)).toBe(`Bearer t${i}`);
  });
});
