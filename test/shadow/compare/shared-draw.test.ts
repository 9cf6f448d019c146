import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Four } from '../../../shadow/compare/observation.js';
import { partitionOf } from '../../../shadow/compare/partition.js';
import { sharedDraw } from '../../../shadow/compare/shared-draw.js';

const HEX = [
  '5f0c6a1e5b7d4c7e',
  'a1b2c3d400014c7f',
  '99887766aabbccdd',
  '0123456789abcdef',
  '7777222233334444',
] as const;

/** What the arms make of a draw that the arms of one letter share, and live of its own. */
function drawn(make: (draw: string, isNew: boolean) => string): [Four<string>, string] {
  const [a, b, , , live] = HEX;
  return [[make(a, false), make(b, false), make(a, true), make(b, true)], make(live, false)];
}

describe('one draw in both releases', () => {
  it.each<[string, (draw: string, isNew: boolean) => string]>([
    ['prefix', (draw, isNew) => `${isNew ? 'user' : 'usr'}_${draw}`],
    ['suffix', (draw, isNew) => `/orders/${draw}${isNew ? '/' : ''}`],
    ['separator', (draw, isNew) => `ord${isNew ? '-' : '_'}${draw}`],
    ['one character more', (draw, isNew) => (isNew ? draw : draw.slice(0, -1))],
    ['digits before', (draw, isNew) => `${isNew ? draw.slice(0, 2) : ''}${draw.slice(2)}`],
    ['rounds', (draw, isNew) => `$2b$${isNew ? 12 : 10}$${draw}`],
    ['alphabet', (draw, isNew) => draw.replaceAll('7', isNew ? '-' : '+')],
  ])('shows another %s', (_, make) => {
    const found = sharedDraw(...drawn(make));
    expect(partitionOf(found!.labels).pattern).toBe('change');
    expect(found!.live).toBe(found!.labels[0]);
  });

  it('shows nothing where both make the same of it', () => {
    expect(sharedDraw(...drawn((draw) => `ord_${draw}`))).toBeUndefined();
  });

  it('shows nothing beside what each arm has of its own', () => {
    const own = ['31', '47', '52', '99'];
    const texts = own.map((text, side) => `${HEX[side % 2]!}-${text}`) as unknown as Four<string>;
    expect(sharedDraw(texts, undefined)).toBeUndefined();
  });

  it('takes a number beside it for chance, unless live shows that the old release has no other', () => {
    const texts = [2, 2, 3, 3].map((n, side) => `${HEX[side % 2]!}.${n}`) as unknown as Four<string>;
    expect(sharedDraw(texts, `${HEX[4]}.1`)).toBeUndefined();
    expect(sharedDraw(texts, `${HEX[4]}.2`)).toBeDefined();
  });

  it('is not found where each arm draws for itself', () => {
    const word = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 8, maxLength: 40 });
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), (texts) => {
        const parts = (text: string): string[] =>
          Array.from({ length: Math.max(0, text.length - 5) }, (_, at) => text.slice(at, at + 6));
        fc.pre(!parts(texts[0]).some((part) => texts[2].includes(part)));
        expect(sharedDraw(texts, undefined)).toBeUndefined();
      }),
    );
  });
});
