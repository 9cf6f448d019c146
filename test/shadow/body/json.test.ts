import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonSkeleton, surelySameSkeleton } from '../../../shadow/body/json.js';

/** A text of JSON and one of the same or of another form: what the arms answer. */
const texts = fc
  .tuple(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), fc.nat(2), fc.nat(2), fc.boolean())
  .map(([a, b, spaces, others, same]) => [
    JSON.stringify(a, undefined, spaces),
    JSON.stringify(same ? withOtherValues(a) : b, undefined, others),
  ]);

/** The same form: other texts and numbers. */
function withOtherValues(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_, one: unknown) =>
    typeof one === 'string' ? `${one}"\\x` : typeof one === 'number' ? -one / 3 : one,
  );
}

describe('the form of JSON', () => {
  it('is told to be the same by reading both texts only where the skeletons are the same', () => {
    fc.assert(
      fc.property(texts, ([a = '', b = '']) => {
        if (surelySameSkeleton(a, b)) expect(jsonSkeleton(a)).toBe(jsonSkeleton(b));
      }),
    );
  });

  it('is told by reading both texts wherever only texts and numbers differ', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        expect(surelySameSkeleton(JSON.stringify(value), JSON.stringify(withOtherValues(value)))).toBe(true);
      }),
    );
  });

  it.each([
    ['{"a":1}', '{"b":1}'],
    ['{"a":1}', '{ "a":1}'],
    ['{"a":1,"b":2}', '{"b":1,"a":2}'],
    ['["a"]', '[1]'],
    ['[1]', '[1,2]'],
    ['{"a" : "x"}', '{"a": "x"}'],
  ])('is another: %s and %s', (a, b) => {
    expect(surelySameSkeleton(a, b)).toBe(false);
    expect(jsonSkeleton(a)).not.toBe(jsonSkeleton(b));
  });
});
