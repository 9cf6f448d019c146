import {
  systemClock,
  type AttributedCause,
  type Attribution,
  type AttributionConfidence,
  type Clock,
  type Difference,
  type Release,
  type ReleaseStore,
  type ShadowReport,
} from '../../common/index.js';
import { changesBetween, changesOf, unitsOf, type Change, type Unit } from './changes.js';
import { ddmin, type Answer } from './ddmin.js';
import { describeChanges } from './describe.js';
import { readInstalled } from './installed.js';
import { outcomeIn, prefixOf, seek, type Sought } from './sought.js';
import { Trials, type Rehearse } from './trials.js';

/** Whoever waits for a report at a terminal waits so long, not longer. */
export const DEFAULT_ATTRIBUTION_MS = 10 * 60_000;

/** Enough for six single causes among a hundred changes; a mix that nothing can be told of must not cost the deadline. */
export const DEFAULT_TRIALS = 80;

export interface AttributeOptions {
  /** The report whose differences are explained. */
  readonly report: ShadowReport;
  readonly old: Release;
  readonly next: Release;
  readonly releases: ReleaseStore;
  readonly rehearse: Rehearse;
  /** What all trials may replay: requests, and the arms the report was made with. */
  readonly whole: { readonly requests: number; readonly arms: '2x2' | '1x1' };
  /** A folder that exists. */
  readonly workDir: string;
  /** Time for all trials, ms. Default 10 minutes. */
  readonly deadlineMs?: number;
  /** Trials at most. Default 80. */
  readonly maxTrials?: number;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
  readonly onProgress?: ((step: string) => void) | undefined;
}

/**
 * Names the changes behind each difference that is not accepted: the update is tried in parts, first by the packages the
 * app asks for with all that comes with them, then below them. What it cannot tell is in the result, with the reason.
 */
export async function attribute(options: AttributeOptions): Promise<Attribution> {
  const clock = options.clock ?? systemClock;
  const startedAt = clock.monotonic();
  const sides = { old: await readInstalled(options.old), next: await readInstalled(options.next) };
  const changes = changesBetween(sides, options);
  const wanted = options.report.differences.filter(({ accepted }) => !accepted);
  const { onProgress } = options;
  const trials = new Trials(
    {
      ...options,
      sides,
      changes,
      clock,
      deadlineMs: options.deadlineMs ?? DEFAULT_ATTRIBUTION_MS,
      maxTrials: options.maxTrials ?? DEFAULT_TRIALS,
      onTrial: (trial, taken) => onProgress?.(`trial ${trial}: ${nameOf(taken, changes)}`),
    },
    { requests: Math.min(prefixOf(wanted), options.whole.requests), arms: '1x1' },
  );
  const search = new Search(trials, changes);
  if (wanted.length > 0) await search.run(wanted, options.whole);
  return {
    causes: await Promise.all(
      search.causes.map(async ({ changes: found, ...cause }) => ({
        ...cause,
        changes: await describeChanges(found, sides, options),
      })),
    ),
    unattributed: search.unattributed,
    trials: trials.made,
    unresolved: trials.unresolved,
    requests: trials.extent.requests,
    tookMs: clock.monotonic() - startedAt,
  };
}

function nameOf(taken: readonly Change[], all: readonly Change[]): string {
  if (taken.length === 0) return 'no change';
  if (taken.length === all.length) return 'all changes';
  const shown = taken.slice(0, 3).map(({ key }) => key);
  return shown.join(', ') + (taken.length > shown.length ? ` and ${taken.length - shown.length} more` : '');
}

interface Found {
  readonly changes: readonly Change[];
  readonly confidence: AttributionConfidence;
}

type FoundCause = Omit<AttributedCause, 'changes' | 'differences'> & {
  readonly changes: readonly Change[];
  readonly differences: string[];
};

const SPENT = 'the time or the number of trials was spent';

class Search {
  readonly causes: FoundCause[] = [];
  readonly unattributed: { difference: string; because: string }[] = [];
  readonly #trials: Trials;
  readonly #changes: readonly Change[];
  readonly #units: readonly Unit[];
  #confirmed!: ShadowReport;

  constructor(trials: Trials, changes: readonly Change[]) {
    this.#trials = trials;
    this.#changes = changes;
    this.#units = unitsOf(changes);
  }

  async run(wanted: readonly Difference[], whole: AttributeOptions['whole']): Promise<void> {
    if (this.#changes.length === 0) {
      this.#giveUp(wanted, 'nothing that can be tried apart has changed');
      return;
    }
    for (const one of await this.#confirm(wanted, whole)) await this.#explain(one);
  }

  /** Which of them the whole update shows again, by a few requests in two arms, else by all in as many as the report had. */
  async #confirm(
    wanted: readonly Difference[],
    whole: AttributeOptions['whole'],
  ): Promise<readonly Sought[]> {
    for (;;) {
      const result = await this.#trials.try(this.#changes);
      if (result.kind !== 'ran') {
        this.#giveUp(wanted, result.kind === 'spent' ? SPENT : result.because);
        return [];
      }
      this.#confirmed = result.report;
      const again = wanted.map((difference) => ({ difference, sought: seek(difference, result.report) }));
      const missing = again.flatMap(({ difference, sought }) => (sought === undefined ? [difference] : []));
      const { requests, arms } = this.#trials.extent;
      if (missing.length > 0 && (requests < whole.requests || arms !== whole.arms)) {
        this.#trials.widen(whole);
        continue;
      }
      this.#giveUp(missing, 'the update did not show it again');
      return again.flatMap(({ sought }) => sought ?? []);
    }
  }

  async #explain(sought: Sought): Promise<void> {
    const { made } = this.#trials;
    const test = (taken: readonly Change[]): Promise<Answer> => this.#test(sought, taken);
    const without = await test([]);
    if (without !== 'absent') {
      const because = {
        occurs: 'it occurs without the update too',
        unresolved: 'the old release could not be run beside itself',
        spent: SPENT,
      };
      this.unattributed.push({ difference: sought.id, because: because[without] });
      return;
    }
    const found = (await this.#asBefore(test)) ?? (await this.#search(test));
    const key = keyOf(found.changes);
    const cause = this.causes.find(
      ({ changes, confidence }) => keyOf(changes) === key && confidence === found.confidence,
    );
    const trials = this.#trials.made - made;
    if (cause !== undefined) {
      cause.differences.push(sought.id);
      return;
    }
    this.causes.push({ ...found, differences: [sought.id], trials });
  }

  /** What made another difference often makes this one too. Only single changes: of several, fewer may do. */
  async #asBefore(test: (taken: readonly Change[]) => Promise<Answer>): Promise<Found | undefined> {
    for (const { changes, confidence } of this.causes)
      if (changes.length === 1 && confidence === 'proven' && (await test(changes)) === 'occurs')
        return { changes, confidence };
    return undefined;
  }

  async #search(test: (taken: readonly Change[]) => Promise<Answer>): Promise<Found> {
    const units = await ddmin(this.#units, (taken) => test(changesOf(taken)));
    const heads = units.items.map(({ head }) => head);
    if (!units.minimal) return { changes: heads, confidence: 'narrowed' };
    const below = changesOf(units.items);
    if (below.length === heads.length) return this.#proven(heads, test);
    // Most often it is the package that the app asks for; else it is looked for among all that came with it.
    if ((await test(heads)) === 'occurs') return this.#proven(heads, test);
    const inner = await ddmin(below, test);
    return inner.minimal ? this.#proven(inner.items, test) : { changes: heads, confidence: 'narrowed' };
  }

  /** Whether each of several was seen to be needed, or could only not be left out. */
  async #proven(
    changes: readonly Change[],
    test: (taken: readonly Change[]) => Promise<Answer>,
  ): Promise<Found> {
    if (changes.length === 1) return { changes, confidence: 'proven' };
    let confidence: AttributionConfidence = 'proven';
    for (const change of changes) {
      const answer = await test(changes.filter((one) => one !== change));
      if (answer === 'spent') return { changes, confidence: 'narrowed' };
      if (answer !== 'absent') confidence = 'inseparable';
    }
    return { changes, confidence };
  }

  async #test(sought: Sought, taken: readonly Change[]): Promise<Answer> {
    const result = await this.#trials.try(taken);
    return result.kind === 'ran' ? outcomeIn(sought, result.report, this.#confirmed) : result.kind;
  }

  #giveUp(differences: readonly Difference[], because: string): void {
    this.unattributed.push(...differences.map(({ id }) => ({ difference: id, because })));
  }
}

function keyOf(changes: readonly Change[]): string {
  return changes
    .map(({ key }) => key)
    .sort()
    .join('\n');
}
