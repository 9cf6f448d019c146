import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { haveOneForm } from '../../../shadow/body/json-body.js';
import { spellingLabels } from '../../../shadow/body/json-spelling.js';
import { jsonSkeleton } from '../../../shadow/body/json.js';
import { parseBody } from '../../../shadow/body/parse.js';

function surelySameForm(...texts: readonly [string, string]): boolean {
  return haveOneForm(texts.map((text) => parseBody(Buffer.from(text), 'application/json', undefined)));
}

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

/** Values that JSON writes without escapes and exponents. */
const plainValues = fc
  .jsonValue({ maxDepth: 3 })
  .filter((value) => !/\\|\de[+-]?\d/.test(JSON.stringify(value)));

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

describe('the form of JSON', () => {
  it('is told to be the same by reading both texts only where the skeletons are the same', () => {
    fc.assert(
      fc.property(texts, ([a = '', b = '']) => {
        if (surelySameForm(a, b)) expect(jsonSkeleton(a)).toBe(jsonSkeleton(b));
      }),
    );
  });

  it('is told by reading both texts wherever only plain texts and numbers differ', () => {
    fc.assert(
      fc.property(plainValues, (value) => {
        const other = JSON.parse(JSON.stringify(value), (_, one: unknown) =>
          typeof one === 'string' ? `${one}x` : typeof one === 'number' ? 7.25 : one,
        ) as unknown;
        expect(surelySameForm(JSON.stringify(value), JSON.stringify(other))).toBe(true);
      }),
    );
  });

  it('is not told to be the same where one of two equal values is escaped', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), (texts) => {
        const escaped = `[${texts.map((text) => `"${text.replace(/[^]/g, unicodeEscape)}"`).join()}]`;
        expect(JSON.parse(escaped)).toEqual(texts);
        expect(surelySameForm(JSON.stringify(texts), escaped)).toBe(
          texts.every((text) => JSON.stringify(text) === `"${text.replace(/[^]/g, unicodeEscape)}"`),
        );
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
    expect(surelySameForm(a, b)).toBe(false);
    expect(jsonSkeleton(a)).not.toBe(jsonSkeleton(b));
  });
});

describe('how JSON writes its values', () => {
  it.each([
    ['{"a":1,"id":7}', '{"a":1.0,"id":8}'],
    ['{"a":1e2,"id":"x"}', '{"a":100,"id":"y"}'],
    ['{"a":"caf\\u00e9","id":"x"}', '{"a":"café","id":"y"}'],
    ['{"a":"x café"}', '{"a":"y caf\\u00e9"}'],
    ['["a\\/b",1]', '["a/b",2]'],
  ])('differs: %s and %s', (a, b) => {
    expect(surelySameForm(a, b)).toBe(false);
    const [left, right] = spellingLabels([a, b]);
    expect(left).not.toBe(right);
  });

  it.each([
    ['{"a":1,"id":7}', '{"a":1,"id":8}'],
    ['{"a":1.5}', '{"a":1.50001}'],
    ['{"a":"caf\\u00e9"}', '{"a":"noon"}'],
    ['{"caf\\u00e9":1}', '{"caf\\u00e9":2}'],
    ['[12345678901234567890]', '[12345678901234567891]'],
  ])('does not: %s and %s', (a, b) => {
    const [left, right] = spellingLabels([a, b]);
    expect(left).toBe(right);
  });
});
