import { DharmaError, type AcceptedRule, type Difference, type ShadowReport } from '../../common/index.js';
import { classOf } from '../verdict/value-form.js';

/** The place of an app that does not start at all. */
export const NO_START = 'start';

type RuleChange = AcceptedRule['changes'][number];

/**
 * The rule that accepts a difference as it was seen: this place, changing in these ways.
 * Errors: DIFFERENCE_UNKNOWN; DIFFERENCE_NOT_ACCEPTABLE: that the app does not start is nothing to accept for next time.
 */
export function ruleFor(report: ShadowReport, id: string, reason: string): AcceptedRule {
  const difference = report.differences.find((one) => one.id === id);
  if (difference === undefined) throw differenceUnknown(report, id);
  if (difference.where === NO_START) throw notAcceptable();
  const { endpoint, where, detail, changes } = difference;
  return {
    id,
    endpoint,
    where,
    ...(detail === undefined ? {} : { detail }),
    changes: changes.map(({ kind, old, new: fresh }) => ({ kind, old, new: fresh })),
    reason,
  };
}

/** Two rules for one place as one: all that either covers, for the later reason. */
export function mergeRules(earlier: AcceptedRule, later: AcceptedRule): AcceptedRule {
  const kept = earlier.changes.filter((change) => !later.changes.some((other) => isSame(change, other)));
  return { ...later, changes: [...kept, ...later.changes] };
}

/** The report with what the rules cover marked as accepted, and the verdict on the rest. Pure; may be repeated. */
export function applyRules(report: ShadowReport, rules: readonly AcceptedRule[]): ShadowReport {
  const differences = report.differences.map((difference) => applyTo(difference, rules));
  const accepted = differences.filter((difference) => difference.accepted).map(({ id }) => id);
  const ids = new Set(accepted);
  const open = differences.length - accepted.length;
  return {
    ...report,
    ...verdictOf(report, open, accepted.length),
    differences,
    accepted,
    differing: report.differing.map((row) => ({ ...row, accepted: ids.has(row.difference) })),
    coverage: { ...report.coverage, endpoints: endpointsOf(report, differences) },
  };
}

function applyTo(difference: Difference, rules: readonly AcceptedRule[]): Difference {
  const here = difference.where === NO_START ? [] : rules.filter((rule) => isAt(rule, difference));
  const changes = difference.changes.map((change) => ({
    ...change,
    accepted: here.some((rule) => rule.changes.some((one) => covers(one, change))),
  }));
  if (changes.length === 0 || !changes.every(({ accepted }) => accepted))
    return { ...unmarked(difference), changes, accepted: false };
  return {
    ...difference,
    changes,
    accepted: true,
    acceptedBecause: [...new Set(here.map(({ reason }) => reason))].join('; '),
  };
}

function unmarked(difference: Difference): Difference {
  const { acceptedBecause, ...rest } = difference;
  return acceptedBecause === undefined ? difference : rest;
}

function isAt(rule: AcceptedRule, { endpoint, where, detail }: Difference): boolean {
  return rule.endpoint === endpoint && rule.where === where && rule.detail === detail;
}

/** The same kind, and on each side the same form, or one that the rule's form is the class of. */
function covers(rule: RuleChange, seen: { kind: string; old: string; new: string }): boolean {
  const fits = (wanted: string | undefined, form: string): boolean =>
    wanted === undefined || wanted === form || wanted === classOf(form);
  return rule.kind === seen.kind && fits(rule.old, seen.old) && fits(rule.new, seen.new);
}

function isSame(a: RuleChange, b: RuleChange): boolean {
  return a.kind === b.kind && a.old === b.old && a.new === b.new;
}

function verdictOf(
  report: ShadowReport,
  open: number,
  accepted: number,
): Pick<ShadowReport, 'verdict' | 'because'> {
  const { otherwise, requests } = report;
  const besides = accepted === 0 ? '' : ` ${accepted === 1 ? '1 more is' : `${accepted} more are`} accepted.`;
  if (report.differences.some(({ where }) => where === NO_START))
    return { verdict: 'differs', because: 'The app does not start on the new release.' };
  if (open === 0)
    return accepted === 0
      ? otherwise
      : {
          verdict: otherwise.verdict,
          because: `${otherwise.because} ${accepted === 1 ? '1 place differs and is' : `${accepted} places differ and are`} accepted.`,
        };
  return {
    verdict: 'differs',
    because: `${open} ${open === 1 ? 'place differs' : 'places differ'} between old and new, over ${requests} compared exchanges.${besides}`,
  };
}

function endpointsOf(
  report: ShadowReport,
  differences: readonly Difference[],
): ShadowReport['coverage']['endpoints'] {
  const differing = new Map<string, number>();
  for (const { endpoint, count, accepted } of differences)
    if (!accepted) differing.set(endpoint, Math.max(differing.get(endpoint) ?? 0, count));
  return report.coverage.endpoints.map((one) => ({ ...one, differing: differing.get(one.endpoint) ?? 0 }));
}

function differenceUnknown({ differences }: ShadowReport, id: string): DharmaError {
  const ids = differences.map((one) => one.id);
  return new DharmaError({
    code: 'DIFFERENCE_UNKNOWN',
    message: 'the report has no such difference',
    found: id,
    remedy: `Take an id from the report${ids.length === 0 ? ' (it has no differences)' : `: ${ids.join(', ')}`}.`,
    httpStatus: 404,
  });
}

function notAcceptable(): DharmaError {
  return new DharmaError({
    code: 'DIFFERENCE_NOT_ACCEPTABLE',
    message: 'an app that does not start cannot be accepted: the next upgrade that does not start would pass',
    remedy: 'See its log in federate shadow report, and mend the update.',
    httpStatus: 409,
  });
}
