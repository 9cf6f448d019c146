import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { haveOneForm } from '../../../shadow/body/json-body.js';
import { JsonOutline } from '../../../shadow/body/json-outline.js';
import { jsonSkeleton, parseJson } from '../../../shadow/body/json.js';
import { parseBody } from '../../../shadow/body/parse.js';
import type { Tree, TreeObject } from '../../../shadow/body/tree.js';

const bytesOf = (text: string): Uint8Array => Buffer.from(text);

/** Values of every kind, and such as are written in more than one way. */
const leaf = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('"', '\\', '/', 'é', '🙂', ',', ':', '{', '1', '\n') }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(true, false, null, '', 0, '__proto__'),
);
const key = fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom('a', 'b', '1', '0', '__proto__', '"', 'ü'));
const { json } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('json'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('json')), { maxLength: 4 }).map(objectOf),
  ),
}));

/** With `__proto__` as a name like any other. */
function objectOf(members: readonly (readonly [string, unknown])[]): unknown {
  return Object.fromEntries(members);
}

/** The same form, some values replaced by others of the list. */
function withOthers(value: unknown, others: readonly unknown[]): unknown {
  let at = 0;
  return JSON.parse(JSON.stringify(value), (_, one: unknown) => {
    if (typeof one === 'object' && one !== null) return one;
    const other = others[at++ % others.length];
    return other === undefined || (typeof other === 'string') !== (typeof one === 'string') ? one : other;
  });
}

function treeBeside(text: string, other: string): Tree | undefined {
  const tree = parseJson(text)!;
  return new JsonOutline(bytesOf(text), tree).read(bytesOf(other))?.tree;
}

describe('a text of JSON beside another', () => {
  it('says what it says by itself', () => {
    const others = fc.array(fc.option(leaf, { nil: undefined }), { minLength: 1 });
    fc.assert(
      fc.property(json, others, fc.nat(1), (value, replaced, spaces) => {
        const text = JSON.stringify(value, undefined, spaces);
        const other = JSON.stringify(withOthers(value, replaced), undefined, spaces);
        const tree = treeBeside(text, other);
        if (tree === undefined) return;
        expect(tree).toStrictEqual(parseJson(other));
        expect(jsonSkeleton(other)).toBe(jsonSkeleton(text));
      }),
      { numRuns: 1000 },
    );
  });

  it('is never made to say what it does not: whatever happens to its bytes', () => {
    fc.assert(
      fc.property(json, fc.nat(), fc.nat(3), fc.uint8Array({ maxLength: 3 }), (value, at, cut, put) => {
        const bytes = bytesOf(JSON.stringify(value));
        const from = at % (bytes.length + 1);
        const broken = Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + cut)]);
        const tree = new JsonOutline(bytes, parseJson(bytes.toString())!).read(broken)?.tree;
        if (tree !== undefined) expect(tree).toStrictEqual(parseJson(broken.toString()));
      }),
      { numRuns: 3000 },
    );
  });

  it('has in common with it what is the same', () => {
    const [a, b] = [1, 2].map((n) =>
      JSON.stringify({ kept: [{ x: 1 }], list: [{ n: 0 }, { n, kept: { y: 'z' } }] }),
    );
    const tree = parseJson(a!) as TreeObject;
    const other = new JsonOutline(bytesOf(a!), tree).read(bytesOf(b!))!.tree as TreeObject;
    expect(other).toStrictEqual(parseJson(b!));
    expect(other.kept).toBe(tree.kept);
    const [lists, others] = [tree.list, other.list] as [TreeObject[], TreeObject[]];
    expect(others[0]).toBe(lists[0]);
    expect(others[1]!.kept).toBe(lists[1]!.kept);
    expect(lists[1]!.n).toBe(1);
  });

  it.each([
    ['{"a":1,"b":"x"}', '{"a":12,"b":""}'],
    ['{"a":12}', '{"a":1}'],
    ['[true,null]', '[1.5e3,false]'],
    ['"x"', '"y"'],
    ['1', 'null'],
    ['{"a":"x"}', '{"a":"\\u00e9\\"ü"}'],
    ['{"1":"x","0":["y"]}', '{"1":"z","0":["w"]}'],
    ['[ "a" , 1 ]\n', '[ "b" , 2 ]\n'],
    ['[{},"length",5]', '[{},"size",6]'],
    ['{"a":[{},"x",1],"b":{}}', '{"a":[{},"y",2],"b":{}}'],
  ])('is read by what differs: %s and %s', (text, other) => {
    expect(treeBeside(text, other)).toStrictEqual(JSON.parse(other));
  });

  it.each([
    ['another name', '{"a":1}', '{"b":1}'],
    ['white space', '{"a":1}', '{"a": 1}'],
    ['more items', '[1]', '[1,2]'],
    ['another type', '["a"]', '[1]'],
    ['an end too soon', '{"a":"xy"}', '{"a":"xy'],
    ['no JSON', '{"a":1}', '{"a":01}'],
    ['a number that a double does not hold', '{"a":1}', '{"a":12345678901234567}'],
    ['what is no UTF-8', '{"a":"x"}', '{"a":"\\ud800'],
    ['a name that is the prototype', '{"__proto__":{"a":1}}', '{"__proto__":{"a":2}}'],
    [
      'the first of two members of one name, which are not alike',
      '{"a":{"b":1},"a":2}',
      '{"a":{"b":3},"a":2}',
    ],
  ])('is read by itself: %s', (_, text, other) => {
    expect(treeBeside(text, other)).toBeUndefined();
  });

  it('tells by the way that both have one form', () => {
    const [first, other, longer] = [
      '{"a":"x","b":true}',
      '{"a":"y","b":false}',
      '{"a":"x","b":true,"c":1}',
    ].map(bytesOf);
    const type = 'application/json';
    const body = parseBody(first!, type, undefined);
    expect(haveOneForm([body, parseBody(other!, type, undefined, body)])).toBe(true);
    expect(haveOneForm([body, parseBody(longer!, type, undefined, body)])).toBe(false);
  });

  it.each([
    ['{"a":1}', '{"a":1.0}'],
    ['{"a":1.50}', '{"a":2.5}'],
    ['{"a":1}', '{"a":1e2}'],
    ['{"a":"\\u00e9"}', '{"a":"é"}'],
    ['{"a":true}', '{"a":1}'],
  ])('does not say so where values may be written in another way: %s and %s', (text, other) => {
    const type = 'application/json';
    const body = parseBody(bytesOf(text), type, undefined);
    const near = parseBody(bytesOf(other), type, undefined, body);
    expect(near.tree).toStrictEqual(JSON.parse(other));
    expect(haveOneForm([body, near])).toBe(false);
  });
});
