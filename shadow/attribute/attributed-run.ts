import {
  messageOf,
  systemClock,
  type Attribution,
  type Clock,
  type Difference,
  type ReleaseStore,
  type ShadowReport,
  type ShadowStatus,
} from '../../common/index.js';
import { runShadow, type EngineOptions, type ShadowRun } from '../upgrade.js';
import { attribute } from './attribute.js';
import { rehearseKept, type KeptRehearsal } from './rehearse-kept.js';
import { dueDifferences, mergeAttributions, NOTHING, withAttribution } from './rounds.js';
import { prefixOf } from './sought.js';

/** How often it is looked for differences that nobody has explained, ms. */
const LOOK_EVERY_MS = 1000;

/** Looking weighs every place: it may take one part in so many of the time. */
const LOOK_SHARE = 20;

export interface LiveAttributionOptions {
  /** Where mixes of old and new are installed, each while it is tried. */
  readonly releases: ReleaseStore;
  /** The folder of the trial under way: made, and removed. */
  readonly trialDir: string;
  /** What a process told that was killed, of a run that this one goes on with. */
  readonly told?: Attribution;
  /** Time for the trials of one round, ms. */
  readonly deadlineMs?: number;
  /** Trials of one round at most. */
  readonly maxTrials?: number;
}

type TrialOptions = LiveAttributionOptions & Pick<KeptRehearsal, 'prepare'>;

/**
 * A run whose differences are explained while it goes on: what it kept of live's exchanges is replayed beside parts of the
 * update. Nothing of it touches live, and nothing it meets ends the run. The owner must `stop()` it.
 */
export class AttributedRun {
  readonly #run: ShadowRun;
  readonly #options: EngineOptions;
  /** Its own part of them: a trial is told to nobody, and begins with nothing. */
  readonly #alike: KeptRehearsal['run'];
  readonly #attribution: TrialOptions;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  readonly #seen = new Map<string, number>();
  readonly #tried = new Set<string>();
  readonly #work: Promise<void>;
  #last: { readonly endedAt: number; readonly tookMs: number } | undefined;
  #told: Attribution | undefined;
  #doing: string | undefined;

  private constructor(
    run: ShadowRun,
    options: EngineOptions,
    alike: KeptRehearsal['run'],
    attribution: TrialOptions,
  ) {
    this.#run = run;
    this.#options = options;
    this.#alike = alike;
    this.#attribution = attribution;
    this.#clock = options.clock ?? systemClock;
    const { told } = attribution;
    // What had no cause is tried again.
    this.#told = told === undefined ? options.earlier?.attribution : { ...told, unattributed: [] };
    for (const id of told?.causes.flatMap(({ differences }) => differences) ?? []) this.#tried.add(id);
    options.signal?.addEventListener('abort', () => void this.stop(), { once: true });
    this.#work = this.#explain().catch((error: unknown) => {
      if (this.#abort.signal.aborted) return;
      options.log.error({ error: messageOf(error) }, 'differences are no longer explained');
    });
  }

  /** Begins a run as `runShadow` does. */
  static async start(options: EngineOptions, attribution: TrialOptions): Promise<AttributedRun> {
    const { earlier, signal, onProgress, ...alike } = options;
    const run = await runShadow({
      ...alike,
      ...(earlier === undefined ? {} : { earlier }),
      ...(signal === undefined ? {} : { signal }),
      ...(onProgress === undefined ? {} : { onProgress }),
      keep: true,
    });
    return new AttributedRun(run, options, alike, attribution);
  }

  ready(): Promise<void> {
    return this.#run.ready();
  }

  status(): ShadowStatus {
    const status = this.#run.status();
    return this.#doing === undefined ? status : { ...status, step: `${status.step}; ${this.#doing}` };
  }

  async report(): Promise<ShadowReport> {
    const report = await this.#run.report();
    return withAttribution(report, this.#told, (id) => this.#whyNot(id));
  }

  drained(): Promise<void> {
    return this.#run.drained();
  }

  /** Ends a trial under way, then the run. Idempotent. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error('the shadow was stopped'));
    await this.#work;
    await this.#run.stop();
  }

  async #explain(): Promise<void> {
    const { signal } = this.#abort;
    await this.#run.ready().catch(() => this.#abort.abort(new Error('the shadow did not start')));
    for (let lookMs = 0; !signal.aborted;) {
      await this.#clock.sleep(Math.max(LOOK_EVERY_MS, lookMs * LOOK_SHARE), signal);
      const startedAt = this.#clock.monotonic();
      const report = this.#run.found();
      for (const { id, accepted } of report.differences)
        if (!accepted && !this.#seen.has(id)) this.#seen.set(id, startedAt);
      lookMs = this.#clock.monotonic() - startedAt;
      const rounds = { seen: this.#seen, tried: this.#tried, last: this.#last };
      const due = new Set(dueDifferences(rounds, this.#clock.monotonic()));
      const wanted = report.differences.filter(({ id, accepted }) => !accepted && due.has(id));
      if (wanted.length > 0) await this.#round(report, wanted);
    }
  }

  /** Explains those that what is kept reaches to. */
  async #round(report: ShadowReport, wanted: readonly Difference[]): Promise<void> {
    const { replayable } = this.#run;
    if (replayable === undefined) return;
    const { kept } = replayable;
    const reached = wanted.filter((difference) => prefixOf([difference]) <= kept.lastIndex + 1);
    const beyond = wanted.filter((difference) => !reached.includes(difference));
    // What was answered just now is kept once its effects are read.
    for (const { id } of kept.isFull ? wanted : reached) this.#tried.add(id);
    if (kept.isFull && beyond.length > 0) this.#tell({ ...NOTHING, unattributed: beyond.map(tooLate) });
    if (reached.length === 0) return;
    const startedAt = this.#clock.monotonic();
    const whole = { requests: kept.lastIndex + 1, arms: this.#options.arms ?? '2x2' };
    try {
      this.#doing = `looking for what causes ${reached.length} of the differences`;
      this.#tell(
        await attribute({
          report: { ...report, differences: reached },
          old: this.#options.old,
          next: this.#options.new,
          ...this.#attribution,
          rehearse: (fresh, extent, signal) =>
            rehearseKept(
              {
                ...replayable,
                run: this.#alike,
                prepare: this.#attribution.prepare,
                workDir: this.#attribution.trialDir,
              },
              fresh,
              extent,
              signal,
            ),
          whole,
          workDir: this.#options.workDir,
          clock: this.#clock,
          signal: this.#abort.signal,
          onProgress: (step) =>
            (this.#doing = `looking for what causes ${reached.length} of the differences: ${step}`),
        }),
      );
    } catch (error) {
      if (this.#abort.signal.aborted) throw error;
      this.#options.log.error({ error: messageOf(error) }, 'differences could not be explained');
      const because = `it could not be tried: ${messageOf(error)}`;
      this.#tell({
        ...NOTHING,
        unattributed: reached.map(({ id }) => ({ difference: id, because })),
      });
    } finally {
      this.#doing = undefined;
      const endedAt = this.#clock.monotonic();
      this.#last = { endedAt, tookMs: endedAt - startedAt };
    }
  }

  #tell(attribution: Attribution): void {
    this.#told = mergeAttributions(this.#told, attribution);
  }

  #whyNot(id: string): string {
    if (this.#abort.signal.aborted) return 'the shadow ended before it was tried';
    const isOthers = !this.#seen.has(id) && this.#options.earlier?.differences.some((one) => one.id === id);
    return isOthers === true
      ? 'it was found before the comparison began anew, and what was captured then is gone'
      : 'it is not tried yet';
  }
}

function tooLate({ id }: Difference): Attribution['unattributed'][number] {
  return {
    difference: id,
    because:
      'it first showed after more exchanges than the disk they may have could keep; more is kept with --disk',
  };
}
