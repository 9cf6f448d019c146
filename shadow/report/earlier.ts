import type { EarlierRuns, ShadowReport } from '../../common/index.js';

/**
 * A report with what earlier runs found on top: a difference that was seen stays one until it is accepted, and how often
 * the comparison began anew, and what that cost, is said. `applyRules` makes its verdict of it. Pure.
 */
export function withEarlier(
  report: ShadowReport,
  { runs, compared, differences }: EarlierRuns,
): ShadowReport {
  const kept = differences.filter(({ id }) => report.differences.every((difference) => difference.id !== id));
  const times = runs === 1 ? 'once' : `${runs} times`;
  return {
    ...report,
    differences: [...report.differences, ...kept],
    coverage: {
      ...report.coverage,
      caveats: [
        ...(report.coverage.caveats ?? []),
        `the comparison began anew ${times}, from stores cloned anew, because what compared was killed: the ${compared} exchanges compared until then are not in these counts (what they showed is kept), and those that came until it copied again were not compared`,
      ],
    },
  };
}
