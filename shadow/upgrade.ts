import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import {
  DharmaError,
  messageOf,
  systemClock,
  type Clock,
  type Difference,
  type Exchange,
  type GuardCount,
  type ShadowPhase,
  type ShadowReport,
  type ShadowStatus,
} from '../common/index.js';
import { runInCopy } from '../tasks/index.js';
import type { ArmSet, BegunWith, EffectDelta, PrepareArms } from './arms-contract.js';
import { Intake } from './capture/intake.js';
import type { KeptExchanges } from './capture/kept-exchanges.js';
import { CostBook } from './costs/cost-book.js';
import { Meter } from './costs/meter.js';
import { CronOverlay, withoutTasks } from './cron/overlay.js';
import { Endpoints } from './endpoint.js';
import { Judge } from './judge.js';
import { DEFAULT_ALPHA, armNames, type ShadowOptions } from './options.js';
import { rebuild, type Learner } from './resume/rebuild.js';
import { NO_JOURNAL } from './resume/journal.js';
import { CUT_OFF, goneOn } from './ledger/missing.js';
import { ArmLink } from './replay/arm-link.js';
import { Replayer } from './replay/replayer.js';
import { roomBesideBudget } from './room/beside-budget.js';
import { applyRules } from './report/acceptance.js';
import { assembleReport, concludeReport } from './report/assemble.js';
import { withEarlier } from './report/earlier.js';
import { startFinding } from './report/start-finding.js';
import { Redaction } from './redaction.js';

/** The engine's options: the part's door fills in who starts the arms. */
export type EngineOptions = ShadowOptions & { readonly prepare: PrepareArms };

/** A status weighs every place that was ever noisy: it is told as often as an eye follows, not with every exchange. */
const PROGRESS_EVERY_MS = 200;

const NO_GUARD: GuardCount = {
  enforcement: 'none',
  answered: 0,
  stubbed: 0,
  refused: 0,
  calls: [],
  escaped: 0,
};

/**
 * Begins a shadow upgrade: capture at once, then the clone and the arms, then the replay. Resolves when the capture has
 * begun; `ready()` tells when the replay has. The owner must `stop()` it.
 */
export async function runShadow(options: EngineOptions): Promise<ShadowRun> {
  await mkdir(options.workDir, { recursive: true, mode: 0o700 });
  return new ShadowRun(options);
}

/** One shadow upgrade while it runs. */
export class ShadowRun {
  readonly #options: EngineOptions;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  readonly #endpoints: Endpoints;
  readonly #redaction: Redaction;
  readonly #judge: Judge;
  readonly #costs: CostBook;
  readonly #intake: Intake;
  readonly #startedAt: number;
  readonly #outbound: Promise<void>;
  readonly #ready: Promise<void>;
  readonly #work: Promise<void>;
  #replays!: () => void;
  #arms: ArmSet | undefined;
  #links: readonly ArmLink[] = [];
  /** Runs of a cron beside the replay, where one is rehearsed. */
  #overlay: CronOverlay | undefined;
  #overlaid: Promise<void> | undefined;
  #phase: ShadowPhase = 'preparing';
  #step = 'starting the arms';
  #error: ShadowStatus['error'];
  #finding: Difference | undefined;
  #replayStartedAt: number | undefined;
  #lastSettledAt: number | undefined;
  #toldAt = 0;
  /** How often a process took over from one that was killed. */
  #resumed = 0;
  #stopping: Promise<void> | undefined;

  /** @internal Use `startShadow`. */
  constructor(options: EngineOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#startedAt = this.#clock.now();
    this.#endpoints = new Endpoints(options.old.manifest.routes);
    this.#redaction = new Redaction([
      ...options.old.manifest.redact,
      ...options.new.manifest.redact,
      ...(options.redact ?? []),
    ]);
    this.#judge = new Judge({
      redaction: this.#redaction,
      arms: armNames(options.arms),
      endpoints: this.#endpoints,
      request: { forwarded: options.forwarded ?? true },
      roots: armNames(options.arms).map((arm) => [
        (arm.startsWith('old') ? options.old : options.new).dir,
        join(options.workDir, arm),
      ]),
      indexOf: options.indexOf ?? ((exchange) => this.#intake.indexOf(exchange)),
    });
    this.#costs = new CostBook(armNames(options.arms));
    this.#intake = new Intake({ options, judge: this.#judge, onError: (error) => this.#fail(error) });
    const prepared = this.#prepare();
    this.#outbound = this.#feedOutbound(prepared).catch((error: unknown) => this.#fail(error));
    // Whoever is told that it failed finds it in the report.
    const replays = new Promise<void>((resolve) => (this.#replays = resolve));
    this.#ready = prepared.then(
      () => Promise.race([replays, this.#work]),
      async (error: unknown) => {
        await this.#work;
        throw error;
      },
    );
    this.#work = prepared.then((arms) => this.#replay(arms)).catch((error: unknown) => this.#fail(error));
    this.#ready.catch(() => undefined); // Told by #work; whoever asks with ready() gets it too.
    options.signal?.addEventListener('abort', () => void this.stop(), { once: true });
    if (options.signal?.aborted) void this.stop();
  }

  /** Resolves when the arms run and the replay has begun; rejects with what kept them from it. */
  ready(): Promise<void> {
    return this.#ready;
  }

  status(): ShadowStatus {
    const report = this.#whole();
    return {
      upgrade: this.#options.upgrade,
      phase: this.#phase,
      step: this.#step,
      ledger: report.ledger,
      verdict: report.verdict,
      differences: report.differences.filter(({ accepted }) => !accepted).length,
      ...(this.#error === undefined ? {} : { error: this.#error }),
    };
  }

  /** What was replayed first, and what the arms began with, once they stand: to replay it beside other releases. */
  get replayable(): { readonly kept: KeptExchanges; readonly begun: BegunWith } | undefined {
    const begun = this.#arms?.begun;
    return begun === undefined || this.#options.keep !== true
      ? undefined
      : { kept: this.#intake.kept, begun };
  }

  /** The report of this run alone, without what earlier ones found. */
  found(): ShadowReport {
    return applyRules(this.#assemble(), this.#options.accepted ?? []);
  }

  /** The report as things stand now. */
  async report(): Promise<ShadowReport> {
    return this.#whole();
  }

  /** Resolves when everything captured until now is accounted for, effects included, or the run has ended. */
  async drained(): Promise<void> {
    // What a source in this process was given just now is read within this turn of the loop.
    await setImmediate();
    await Promise.race([this.#ready.then(() => this.#judge.ledger.settled()), this.#work]);
  }

  /** Ends capture, replay and arms. The report stays. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#abort.abort(new Error('the shadow was stopped'));
    await this.#options.exchanges.close();
    await this.#options.outbound?.close();
    await this.#intake.ended;
    await this.#work;
    await this.#outbound;
    await this.#overlaid;
    await Promise.all(this.#links.map((link) => link.close()));
    await this.#arms?.stop();
    this.#intake.close();
    this.#judge.ledger.release();
    if (this.#phase !== 'failed') this.#say('stopped', 'stopped');
  }

  async #prepare(): Promise<ArmSet> {
    const options = this.#options;
    const arms = await options.prepare({
      workDir: options.workDir,
      old: options.old,
      new: options.new,
      names: armNames(options.arms),
      live: options.live,
      writable: options.writable ?? {},
      outbound: options.outboundUrls ?? options.old.manifest.outbound,
      // What the update calls anew, its own stubs know best.
      stubs: [...options.new.manifest.stubs, ...options.old.manifest.stubs],
      env: options.env ?? {},
      ...(options.newEnv === undefined ? {} : { newEnv: options.newEnv }),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      launcher: options.launcher,
      clock: this.#clock,
      log: options.log,
      signal: this.#abort.signal,
      unguarded: options.unguarded ?? false,
      determinism: options.determinism ?? true,
      room: () => roomBesideBudget(options.workDir, this.#intake.reservedBytes),
      onProgress: (step) => this.#say('cloning', step),
    });
    this.#arms = arms;
    arms.setCanonical?.((arm, text) => this.#judge.toLive(arm, text));
    return arms;
  }

  async #feedOutbound(prepared: Promise<ArmSet>): Promise<void> {
    if (this.#options.outbound === undefined) return;
    const arms = await prepared.catch(() => undefined);
    for await (const call of this.#options.outbound) {
      arms?.liveCall(call);
      this.#intake.keepCall(call);
    }
  }

  async #replay(arms: ArmSet): Promise<void> {
    this.#links = arms.arms.map((arm) => new ArmLink(arm, this.#options.log));
    const { signal } = this.#abort;
    const journal = this.#options.journal ?? NO_JOURNAL;
    const meter = new Meter(this.#costs, () => arms.arms.map((arm) => arm.app.pid), this.#clock);
    const learner = this.#learner(arms);
    const neverSent = await rebuild({
      ...{ journal, learner, now: () => this.#clock.now(), take: () => this.#intake.take(arms) },
      collect: () => Promise.all(arms.arms.map((arm) => arm.collect(signal))),
    });
    this.#replayStartedAt = this.#clock.monotonic();
    this.#say('replaying', 'replaying live requests');
    this.#overlay = this.#cronOverlay(arms);
    this.#overlaid = this.#overlay?.run(signal);
    this.#replays();
    const replayer = new Replayer({
      links: this.#links,
      signal,
      journal,
      eachApart: this.#options.eachApart ?? false,
      isBusy: () => this.#overlay?.isUnderWay === true,
      backlog: () => neverSent.length + this.#intake.backlog,
      request: (exchange, arm) => this.#judge.request(exchange, arm),
      onAnswers: (exchange, sent) => learner.answers(exchange, sent),
      onEffects: (exchanges, deltas) => {
        // What a run takes is no cost of requests.
        if (this.#overlay?.isUnderWay !== true) meter.still(exchanges.length);
        learner.effects(exchanges, deltas);
      },
    });
    await replayer.run({ next: async () => neverSent.shift() ?? this.#intake.take(arms) });
  }

  #learner(arms: ArmSet): Learner {
    const ofTheApp = (deltas: readonly EffectDelta[]): readonly EffectDelta[] =>
      this.#options.cron === undefined ? deltas : deltas.map(withoutTasks);
    const done = (exchange: Exchange): void => {
      this.#intake.done(exchange);
      arms.forget(exchange.id);
    };
    return {
      begun: (deltas, at) => this.#judge.startEffects(ofTheApp(deltas), at),
      answers: (exchange, sent) => {
        this.#judge.answers(exchange, sent);
        const tookMs = sent.flatMap((one) => (one.kind === 'answered' ? [one.tookMs] : []));
        if (tookMs.length === sent.length) this.#answered(exchange, tookMs);
      },
      effects: (exchanges, deltas) => {
        this.#judge.effects(exchanges, ofTheApp(deltas));
        for (const exchange of exchanges) {
          this.#intake.keep(exchange);
          done(exchange);
        }
        this.#settled();
      },
      cutOff: (exchange) => {
        this.#judge.skip(exchange);
        this.#judge.ledger.drop(CUT_OFF);
        done(exchange);
      },
      resumed: () => (this.#resumed += 1),
    };
  }

  #cronOverlay({ arms }: ArmSet): CronOverlay | undefined {
    const { cron, live } = this.#options;
    if (cron === undefined) return undefined;
    return new CronOverlay({
      ...{ name: cron, arms, liveRedis: live.redis, runOnce: runInCopy },
      ...{ otherwise: this.#costs, clock: this.#clock },
    });
  }

  /** Every arm has answered in so many ms. */
  #answered(exchange: Exchange, tookMs: readonly number[]): void {
    // Of the time of a process that was killed nobody knows what ran beside it.
    if (this.#options.cron !== undefined && this.#overlay === undefined) return;
    if (this.#overlay?.answered(exchange, tookMs) !== true) this.#costs.answered(tookMs);
  }

  #fail(error: unknown): void {
    this.#judge.ledger.release();
    if (this.#abort.signal.aborted) return;
    this.#finding = startFinding(error);
    this.#error =
      error instanceof DharmaError
        ? error.toJSON()
        : { code: 'SHADOW_FAILED', message: messageOf(error), remedy: 'See the log, and start it again.' };
    // What is no error of an operator's is a bug: where it happened must be told.
    const stack = error instanceof DharmaError || !(error instanceof Error) ? undefined : error.stack;
    this.#options.log.error({ error: this.#error, stack }, 'the shadow failed');
    this.#say('failed', this.#error.message);
  }

  #settled(): void {
    const now = this.#clock.monotonic();
    this.#lastSettledAt = now;
    if (this.#options.onProgress === undefined || now - this.#toldAt < PROGRESS_EVERY_MS) return;
    this.#toldAt = now;
    this.#options.onProgress(this.status());
  }

  #say(phase: ShadowPhase, step: string): void {
    this.#phase = phase;
    this.#step = step;
    this.#options.onProgress?.(this.status());
  }

  #assemble(): ShadowReport {
    const options = this.#options;
    const report = assembleReport({
      upgrade: options.upgrade,
      old: options.old,
      new: options.new,
      judge: this.#judge,
      declaredEndpoints: this.#endpoints.declared,
      guard: this.#arms?.guard() ?? NO_GUARD,
      caveats: [...(this.#options.caveats ?? []), ...(this.#arms?.caveats ?? []), ...this.#interruptions()],
      sample: options.sample ?? 1,
      ...this.#costsTold(),
      timings: this.#timings(),
      alpha: options.alpha ?? DEFAULT_ALPHA,
      redaction: this.#redaction,
    });
    return this.#finding === undefined ? report : concludeReport(report, this.#finding);
  }

  #costsTold(): Pick<ShadowReport, 'cron' | 'performance'> {
    const { alpha = DEFAULT_ALPHA, limits, sample = 1 } = this.#options;
    const costs = this.#costs.read(alpha);
    const cpuMs = costs?.cpuMs.old ?? 0;
    const cron = this.#overlay?.read({ alpha, sample, cpuMs, limits: limits?.new });
    return {
      ...(costs === undefined
        ? {}
        : { performance: { ...costs, ...(limits === undefined ? {} : { limits }) } }),
      ...(cron === undefined ? {} : { cron }),
    };
  }

  #interruptions(): readonly string[] {
    const cutOff = this.#judge.ledger.read().dropped[CUT_OFF] ?? 0;
    return this.#resumed === 0 ? [] : [goneOn(this.#resumed, cutOff)];
  }

  #whole(): ShadowReport {
    const { earlier, accepted } = this.#options;
    const found = this.#assemble();
    return applyRules(earlier === undefined ? found : withEarlier(found, earlier), accepted ?? []);
  }

  #timings(): ShadowReport['timings'] {
    const since = this.#replayStartedAt;
    const pending = this.#judge.ledger.read().pending > 0;
    const { lastTakenNs } = this.#intake;
    const lagNs = pending && lastTakenNs !== undefined ? process.hrtime.bigint() - lastTakenNs : 0n;
    return {
      startedAt: this.#startedAt,
      cloneMs: this.#arms?.cloneMs ?? 0,
      replayedMs: since === undefined ? 0 : Math.max(0, (this.#lastSettledAt ?? since) - since),
      lagMs: Math.max(0, Number(lagNs) / 1e6),
      armMedianMs: Object.fromEntries(this.#links.map((link) => [link.name, link.medianMs])),
    };
  }
}
