import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Four } from '../../../shadow/compare/observation.js';
import { partitionOf } from '../../../shadow/compare/partition.js';
import { compare, html, IDS, json, NOW, observe, raw, type Bodies } from './answer-setup.js';

describe('comparing words and ids', () => {
  it('takes the name of an id for one word, where the arms name another in a sentence', () => {
    const other = ['aa11bb22cc33dd44', 'ee55ff66aa77bb88', '9f8e7d6c5b4a3f2e', '0a1b2c3d4e5f6a7b'];
    const bodies = [0, 1, 2, 3].map((side) =>
      JSON.stringify({
        x: IDS[side],
        y: other[side],
        text: `see ${side === 3 ? other[side]! : IDS[side]!} now`,
      }),
    );
    expect(json(bodies as unknown as Bodies)).toEqual([
      'body:$.x value id',
      'body:$.y value id',
      'body:$.text value single',
      'body:$.text word 2 value single',
    ]);
  });

  it.each([
    ['2026-05-01T09:59:59.990Z', '2026-05-01T10:00:00.010Z'],
    ['Fri, 01 May 2026 09:59:59 GMT', 'Fri, 01 May 2026 10:00:00 GMT'],
    ['Fri May 01 2026 09:59:59 GMT+0000 (UTC)', 'Fri May 01 2026 10:00:00 GMT+0000 (UTC)'],
  ])('takes a time within a sentence for one, on either side of a full hour: %s, %s', (before, after) => {
    const pages = [before, before, after, after, before].map((at) => `<p>Page made at ${at} for you</p>`);
    expect(html(pages as unknown as Bodies)).toContain('body:/p[0]/text()[0] value time');
    expect(html(pages as unknown as Bodies).filter((one) => /change/.test(one))).toEqual([]);
    const visits = pages.map((page, side) => page.replace('you', `visitor ${side}`));
    expect(html(visits as unknown as Bodies).filter((one) => /change/.test(one))).toEqual([]);
    const changed = pages.map((page, side) => page.replace('for', side < 2 ? 'for' : 'by'));
    expect(html(changed as unknown as Bodies)).toContain('body:/p[0]/text()[0] value change');
  });

  it('ends, whatever sentences the arms make of whatever ids', () => {
    const word = fc.constantFrom(...IDS, 'a', 'b1', '⟨id 1⟩', '⟨', '⟩', '"', '{', '}', ',', '7');
    const text = fc.array(word, { maxLength: 6 }).map((words) => words.join(' '));
    const body = fc.record({ a: text, b: text, c: fc.array(text, { maxLength: 3 }) });
    fc.assert(
      fc.property(fc.tuple(body, body, body, body, body), (bodies) => {
        json(bodies.map((one) => JSON.stringify(one)) as unknown as Bodies);
        html(bodies.map((one) => `<p>${one.a}</p><i>${one.b}</i>`) as unknown as Bodies);
      }),
    );
  });

  it('does not name words of one length, as a shop draws them by chance', () => {
    const slugs = ['blue-hats', 'red-socks', 'old-chair', 'wax-seals', 'tin-boxes'];
    expect(json(slugs.map((slug) => `{"pick":"${slug}"}`) as unknown as Bodies)).toEqual([
      'body:$.pick value scattered',
    ]);
  });

  it('names random texts that happen to have no digit', () => {
    const codes = ['gSdavlKR', 'HEyowMXO', 'JkaGCzlq', 'LHoSEWUy', 'qpWErtzu'];
    expect(json(codes.map((code) => `{"code":"${code}"}`) as unknown as Bodies)).toEqual([
      'body:$.code value id',
    ]);
  });

  it('never names alike what the update alone changed', () => {
    const [old, fresh] = IDS;
    expect(json([`"${old!}"`, `"${old!}"`, `"${fresh!}"`, `"${fresh!}"`, `"${old!}"`])).toEqual([
      'body:$ value change',
    ]);
  });

  it('sees another constant prefix on random values', () => {
    const values = IDS.map((id, i) => `{"h":"$2${i < 2 || i === 4 ? 'a' : 'b'}$04$${id}.${id}/x"}`);
    expect(json(values as unknown as Bodies)).toContain('body:$.h value change');
  });

  it('sees what changes beside ids in a text without white space', () => {
    const line = (side: number): string =>
      `${IDS[side]!},${NOW + side * 7919},"{""a"":${side < 2 || side === 4 ? 8 : 10},""b"":""x""}"`;
    const lines = IDS.map((_, side) => raw(`id,at,v\n${line(side)}`, 'text/csv'));
    expect(compare(lines)).toContain('body:[1] value change');
    const other = IDS.map((id, side) =>
      raw(`${id},${side < 2 || side === 4 ? 'a-b' : 'a\\x2db'}`, 'text/csv'),
    );
    expect(compare(other)).toContain('body word 2 value change');
  });

  it('takes no word at its word among words that are dealt one by one', () => {
    // As marked 4 hides an address from harvesters: each character in decimal or in hex, by chance.
    const mangled = fc
      .array(fc.boolean(), { minLength: 8, maxLength: 8 })
      .map((hex) =>
        [...'me@x.org']
          .map((c, i) => `&#${hex[i]! ? `x${c.charCodeAt(0).toString(16)}` : c.charCodeAt(0)};`)
          .join(''),
      );
    fc.assert(
      fc.property(fc.array(mangled, { minLength: 5, maxLength: 5 }), (texts) => {
        fc.pre(texts[0] !== texts[1] && texts[2] !== texts[3]);
        const seen = observe(
          texts.map((text) => raw(`<p>mail <a href="mailto:${text}">me</a></p>`, 'text/html')),
        );
        const taken = seen.filter(
          ({ labels, frail, explained, liveAgrees }) =>
            explained === undefined &&
            frail !== true &&
            liveAgrees !== false &&
            partitionOf(labels).pattern === 'change',
        );
        const patterns = [...'me@x.org'].map(
          (_, i) =>
            partitionOf(texts.slice(0, 4).map((text) => text.split(';')[i]!) as unknown as Four<string>)
              .pattern,
        );
        fc.pre(patterns.includes('cross'));
        expect(taken).toEqual([]);
      }),
    );
  });

  it('takes a word at its word beside an id that happens to be all digits, and beside numbers', () => {
    const refs = ['8afe6d91', '85266746', '8afe6d91', '85266746', '1c4ca8c0'];
    const lines = refs.map(
      (ref, side) => `"ref ${ref}: took 0.${side % 2}7 total ${side < 2 || side === 4 ? '' : '$'}24.00"`,
    );
    const seen = observe(lines.map((line) => raw(line, 'application/json')));
    const total = seen.filter(({ labels, frail }) => frail !== true && labels[2] === '$24.00');
    expect(total.map(({ place }) => place.inner)).toEqual([' word 6']);
  });
});
