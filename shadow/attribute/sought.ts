import type { Difference, ShadowReport } from '../../common/index.js';
import type { Outcome } from './ddmin.js';

/** A difference of the report as trials look for it. Pure. */
export interface Sought {
  readonly id: string;
  /** Request → what the new release showed there. */
  readonly shown: ReadonlyMap<number, string | undefined>;
  /** Two runs of the same update showed the same: another value at the place is then another difference. */
  readonly exact: boolean;
}

/** The difference as the first trial of the whole update shows it again; undefined: it does not. */
export function seek(difference: Difference, confirmed: ShadowReport): Sought | undefined {
  const again = confirmed.differences.find(({ id }) => id === difference.id);
  if (again === undefined) return undefined;
  const [first, second] = [shownIn(difference), shownIn(again)];
  const common = [...first].filter(([request]) => second.has(request));
  const exact = common.length > 0 && common.every(([request, value]) => second.get(request) === value);
  return { id: difference.id, shown: second, exact };
}

/**
 * Whether a trial shows it. What shows at its place is taken for it only with the same value, where values are the same
 * from run to run: two packages may each change one place. "Absent" takes all that the first trial compared.
 */
export function outcomeIn(sought: Sought, trial: ShadowReport, confirmed: ShadowReport): Outcome {
  const found = trial.differences.find(({ id }) => id === sought.id);
  if (found === undefined) {
    const told = trial.requests >= confirmed.requests && !trial.differences.some(isStart);
    return told ? 'absent' : 'unresolved';
  }
  if (!sought.exact) return 'occurs';
  const common = [...shownIn(found)].filter(([request]) => sought.shown.has(request));
  if (common.length === 0) return 'unresolved';
  return common.every(([request, value]) => sought.shown.get(request) === value) ? 'occurs' : 'unresolved';
}

/** Requests from the first on that show all of these differences at least once. */
export function prefixOf(differences: readonly Difference[]): number {
  const firsts = differences.map(({ examples }) => Math.min(...examples.map(({ request }) => request.index)));
  return Math.max(0, ...firsts.filter(Number.isFinite)) + 1;
}

export function isStart({ where }: Difference): boolean {
  return where === 'start';
}

function shownIn(difference: Difference): ReadonlyMap<number, string | undefined> {
  return new Map(
    difference.examples.map(({ request, new: value }) => [
      request.index,
      isStart(difference) ? errorIn(value ?? '') : value,
    ]),
  );
}

/** A log holds paths and times: the error it names is what two starts have in common. */
function errorIn(log: string): string {
  return (
    /\b[A-Z]\w*(?:Error|Exception)\b(?: \[\w+\])?:[^\n\\]*/
      .exec(log)?.[0]
      .replace(/(\/[\w.@-]+){2,}/g, '…') ?? ''
  );
}
