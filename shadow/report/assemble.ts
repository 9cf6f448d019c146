import type { Difference, GuardCount, Release, ShadowReport, Verdict } from '../../common/index.js';
import type { Judge } from '../judge.js';
import { missingEffects, sampled } from '../ledger/missing.js';
import { decide, type Decision } from '../verdict/decide.js';
import type { Redaction } from '../redaction.js';
import { tellDifferences, tellNoise } from './differences.js';

export interface ReportInput {
  readonly upgrade: string;
  readonly old: Release;
  readonly new: Release;
  readonly judge: Judge;
  readonly declaredEndpoints: readonly string[];
  readonly guard: GuardCount;
  readonly caveats: readonly string[];
  /** Share of live's sessions that are copied. */
  readonly sample: number;
  readonly performance?: ShadowReport['performance'];
  readonly cron?: ShadowReport['cron'];
  readonly timings: ShadowReport['timings'];
  /** The declared error rate of the whole report. */
  readonly alpha: number;
  readonly redaction: Redaction;
}

/** The report as things stand; `applyRules` makes its verdict of it. */
export function assembleReport(input: ReportInput): ShadowReport {
  const { judge } = input;
  const compared = judge.coverage.compared();
  const ledger = judge.ledger.read();
  const decisions = decide(judge.tallies.all(), compared, input.alpha);
  const told = tellDifferences(decisions, { compared });
  const otherwise = concludeRest(decisions, ledger.compared, ledger.unbound + ledger.unanswered);
  return {
    version: 1,
    upgrade: input.upgrade,
    old: { release: input.old.id },
    new: { release: input.new.id },
    packages: changedPackages(input.old, input.new),
    ...otherwise,
    otherwise,
    requests: ledger.compared,
    differences: told.differences,
    differing: told.differing,
    accepted: [],
    noise: tellNoise(judge.tallies.all(), compared, input.redaction),
    unbound: ledger.unbound,
    ledger,
    coverage: {
      ...judge.coverage.read(new Map(), input.declaredEndpoints),
      ...(input.sample < 1 ? { sample: input.sample } : {}),
      caveats: [
        ...input.caveats,
        ...judge.caveats,
        ...sampled(input.sample, ledger),
        ...missingEffects(ledger),
      ],
    },
    guard: input.guard,
    ...(input.performance === undefined ? {} : { performance: input.performance }),
    ...(input.cron === undefined ? {} : { cron: input.cron }),
    timings: input.timings,
  };
}

/** Installed packages that are not the same version on both sides. */
export function changedPackages(old: Release, fresh: Release): ShadowReport['packages'] {
  const names = [...new Set([...Object.keys(old.packages), ...Object.keys(fresh.packages)])].sort();
  return names
    .map((name) => ({ name, old: old.packages[name] ?? null, new: fresh.packages[name] ?? null }))
    .filter((change) => change.old !== change.new);
}

/** The verdict where no difference is open. */
export function concludeRest(
  decisions: readonly Decision[],
  compared: number,
  untold: number,
): { verdict: Verdict; because: string } {
  if (compared === 0)
    return {
      verdict: 'inconclusive',
      because: 'Nothing has been compared yet: it takes at least one exchange.',
    };
  const undecided = decisions.filter(({ decided }) => decided === 'undecided');
  if (undecided.length > 0) return { verdict: 'inconclusive', because: waitFor(undecided) };
  if (untold > compared)
    return {
      verdict: 'inconclusive',
      because: `Only ${compared} exchanges could be compared; ${untold} were unbound or unanswered.`,
    };
  return { verdict: 'identical', because: `No difference in ${compared} compared exchanges.` };
}

function waitFor(undecided: readonly Decision[]): string {
  const known = undecided.flatMap(({ needs }) => (needs === undefined ? [] : [needs]));
  const places = undecided.map(({ tally }) => `${tally.endpoint} ${tally.place.general}`).slice(0, 3);
  const more =
    known.length === 0
      ? 'More exchanges are needed'
      : `About ${Math.max(...known)} more exchanges are needed`;
  return `${more} to tell noise from change in ${places.join(', ')}${undecided.length > 3 ? '…' : ''}.`;
}

/** The report with a finding of the start on top: nothing could be replayed, and that is the verdict. */
export function concludeReport(report: ShadowReport, finding: Difference): ShadowReport {
  return {
    ...report,
    verdict: 'differs',
    because: 'The app does not start on the new release.',
    differences: [finding, ...report.differences],
  };
}
