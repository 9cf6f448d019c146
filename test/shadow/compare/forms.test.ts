import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { compare, html, IDS, json, observe, raw, type Bodies } from './answer-setup.js';

describe('comparing how answers are written', () => {
  it('compares how markup is written where it means the same, beside noise too', () => {
    const told = (pages: readonly string[]): string[] =>
      html(pages as unknown as Bodies).filter((one) => /change$/.test(one));
    const four = (old: string, fresh: string): string[] => [old, old, fresh, fresh, old];
    expect(told(four('<p>a &amp; b</p>', '<p>a &#38; b</p>'))).toEqual(['body form form change']);
    expect(told(four('<p>a</p>\n<p>b</p>', '<p>a</p><p>b</p>'))).toEqual(['body form form change']);
    const noisy = (pages: readonly string[]): string[] =>
      told(pages.map((page, i) => `<i id="${IDS[i]!}"></i>${page}`));
    expect(noisy(four('<p>a &amp; b</p>', '<p>a &#38; b</p>'))).toEqual([
      'body:/p[1]/text()[0] spelling form change',
    ]);
    // Texts of other lengths and longer lists elsewhere are no other form.
    const script = (i: number): string => `<script>r=0.${'123456789'.slice(0, 4 + (i % 3))}${i}</script>`;
    const list = (i: number): string => `<ul>${'<li>x</li>'.repeat(1 + (i % 3))}</ul>`;
    for (const beside of [script, list])
      expect(told(four('<p>a &amp; b</p>', '<p>a &#38; b</p>').map((page, i) => page + beside(i)))).toContain(
        'body:/p[0]/text()[0] spelling form change',
      );
    const svg = four('<svg><path/></svg>', '<svg><path></path></svg>');
    expect(told(svg.map((page, i) => page + script(i)))).toContain('body form form change');
    // In a text that differs anyway, what all of them escape is compared.
    const mixed = ['it&#39;s 1', 'it&#39;s 2', 'it&#x27;s 3', 'it&#x27;s &amp; 4', 'it&#39;s 5'];
    expect(told(mixed.map((text) => `<p>${text}</p>`))).toEqual([
      'body:/p[0]/text()[0] spelling form change',
    ]);
    expect(noisy(four('<br>', '<br/>'))).toEqual(['body form form change']);
    expect(noisy(four("<a b='c'>d</a>", '<a b="c">d</a>'))).toEqual(['body form form change']);
    expect(noisy(four('<p>a</p>', '<p>b</p>'))).toEqual(['body:/p[1]/text()[0] value change']);
    expect(noisy(four('<p>a</p>', '<p>a</p>'))).toEqual([]);
  });

  it('asks live of the form only where it says the same', () => {
    const agrees = (live: string): (boolean | undefined)[] =>
      observe(
        ['{"a":1}', '{"a":1}', '{"a": 1}', '{"a": 1}', live].map((body) => raw(body, 'application/json')),
      ).map(({ liveAgrees }) => liveAgrees);
    expect(agrees('{"a":1}')).toEqual([true]);
    expect(agrees('{"a": 1}')).toEqual([false]);
    expect(agrees('{"a":2}')).toEqual([undefined]);
  });

  it('compares the form of JSON beside noise too', () => {
    const bodies = IDS.map((id, i) =>
      i === 2 || i === 3 ? `{"b":true,"id":"${id}"}` : `{"id":"${id}","b":true}`,
    );
    expect(json(bodies as unknown as Bodies)).toEqual(['body:$.id value id', 'body form form change']);
  });

  it('compares what is packed in base64, and how where that is one', () => {
    const packed = (content: object, level = 6): string =>
      JSON.stringify({ blob: gzipSync(JSON.stringify(content), { level }).toString('base64') });
    const doc = (side: number, title: string): object => ({ id: IDS[side]!, title, text: 'x'.repeat(50) });
    const [a, b, c, d] = [0, 1, 2, 3];
    const changes = (bodies: Bodies): string[] => json(bodies).filter((one) => / change$/.test(one));
    expect(
      changes([packed(doc(a, 't')), packed(doc(b, 't')), packed(doc(c, 't')), packed(doc(d, 't'))]),
    ).toEqual([]);
    expect(
      changes([packed(doc(a, 't')), packed(doc(b, 't')), packed(doc(c, 'u')), packed(doc(d, 'u'))]),
    ).toEqual(['body:$.blob as gzip $.title value change']);
    const one = doc(a, 't');
    expect(changes([packed(one), packed(one), packed(one, 9), packed(one, 9)])).toEqual([
      'body:$.blob as gzip form form change',
    ]);
    // Where the ids vary, the header still tells the level.
    expect(
      changes([packed(doc(a, 't')), packed(doc(b, 't')), packed(doc(c, 't'), 1), packed(doc(d, 't'), 1)]),
    ).toEqual(['body:$.blob as gzip form form change']);
  });

  it('tells another space from a space in HTML', () => {
    const page = (space: string): string => `<p>12:53${space}AM</p>`;
    expect(html([page(' '), page('\n'), page('\u202f'), page('\u202f'), page(' ')])).toContain(
      'body:/p[0]/text()[0] value change',
    );
  });

  it('compares HTML by element and attribute', () => {
    const page = (nonce: string, rel: string): string =>
      `<html><body><script nonce="${nonce}"></script><a href="/"${rel}>x</a></body></html>`;
    const seen = html([
      page(IDS[0]!, ''),
      page(IDS[1]!, ''),
      page(IDS[2]!, ' rel="a"'),
      page(IDS[3]!, ' rel="a"'),
    ]);
    expect(seen).toHaveLength(2);
    expect(seen[0]).toMatch(/@nonce value id$/);
    expect(seen[1]).toMatch(/@rel type change$/);
  });

  describe('of what is written otherwise beside noise', () => {
    const beside = (type: string, of: (id: string, isNew: boolean) => string): string[] =>
      compare([0, 1, 2, 3, 4].map((i) => raw(of(IDS[i]!, i === 2 || i === 3), type))).filter((one) =>
        one.endsWith(' change'),
      );

    it.each<[string, string, (id: string, isNew: boolean) => string]>([
      ['a number', 'application/json', (id, isNew) => `{"id":"${id}","v":${isNew ? '1.0' : '1'}}`],
      ['a letter', 'application/json', (id, isNew) => `{"id":"${id}","v":"caf${isNew ? '\\u00e9' : 'é'}"}`],
      ['a byte order mark', 'application/json', (id, isNew) => `${isNew ? '\ufeff' : ''}{"id":"${id}"}`],
      ['a byte order mark of text', 'text/csv', (id, isNew) => `${isNew ? '\ufeff' : ''}id\n${id}`],
      ['a space', 'text/html', (id, isNew) => `<p>a${isNew ? ' ' : ''}<b>b</b> ${id}</p>`],
      ['a line', 'text/html', (id, isNew) => `<p>a${isNew ? '\n' : ' '}b</p><i>${id}</i>`],
      [
        'the claims of a token',
        'application/json',
        (id, isNew) => {
          const header = isNew ? '{"typ":"JWT","alg":"HS256"}' : '{"alg":"HS256","typ":"JWT"}';
          const parts = [header, `{"jti":"${id}"}`].map((part) => Buffer.from(part).toString('base64url'));
          return JSON.stringify({ token: `${parts.join('.')}.${id}` });
        },
      ],
    ])('finds %s', (_, type, of) => {
      expect(beside(type, of)).not.toEqual([]);
      expect(beside(type, (id) => of(id, false))).toEqual([]);
    });
  });

  describe('of how cookies are written', () => {
    const cookies = (of: (id: string, isNew: boolean) => readonly string[]): string[] =>
      compare(
        [0, 1, 2, 3, 4].map((i) =>
          raw(
            '{}',
            'application/json',
            of(IDS[i]!, i === 2 || i === 3).map((field) => ['set-cookie', field]),
          ),
        ),
      ).filter((one) => one.endsWith(' change'));

    it.each<[string, (id: string, isNew: boolean) => readonly string[]]>([
      [
        'attributes in another order',
        (id, isNew) => [`s=${id}; ${isNew ? 'HttpOnly; Path=/' : 'Path=/; HttpOnly'}`],
      ],
      ['attributes in another case', (id, isNew) => [`s=${id}; ${isNew ? 'path' : 'Path'}=/`]],
      ['cookies in another order', (_, isNew) => (isNew ? ['b=2', 'a=1'] : ['a=1', 'b=2'])],
      ['a cookie twice', (_, isNew) => (isNew ? ['a=1', 'a=1'] : ['a=1'])],
      ['an escape', (id, isNew) => [`s=s${isNew ? ':' : '%3A'}${id}`]],
    ])('finds %s', (_, of) => {
      expect(cookies(of)).toEqual(['header:set-cookie form form change']);
      expect(cookies((id) => of(id, false))).toEqual([]);
    });

    it('an attribute more is no matter of form', () => {
      expect(cookies((id, isNew) => [`s=${id}; Path=/${isNew ? '; Partitioned' : ''}`])).toEqual([
        'header:set-cookie s.partitioned type change',
      ]);
    });
  });
});
