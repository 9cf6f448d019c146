import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RawAnswer } from '../../../shadow/answer.js';
import { compare, IDS, json, NOW, raw, type Bodies } from './answer-setup.js';

describe('comparing answers', () => {
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
});
