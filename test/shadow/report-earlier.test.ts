import { describe, expect, it } from 'vitest';
import type { Difference, ShadowReport } from '../../common/index.js';
import { earlierRuns } from '../../federator/shadow-worker/earlier.js';
import type { ReportDocument } from '../../federator/state/documents.js';
import { applyRules } from '../../shadow/report/acceptance.js';
import { withEarlier } from '../../shadow/report/earlier.js';

const difference = (id: string): Difference =>
  ({
    ...{ id, endpoint: 'GET /', where: 'status', accepted: false, count: 1, of: 1 },
    changes: [{ kind: 'changed', old: '200', new: '500', accepted: false }],
  }) as unknown as Difference;
const report = (...ids: string[]): ShadowReport =>
  ({
    verdict: ids.length > 0 ? 'differs' : 'identical',
    because: 'So it is.',
    differences: ids.map(difference),
    accepted: [],
    otherwise: { verdict: 'identical', because: 'So it is.' },
    differing: [],
    coverage: { caveats: ['another'], endpoints: [] },
  }) as unknown as ShadowReport;

describe('what earlier runs found', () => {
  it('stays a difference, once, though the present run has not seen it', () => {
    const told = withEarlier(report('a'), {
      runs: 1,
      compared: 7,
      differences: [difference('a'), difference('b')],
    });
    expect(told.differences.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(told.coverage.caveats).toEqual(['another', expect.stringMatching(/anew once.* 7 exchanges/)]);
  });

  it('decides the verdict, until it is accepted', () => {
    const earlier = { runs: 2, compared: 7, differences: [difference('b')] };
    const told = withEarlier(report(), earlier);
    expect(applyRules(told, [])).toMatchObject({ verdict: 'differs', accepted: [] });
    const rule = {
      endpoint: 'GET /',
      where: 'status',
      changes: [{ kind: 'changed' }],
      reason: 'meant',
    } as const;
    expect(applyRules(told, [{ ...rule, changes: [...rule.changes] }])).toMatchObject({
      verdict: 'identical',
      accepted: ['b'],
      differences: [{ id: 'b', accepted: true }],
    });
  });

  it('is handed on from life to life, also by one that was killed before it told anything', () => {
    const told = (compared: number, more: Partial<ReportDocument>): ReportDocument =>
      ({ status: { ledger: { compared } }, report: null, ...more }) as unknown as ReportDocument;
    expect(earlierRuns(null)).toBeUndefined();
    const first = earlierRuns(told(5, { report: report('a') }))!;
    expect(first).toMatchObject({ runs: 1, compared: 5, differences: [{ id: 'a' }] });
    expect(earlierRuns(told(0, { earlier: first }))).toMatchObject({
      runs: 2,
      compared: 5,
      differences: [{ id: 'a' }],
    });
  });
});
