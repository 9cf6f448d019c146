import type { EarlierRuns, ShadowReport } from '../../common/index.js';

/**
 * A report with what earlier runs found on top: a difference that was seen stays one until it is accepted, and how often
 * the comparison began anew, and what that cost, is said. Pure.
 */
export function withEarlier(
  report: ShadowReport,
  { runs, compared, differences }: EarlierRuns,
  accepted: ReadonlySet<string>,
): ShadowReport {
  const kept = differences
    .filter(({ id }) => report.differences.every((difference) => difference.id !== id))
    .map((difference) => ({ ...difference, accepted: accepted.has(difference.id) }));
  const open = kept.filter((difference) => !difference.accepted).length;
  const times = runs === 1 ? 'once' : `${runs} times`;
  return {
    ...report,
    ...(open === 0
      ? {}
      : {
          verdict: 'differs' as const,
          because: `${report.because} Before the comparison began anew, ${open} ${open === 1 ? 'more place' : 'more places'} differed.`,
        }),
    differences: [...report.differences, ...kept],
    accepted: [...report.accepted, ...kept.filter((one) => one.accepted).map(({ id }) => id)],
    coverage: {
      ...report.coverage,
      caveats: [
        ...(report.coverage.caveats ?? []),
        `the comparison began anew ${times}, from stores cloned anew, because what compared was killed: the ${compared} exchanges compared until then are not in these counts (what they showed is kept), and those that came until it copied again were not compared`,
      ],
    },
  };
}
