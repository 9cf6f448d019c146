import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Four } from '../../../shadow/compare/observation.js';
import { partitionOf } from '../../../shadow/compare/partition.js';
import { areOfOneMake, coresOf } from '../../../shadow/compare/one-make.js';
import { traitsOf } from '../../../shadow/compare/shape.js';

const HEX = '0123456789abcdef';
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const drawn = (alphabet: string, length: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength: length, maxLength: length });
const four = (of: fc.Arbitrary<string>): fc.Arbitrary<Four<string>> => fc.tuple(of, of, of, of);

describe('beginnings', () => {
  const begin = (...prefixes: readonly string[]): Four<string> =>
    prefixes.map(
      (prefix, i) => `=${prefix}${'ab1z9Xq_'.repeat(2).slice(i, i + 8)}`,
    ) as unknown as Four<string>;
  const patternsOf = (texts: Four<string>): readonly string[] =>
    traitsOf(texts, undefined, false)
      .filter(({ feature }) => feature === 'prefix')
      .map(({ labels }) => partitionOf(labels).pattern);

  it('that are one for each release are a change, dealt otherwise they are noise', () => {
    expect(patternsOf(begin('user_', 'user_', 'item_', 'item_'))).toEqual(['change']);
    expect(patternsOf(begin('user_', 'item_', 'user_', 'item_'))).toEqual(['cross']);
    expect(patternsOf(begin('user_', 'item_', 'item_', 'user_'))).toEqual(['cross']);
    expect(patternsOf(begin('user_', 'user_', 'item_', 'user_'))).toEqual(['single']);
    expect(patternsOf(begin('user_', 'user_', 'user_', 'user_'))).toEqual([]);
  });
});

describe('ids that begin with the time', () => {
  it('begin alike by the moment alone', () => {
    const ksuids = [
      'l2Jpn46WGHnCty6XQBnMom',
      'l2aZ9dVn3TbQkYw7LmPsRx',
      'kyFHh0DOQDuZmeFaKcNGSG',
      'kyQ3xT8vUe2WnJr5BdLsMz',
    ];
    const texts = ksuids.map((rest) => `3Mj9${rest}q`) as unknown as Four<string>;
    expect(traitsOf(texts, undefined, false)).toEqual([]);
    const others = texts.map((text) => `${text}0`) as unknown as Four<string>;
    expect(traitsOf(others, undefined, false).map(({ feature }) => feature)).toEqual(['prefix']);
  });

  it('do so in either case of their letters', () => {
    const ulids: Four<string> = [
      '01K9X2MZ5T4Q8R7W3VBNC6DHJE',
      '01K9X2MZ5TGW2E9KX4PMS7YAF3',
      '01K9X2MZ7BH3J5N8QTRC2VDW6K',
      '01K9X2MZ7BXP4M9E7ZAG5SKFY2',
    ];
    const lower = ulids.map((text) => text.toLowerCase()) as unknown as Four<string>;
    for (const texts of [ulids, lower]) expect(traitsOf(texts, undefined, false)).toEqual([]);
  });
});

describe('ends of base64', () => {
  it('are those of its bytes, however many there are', () => {
    const end = Buffer.from('IEND, as all of them end');
    const text = (fill: string, length: number): string =>
      Buffer.concat([Buffer.from(fill.repeat(length)), end]).toString('base64');
    const suffixesOf = (texts: Four<string>): readonly string[] =>
      traitsOf(texts, undefined, false)
        .filter(({ feature }) => feature === 'suffix')
        .map(({ labels }) => partitionOf(labels).pattern);
    expect(suffixesOf([text('a', 9), text('b', 12), text('c', 10), text('d', 13)])).toEqual([]);
    const others = ['a', 'b'].map((fill) => text(fill, 9)) as [string, string];
    const changed = ['c', 'd'].map((fill) =>
      Buffer.from(`${fill.repeat(9)}END of another kind, now`).toString('base64'),
    );
    expect(suffixesOf([...others, changed[0]!, changed[1]!])).toEqual(['change']);
  });
});

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

  it('have no trait with the same around them all either', () => {
    const words = fc.oneof(...[HEX, BASE64URL].map((alphabet) => four(drawn(alphabet, 16))), four(fc.uuid()));
    const before = fc.constantFrom('', '/orders/', 's:', 'Bearer ', 'deadbeef.', 'a-b/c=');
    const after = fc.constantFrom('', '/payment', '.json', '==', '; path', '?q=');
    fc.assert(
      fc.property(words, before, after, (cores, prefix, suffix) => {
        const texts = cores.map((core) => prefix + core + suffix) as unknown as Four<string>;
        fc.pre(areOfOneMake(coresOf(texts)));
        // Looked at closely: what is around numbers is never taken off.
        const closely = texts.map((text) => `=${text}=0`) as unknown as Four<string>;
        expect(areOfOneMake(coresOf(closely))).toBe(false);
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
