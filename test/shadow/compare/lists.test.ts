import { describe, expect, it } from 'vitest';
import { parseAnswer } from '../../../shadow/answer.js';
import { compareAnswers } from '../../../shadow/compare/compare-answer.js';
import { partitionOf } from '../../../shadow/compare/partition.js';
import { Symbols } from '../../../shadow/compare/symbols.js';
import { IDS, json, NOW, observe, raw, type Bodies } from './answer-setup.js';

describe('comparing lists', () => {
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
});
