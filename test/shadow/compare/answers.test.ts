import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAnswer, type RawAnswer } from '../../../shadow/answer.js';
import { compareAnswers } from '../../../shadow/compare/compare-answer.js';
import type { Four, Observation } from '../../../shadow/compare/observation.js';
import { Symbols } from '../../../shadow/compare/symbols.js';
import { partitionOf } from '../../../shadow/compare/partition.js';

const NOW = Date.parse('2026-05-01T10:00:00Z');

type Bodies = readonly [string, string, string, string, string?];

function raw(body: string, type: string, headers: RawAnswer['headers'] = []): RawAnswer {
  return { status: 200, headers: [['content-type', type], ...headers], body: Buffer.from(body) };
}

/** All that was seen. */
function observe(answers: readonly RawAnswer[]): readonly Observation[] {
  const seen: Observation[] = [];
  const [a, b, c, d, live] = answers.map((answer) => parseAnswer(answer));
  compareAnswers([a!, b!, c!, d!], live, {
    symbols: new Symbols(false),
    hasLive: live !== undefined,
    nowMs: NOW,
    skewMs: 50,
    single: false,
    exactIndexes: false,
    markup: false,
    observe: (observation) => seen.push(observation),
  });
  return seen;
}

/** `where feature pattern[ explained]` of all that was seen. */
function compare(answers: readonly RawAnswer[]): string[] {
  return observe(answers).map(
    ({ place, feature, labels, explained }) =>
      `${place.where}${place.inner} ${feature} ${explained ?? partitionOf(labels).pattern}`,
  );
}

const json = (bodies: Bodies): string[] =>
  compare(bodies.filter((body) => body !== undefined).map((body) => raw(body, 'application/json')));
const html = (bodies: Bodies): string[] =>
  compare(bodies.filter((body) => body !== undefined).map((body) => raw(body, 'text/html')));

const IDS = [
  '5f0c6a1e5b7d4c7e',
  'a1b2c3d400004c7e',
  '99887766aabbccdd',
  '0123456789abcdef',
  '1111222233334444',
];

describe('comparing answers', () => {
  it('finds what live shows of an item, in whatever order live has them', () => {
    const csv = (note: string, cost: string): string[] => [
      'id,note,cost',
      `1,plain,${cost}`,
      `2,${note},${cost}`,
    ];
    const bodies = [0, 1, 2, 3].map((side) => csv(side < 2 ? '=SUM(A1)' : "'=SUM(A1)", 'EUR 7').join('\n'));
    const [head, first, second] = csv('=SUM(A1)', 'EUR 8');
    const live = [head, second, first].join('\n');
    const seen = observe([...bodies, live].map((body) => raw(body, 'text/csv')));
    expect(
      seen.filter(({ place }) => place.where === 'body:[2]').map(({ liveAgrees }) => liveAgrees),
    ).toContain(true);
  });

  describe('lists of unlike lengths', () => {
    const CHOSEN = ['ana bo cy', 'bo ana', 'cy bo ana di', 'di ana', 'ana cy bo'];
    const listed = (of: (name: string, side: number) => object): Bodies =>
      CHOSEN.map((names, side) =>
        JSON.stringify({ items: names.split(' ').map((name) => ({ name, ...of(name, side) })) }),
      ) as unknown as Bodies;
    const isNew = (side: number): boolean => side === 2 || side === 3;

    it('show an item that all of them have and that is otherwise', () => {
      expect(json(listed((name, side) => ({ price: name === 'ana' && isNew(side) ? 7 : 5 })))).toEqual([
        'body:$.items length pair',
        'body:$.items[0].price value change',
      ]);
    });

    it('show what all items have, and of what type', () => {
      expect(json(listed((_, side) => (isNew(side) ? { price: 5, tax: 1 } : { price: 5 })))).toContain(
        'body:$.items[*] type change',
      );
      expect(json(listed((_, side) => ({ price: isNew(side) ? '5' : 5 })))).toContain(
        'body:$.items[*] type change',
      );
    });

    it('show no change where items are of several makes, or have something random', () => {
      const seen = [
        ...json(listed((name, side) => (name === 'cy' && isNew(side) ? { price: 5, tax: 1 } : { price: 5 }))),
        ...json(listed((name, side) => ({ price: [3, 9, 4, 1, 7][side]! * name.length }))),
      ];
      expect(seen.filter((one) => one.endsWith('change'))).toEqual([]);
    });
  });

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

  it('sees nothing in equal answers, whatever they hold', () => {
    fc.assert(
      fc.property(fc.json(), (body) => {
        expect(json([body, body, body, body, body])).toEqual([]);
      }),
    );
  });

  it('sees a change of any JSON value at its place, and only there', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -1_000_000, max: 1_000_000 }), { minLength: 1, maxLength: 8 }),
        fc.nat(),
        (list, pick) => {
          const at = pick % list.length;
          const old = JSON.stringify({ list: list.map((n) => ({ n })) });
          const fresh = JSON.stringify({ list: list.map((n, i) => ({ n: i === at ? n + 1 : n })) });
          const seen = json([old, old, fresh, fresh, old]);
          // A changed item can also leave the same items in another order.
          if (seen[0] !== 'body:$.list order change')
            expect(seen).toEqual([`body:$.list[${at}].n value change`]);
        },
      ),
    );
  });

  it.each<[string, Bodies, RegExp | undefined]>([
    [
      'other words around an id',
      IDS.map((id, i) => `{"m":"ref ${id}: total ${i > 1 && i < 4 ? 'of ' : ''}5"}`) as unknown as Bodies,
      /form change/,
    ],
    [
      'a measured time',
      ['3', '4', '7', '9', '5'].map((n) => `{"m":"took ${n} ms"}`) as unknown as Bodies,
      undefined,
    ],
    [
      'durations of one size in each release',
      ['0.91ms', '0.95ms', '1.23ms', '1.27ms', '0.93ms'].map(
        (n) => `{"m":"a;dur=${n}"}`,
      ) as unknown as Bodies,
      undefined,
    ],
    [
      'short ids of a smaller alphabet',
      ['k3z9q1xw7va', 'p0o8mzt4yh2', '3f9a0c1b7de', 'a07bc91f3e2', 'z81kq0vwx5t'].map(
        (id) => `{"m":"${id}"}`,
      ) as unknown as Bodies,
      /format change/,
    ],
    [
      'random texts of eleven and twelve characters',
      ['k3z9q1xw7va', 'p0o8mzt4yh2', 'q3f9a0c1b7dez', 'w07bc91f3e2z', 'z81kq0vwx5t'].map(
        (id) => `{"m":"${id}"}`,
      ) as unknown as Bodies,
      undefined,
    ],
  ])('of noise: %s', (_, bodies, expected) => {
    const told = json(bodies).filter((one) => /(?<!length )change$/.test(one));
    if (expected === undefined) expect(told).toEqual([]);
    else expect(told.join()).toMatch(expected);
  });

  it.each<[string, Bodies, string[]]>([
    ['an id each', IDS.map((id) => `{"id":"${id}"}`) as unknown as Bodies, ['body:$.id value id']],
    [
      'an id inside a text',
      IDS.map((id) => `{"m":"order ${id} is paid"}`) as unknown as Bodies,
      ['body:$.m value id', 'body:$.m word 2 value id'],
    ],
    [
      'ids of another alphabet inside a text',
      [
        '079858618229619278194318',
        '279850618229610278194301',
        'f94e966d6c8ff70ea115f243',
        'a04e9e6d6cfff70fb115f24c',
      ]
        .concat('279858618229619278194399')
        .map((id) => `{"m":"form; boundary=--${id}"}`) as unknown as Bodies,
      ['body:$.m value id', 'body:$.m word 2 value id', 'body:$.m word 2 format change'],
    ],
    ['another type', ['{"a":1}', '{"a":1}', '{"a":"1"}', '{"a":"1"}', '{"a":1}'], ['body:$.a type change']],
    ['a key more', ['{}', '{}', '{"a":1}', '{"a":1}', '{}'], ['body:$.a type change']],
    ['a longer list', ['[1]', '[1]', '[1,2]', '[1,2]', '[1]'], ['body:$ length change']],
    ['another order', ['[1,2]', '[1,2]', '[2,1]', '[2,1]', '[1,2]'], ['body:$ order change']],
    ['an order that varies', ['[1,2]', '[2,1]', '[2,1]', '[1,2]', '[1,2]'], ['body:$ order cross']],
    [
      'one item otherwise in a list whose order varies',
      ['["a4","b5","c6"]', '["c6","a4","b5"]', '["b5","a4","x9"]', '["a4","x9","b5"]', '["b5","c6","a4"]'],
      ['body:$ order scattered', 'body:$[2] value change'],
    ],
    [
      'one item otherwise in a list whose order varies and whose items have ids of their own',
      [0, 1, 2, 3, 4].map((side) => {
        const items = [1, 2, 3].map((n) => ({
          n: n === 2 && (side === 2 || side === 3) ? 2.5 : n,
          id: createHash('md5').update(`${side} ${n}`).digest('hex'),
        }));
        return JSON.stringify([...items.slice(side % 3), ...items.slice(0, side % 3)]);
      }) as unknown as Bodies,
      [
        'body:$ order scattered',
        'body:$[0].id value id',

        'body:$[1].n value change',
        'body:$[1].id value id',
        'body:$[2].id value id',
      ],
    ],
    [
      'keys in another order',
      ['{"a":1,"b":2}', '{"a":1,"b":2}', '{"b":2,"a":1}', '{"b":2,"a":1}'],
      ['body form form change'],
    ],
    [
      'times of the moment',
      [0, 5, 9, 3, 9000].map((ms) => `{"at":"${new Date(NOW + ms).toISOString()}"}`) as unknown as Bodies,
      ['body:$.at value time'],
    ],
    [
      'times further apart',
      [0, 5, 3_600_000, 3_600_009, 9].map((ms) => `{"at":${NOW + ms}}`) as unknown as Bodies,
      ['body:$.at value change'],
    ],
    [
      'a number that moves with the moment, of which live saw another one',
      ['{"ttl":600}', '{"ttl":600}', '{"ttl":700}', '{"ttl":700}', '{"ttl":599}'],
      ['body:$.ttl value change'],
    ],
    [
      'a long number beside a fraction of many digits',
      [1, 1, 2, 2, 1].map(
        (v) => `{"id":1234567890123456789,"r":0.07658793926239014,"v":${v}}`,
      ) as unknown as Bodies,
      ['body:$.v value change'],
    ],
    [
      'numbers too long for a double',
      [
        '{"a":12345678901234567}',
        '{"a":12345678901234567}',
        '{"a":12345678901234568}',
        '{"a":12345678901234568}',
      ],
      ['body:$.a value change'],
    ],
  ])('%s', (_, bodies, expected) => {
    expect(json(bodies)).toEqual(expected);
  });

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

  it('takes seconds that are written with a fraction for seconds', () => {
    const four = (old: string, fresh: string): string[] =>
      json(
        [old, old, fresh, fresh].map(
          (text) => `{"expires":"2026-05-01T10:15:${text}Z"}`,
        ) as unknown as Bodies,
      );
    expect(four('36.000', '37.000')).toEqual(['body:$.expires value time']);
    expect(four('36.500', '37.500')).toEqual(['body:$.expires value change']);
    expect(four('36.000', '39.000')).toEqual(['body:$.expires value change']);
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

  it('takes what a process has for measured, and no field that only has such a name', () => {
    const four = (old: string, fresh: string): string[] => json([old, old, fresh, fresh, old]);
    expect(
      four('{"memory":{"heapTotal":1,"external":2}}', '{"memory":{"heapTotal":3,"external":4}}'),
    ).toEqual(['body:$.memory.heapTotal value measurement', 'body:$.memory.external value measurement']);
    expect(four('{"link":{"external":1}}', '{"link":{"external":2}}')).toEqual([
      'body:$.link.external value change',
    ]);
    expect(four('{"a":{"uptime":true}}', '{"a":{"uptime":false}}')).toEqual(['body:$.a.uptime value change']);
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

  it('compares the form of JSON beside noise too', () => {
    const bodies = IDS.map((id, i) =>
      i === 2 || i === 3 ? `{"b":true,"id":"${id}"}` : `{"id":"${id}","b":true}`,
    );
    expect(json(bodies as unknown as Bodies)).toEqual(['body:$.id value id', 'body form form change']);
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

  it('sees what changes in a list whose order varies, whatever else varies in its items', () => {
    const item = (side: number, n: number): object => ({
      id: `${IDS[side]!}${n}`,
      took: ((side + 2) * 37 * n) % 100,
      n,
      r: n !== 2 ? 'same' : side < 2 || side === 4 ? 'old' : 'new',
    });
    const orders = [
      [1, 2, 3],
      [3, 1, 2],
      [2, 3, 1],
      [2, 1, 3],
      [1, 3, 2],
    ];
    const lists = orders.map((order, side) => JSON.stringify(order.map((n) => item(side, n))));
    const seen = json(lists as unknown as Bodies);
    expect(seen.filter((one) => one.endsWith(' change'))).toEqual([
      expect.stringMatching(/\.r value change$/),
    ]);
  });

  it('sees nothing in a list whose order varies, and whose items are alike but for their ids', () => {
    const ids = ['a', 'b'].map((n) => IDS.slice(0, 4).map((id) => `${n}${id}`));
    const named = ids[0]!.map((id, side) => ({ first: id, second: ids[1]![side]! }));
    const row = (id: string, side: number): string => `${id},tag,7,2026-05-01T10:00:0${side}Z`;
    const bodies = ids[0]!.map((first, side) => {
      const rows = [row(first, side), row(ids[1]![side]!, side), 'x,other,1', 'y,more,2'];
      // The two of one make are dealt by release; the others come in any order.
      const [p, q] = side < 2 ? [rows[0]!, rows[1]!] : [rows[1]!, rows[0]!];
      return (side % 2 === 0 ? [p, q, rows[2]!, rows[3]!] : [rows[3]!, p, rows[2]!, q]).join('\n');
    });
    const seen: string[] = [];
    const symbols = new Symbols(false);
    const both = [named.map((one) => JSON.stringify(one)), bodies];
    for (const [i, four] of both.entries()) {
      const type = i === 0 ? 'application/json' : 'text/csv';
      const [a, b, c, d] = four.map((body) => parseAnswer(raw(body, type)));
      compareAnswers([a!, b!, c!, d!], undefined, {
        symbols,
        hasLive: false,
        nowMs: NOW,
        skewMs: 5000,
        single: false,
        exactIndexes: false,
        markup: false,
        observe: ({ place, feature, labels, explained }) =>
          seen.push(`${place.where} ${feature} ${explained ?? partitionOf(labels).pattern}`),
      });
    }
    expect(seen.filter((one) => one.endsWith(' change'))).toEqual([]);
    expect(seen.some((one) => one.startsWith('body order '))).toBe(true);
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

  it('compares cookies by attribute, and never the date or the length', () => {
    const answer = (id: string, site: string, date: string): RawAnswer =>
      raw('', 'text/plain', [
        ['Set-Cookie', `sid=s%3A${id}; Path=/; SameSite=${site}`],
        ['Date', date],
        ['Content-Length', String(date.length)],
      ]);
    const seen = compare([
      answer(IDS[0]!, 'Lax', 'a'),
      answer(IDS[1]!, 'Lax', 'bb'),
      answer(IDS[2]!, 'None', 'ccc'),
      answer(IDS[3]!, 'None', 'dddd'),
    ]);
    expect(seen).toEqual([
      'header:set-cookie sid.value value id',
      'header:set-cookie sid.value word 2 value id',
      'header:set-cookie sid.samesite value change',
    ]);
  });

  it('takes the ETag of a body that differs for no difference', () => {
    const answer = (body: string, etag: string): RawAnswer => raw(body, 'text/plain', [['ETag', etag]]);
    expect(compare([answer('a', '1'), answer('a', '1'), answer('b', '2'), answer('b', '2')])).toEqual([
      'body value change',
    ]);
    expect(compare([answer('a', '1'), answer('a', '1'), answer('a', '2'), answer('a', '2')])).toEqual([
      'header:etag value change',
    ]);
    // That it is no weak one any more is another matter, and that it is there.
    const [weak, strong] = [answer('a', 'W/"1"'), answer('b', '"2"')];
    expect(compare([weak, weak, strong, strong])).toEqual(['header:etag value change', 'body value change']);
    const none = raw('b', 'text/plain');
    expect(compare([weak, weak, none, none])).toEqual(['header:etag type change', 'body value change']);
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
