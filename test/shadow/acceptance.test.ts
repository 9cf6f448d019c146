import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { DifferenceChange, ShadowReport } from '../../common/index.js';
import { applyRules, mergeRules, ruleFor } from '../../shadow/index.js';
import { ChangeForms } from '../../shadow/verdict/change-forms.js';
import { formOf } from '../../shadow/verdict/value-form.js';

type Side = string | undefined;
type Change = readonly [kind: DifferenceChange['kind'], old: Side, fresh: Side];

function changesOf(changes: readonly Change[], exact = false): DifferenceChange[] {
  const forms = new ChangeForms(exact);
  for (const change of changes) forms.add(...change);
  return [...forms.read()].map((form) => ({ ...form, accepted: false }));
}

function reportOf(changes: readonly DifferenceChange[], place = {}): ShadowReport {
  const difference = { id: 'd1', endpoint: 'GET /a', where: 'body:$.a', count: 1, changes, ...place };
  return {
    ...{ requests: 9, differences: [difference], differing: [{ request: 0, difference: 'd1' }] },
    otherwise: { verdict: 'identical', because: 'No difference in 9 compared exchanges.' },
    coverage: { endpoints: [{ endpoint: 'GET /a', differing: 0 }] },
  } as unknown as ShadowReport;
}

const isCovered = (
  accepted: readonly Change[],
  seen: readonly Change[],
  exact = false,
  place = {},
): boolean =>
  applyRules(reportOf(changesOf(seen, exact), place), [
    ruleFor(reportOf(changesOf(accepted, exact)), 'd1', 'meant so'),
  ]).differences[0]!.accepted;

describe('a rule made from a difference', () => {
  const html: Change = ['changed', '"text/html"', '"text/plain"'];
  test.each<[string, Change[], Change[], boolean]>([
    ['the same change', [html], [html], true],
    [
      'another media type than was accepted',
      [html],
      [['changed', '"text/html"', '"application/json"']],
      false,
    ],
    ['another kind of change', [html], [['removed', '"text/html"', undefined]], false],
    ['one change more', [html], [html, ['removed', '"text/html"', undefined]], false],
    ['other numbers of the same form', [['retyped', '12', '"12.50"']], [['retyped', '99', '"1.25"']], true],
    ['another punctuation', [['retyped', '12', '"12.50"']], [['retyped', '12', '"12,50"']], false],
    ['a null where a text was accepted', [['retyped', '12', '"a"']], [['retyped', '12', 'null']], false],
    ['the other direction', [['changed', 'true', 'false']], [['changed', 'false', 'true']], false],
    ['another id', [['changed', '"⟨id 1⟩"', '"x"']], [['changed', '"⟨id 7⟩"', '"x"']], true],
    [
      'a key more in an object',
      [['added', undefined, '{"a":1}']],
      [['added', undefined, '{"a":1,"b":2}']],
      false,
    ],
  ])('on %s', (_, accepted, seen, covered) => expect(isCovered(accepted, seen)).toBe(covered));

  it('takes words that never come again for data, and those that do for an enumeration', () => {
    const names = ['Ann', 'Bob', 'Cid', 'Dee'].map((name): Change => [
      'changed',
      `"${name}"`,
      `"${name.toLowerCase()}"`,
    ]);
    expect(isCovered(names, [['changed', '"Eve"', '"eve"']])).toBe(true);
    expect(isCovered(names, [['changed', '"Eve"', '"eve and more"']])).toBe(false);
    const states = [...names, ...names];
    expect(isCovered(states, [['changed', '"Eve"', '"eve"']])).toBe(false);
  });

  it('keeps to the statuses that were accepted, however many', () => {
    const statuses = [404, 409, 410, 422].map((status): Change => ['changed', '200', String(status)]);
    expect(isCovered(statuses, [statuses[2]!], true)).toBe(true);
    expect(isCovered(statuses, [['changed', '200', '500']], true)).toBe(false);
  });

  it.each([{ endpoint: 'GET /b' }, { where: 'body:$.b' }, { detail: 'word 1' }])(
    'does not hold at %j',
    (place) => expect(isCovered([html], [html], false, place)).toBe(false),
  );

  it('is not made of an app that does not start, and does not cover one', () => {
    const start = reportOf(changesOf([html]), { where: 'start' });
    expect(() => ruleFor(start, 'd1', 'x')).toThrow(
      expect.objectContaining({ code: 'DIFFERENCE_NOT_ACCEPTABLE' }),
    );
    const rule = { endpoint: 'GET /a', where: 'start', changes: [{ kind: 'changed' as const }], reason: 'x' };
    expect(applyRules(start, [rule])).toMatchObject({ verdict: 'differs', accepted: [] });
  });

  it('sees a change that comes after all the sightings that are kept', () => {
    const forms = new ChangeForms(false);
    for (let i = 0; i < 5000; i += 1) forms.add('changed', `"a ${'x'.repeat(i % 150)}"`, '"b c"');
    forms.add('removed', '"a"', undefined);
    expect([...forms.read()].map(({ kind }) => kind)).toContain('removed');
    expect([...forms.read()].length).toBeLessThan(100);
  });

  it('covers, whatever the values, what it was made from', () => {
    const side = fc.option(fc.json({ maxDepth: 1 }), { nil: undefined });
    const kind = fc.constantFrom('removed', 'retyped', 'changed', 'added' as const);
    fc.assert(
      fc.property(fc.array(fc.tuple(kind, side, side), { minLength: 1 }), (changes) =>
        isCovered(changes as Change[], changes as Change[]),
      ),
    );
  });

  it('adds to what was accepted of the place before', () => {
    const rules = [html, ['changed', '"text/html"', '"text/css"'] as const].map((change) =>
      ruleFor(reportOf(changesOf([change])), 'd1', 'x'),
    );
    const merged = mergeRules(rules[0]!, rules[1]!);
    expect(merged.changes).toHaveLength(2);
    expect(mergeRules(merged, rules[1]!).changes).toHaveLength(2);
  });
});

describe('the report under rules', () => {
  const report = reportOf(changesOf([['changed', '1', '2']]));

  it('differs while a difference is open, and says so where some are accepted', () =>
    expect(applyRules(report, [])).toMatchObject({ verdict: 'differs', accepted: [] }));

  it('marks what is accepted, with the reason, and concludes on the rest', () => {
    const marked = applyRules(report, [ruleFor(report, 'd1', 'meant so')]);
    expect(marked).toMatchObject({
      ...{ verdict: 'identical', because: expect.stringContaining('accepted') as string, accepted: ['d1'] },
      differences: [{ accepted: true, acceptedBecause: 'meant so' }],
      differing: [{ accepted: true }],
      coverage: { endpoints: [{ differing: 0 }] },
    });
    expect(applyRules(marked, []), 'and can be taken back').toEqual(applyRules(report, []));
  });
});

test('forms hold no data of one answer', () => {
  expect(formOf('"order 17 of 2024-01-02T03:04:05Z by k3J9dk2Lq0"')).toBe(
    '"order ⟨number⟩ of ⟨time⟩ by ⟨token⟩"',
  );
  expect(formOf(JSON.stringify('a b '.repeat(500)))).toBe('text');
  expect(formOf(undefined)).toBe('absent');
});
