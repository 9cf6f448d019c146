import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Four } from '../../../shadow/compare/observation.js';
import { areOfOneMake } from '../../../shadow/compare/one-make.js';
import { traitsOf } from '../../../shadow/compare/shape.js';

const HEX = '0123456789abcdef';
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const drawn = (alphabet: string, length: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength: length, maxLength: length });
const four = (of: fc.Arbitrary<string>): fc.Arbitrary<Four<string>> => fc.tuple(of, of, of, of);

describe('random words of one make', () => {
  it('are most ids', () => {
    for (const alphabet of [HEX, BASE64URL]) {
      const samples = fc.sample(four(drawn(alphabet, 40)), { numRuns: 200, seed: 1 });
      expect(samples.filter(areOfOneMake).length).toBeGreaterThan(150);
    }
  });

  it('have no trait, looked at closely', () => {
    // What is no word is looked at closely.
    const words = fc.oneof(...[HEX, BASE64URL].map((alphabet) => four(drawn(alphabet, 16))), four(fc.uuid()));
    fc.assert(
      fc.property(words, (texts) => {
        fc.pre(areOfOneMake(texts));
        const closely = texts.map((text) => `=${text}`) as unknown as Four<string>;
        expect(areOfOneMake(closely)).toBe(false);
        expect(traitsOf(closely, undefined, false)).toEqual([]);
      }),
    );
  });

  it('are not those that differ in any trait', () => {
    const [a, b] = ['0123456789abcdef', 'fedcba9876543210'];
    expect(areOfOneMake([a, b, a.toUpperCase(), b.toUpperCase()])).toBe(false);
    expect(areOfOneMake([a, b, `${a}0`, `${b}0`])).toBe(false);
    expect(areOfOneMake([`01-${a}`, `23-${b}`, `4-5${a}`, `6-7${b}`])).toBe(false);
    expect(areOfOneMake([`a${a}`, `a${b}`, `b${a}`, `b${b}`])).toBe(false);
    expect(areOfOneMake([`${a}1`, `${b}1`, `${a}2`, `${b}2`])).toBe(false);
    const uuid = (version: string): string => `01234567-89ab-${version}def-8123-456789abcdef`;
    expect(areOfOneMake([uuid('4'), uuid('4'), uuid('7'), uuid('7')])).toBe(false);
  });
});
