import type { Attribution, ShadowReport } from '../../common/index.js';

/** When the differences of a run that goes on are explained, and what the report says of it: in rounds. Pure. */

/** Trials may take one part in so many of the time: the machine is live's and the arms' first. */
const TRIALS_SHARE = 5;

/** Differences come in bunches; the first bunch is waited for at least so long, ms: as often as a report is written down. */
const LEAST_WAIT_MS = 1000;

/** What is known of the rounds until now. Times are monotonic, ms. */
export interface Rounds {
  /** Difference → when it was first seen. */
  readonly seen: ReadonlyMap<string, number>;
  /** Those that a round was about. */
  readonly tried: ReadonlySet<string>;
  readonly last: { readonly endedAt: number; readonly tookMs: number } | undefined;
}

/**
 * The differences a round is due for, all that were not tried. It waits until no new one has come for as long as they took
 * to come in, and after a round until the trials' share of the time is kept.
 */
export function dueDifferences({ seen, tried, last }: Rounds, now: number): readonly string[] {
  const waiting = [...seen].filter(([id]) => !tried.has(id));
  if (waiting.length === 0) return [];
  const times = waiting.map(([, at]) => at);
  const newest = times.reduce((a, b) => Math.max(a, b));
  const oldest = times.reduce((a, b) => Math.min(a, b));
  if (now - newest < Math.max(LEAST_WAIT_MS, newest - oldest)) return [];
  if (last !== undefined && now - last.endedAt < last.tookMs * (TRIALS_SHARE - 1)) return [];
  return waiting.map(([id]) => id);
}

/** Two rounds' results as one; what the later one says of a difference holds. */
export function mergeAttributions(earlier: Attribution | undefined, later: Attribution): Attribution {
  if (earlier === undefined) return later;
  const told = new Set([
    ...later.causes.flatMap(({ differences }) => differences),
    ...later.unattributed.map(({ difference }) => difference),
  ]);
  const causes = [...later.causes];
  for (const cause of earlier.causes) {
    const differences = cause.differences.filter((id) => !told.has(id));
    if (differences.length === 0) continue;
    const same = causes.findIndex((one) => keyOf(one) === keyOf(cause));
    if (same < 0) causes.push({ ...cause, differences });
    else {
      const { differences: own, trials } = causes[same]!;
      causes[same] = { ...cause, differences: [...differences, ...own], trials: cause.trials + trials };
    }
  }
  return {
    causes,
    unattributed: [
      ...earlier.unattributed.filter(({ difference }) => !told.has(difference)),
      ...later.unattributed,
    ],
    trials: earlier.trials + later.trials,
    unresolved: [...earlier.unresolved, ...later.unresolved],
    requests: Math.max(earlier.requests, later.requests),
    tookMs: earlier.tookMs + later.tookMs,
  };
}

function keyOf({ changes, confidence }: Attribution['causes'][number]): string {
  return JSON.stringify([confidence, changes.map(({ kind, name }) => `${kind} ${name}`).sort()]);
}

/** Nothing was tried and nothing is told. */
export const NOTHING: Attribution = {
  causes: [],
  unattributed: [],
  trials: 0,
  unresolved: [],
  requests: 0,
  tookMs: 0,
};

/**
 * The report with what is told of its differences, and of each other one that is not accepted why it is not, by
 * `because(id)`. Nothing is added where nothing differs.
 */
export function withAttribution(
  report: ShadowReport,
  told: Attribution | undefined,
  because: (id: string) => string,
): ShadowReport {
  const known = new Set(
    told === undefined
      ? []
      : [
          ...told.causes.flatMap(({ differences }) => differences),
          ...told.unattributed.map(({ difference }) => difference),
        ],
  );
  const open = report.differences.filter(({ id, accepted }) => !accepted && !known.has(id));
  if (told === undefined && open.length === 0) return report;
  const { unattributed, ...rest } = told ?? NOTHING;
  return {
    ...report,
    attribution: {
      ...rest,
      unattributed: [...unattributed, ...open.map(({ id }) => ({ difference: id, because: because(id) }))],
    },
  };
}
