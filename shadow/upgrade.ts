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
import type { ArmSet, PrepareArms } from './arms-contract.js';
import { capture, type Captured } from './capture/capture.js';
import { fixedBudget, shareOfFree } from './capture/disk-budget.js';
import { SessionSample } from './capture/sample.js';
import { SpillQueue } from './capture/spill-queue.js';
import { CostBook } from './costs/cost-book.js';
import { Meter } from './costs/meter.js';
import { Endpoints } from './endpoint.js';
import { Judge } from './judge.js';
import { DEFAULT_ALPHA, armNames, type ShadowOptions } from './options.js';
import { ArmLink } from './replay/arm-link.js';
import { Replayer } from './replay/replayer.js';
import { roomBesideBudget } from './room/beside-budget.js';
import { freeDisk } from './room/free-room.js';
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
  readonly #queue: SpillQueue<Captured>;
  readonly #indexes = new Map<string, number>();
  readonly #startedAt: number;
  readonly #capturing: Promise<void>;
  readonly #outbound: Promise<void>;
  readonly #ready: Promise<void>;
  readonly #work: Promise<void>;
  #arms: ArmSet | undefined;
  #links: readonly ArmLink[] = [];
  #phase: ShadowPhase = 'preparing';
  #step = 'starting the arms';
  #error: ShadowStatus['error'];
  #finding: Difference | undefined;
  #replayStartedAt: number | undefined;
  #lastSettledAt: number | undefined;
  #lastTakenNs: bigint | undefined;
  #toldAt = 0;
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
      indexOf: options.indexOf ?? ((exchange) => this.#indexes.get(exchange.id) ?? 0),
    });
    this.#costs = new CostBook(armNames(options.arms));
    this.#queue = new SpillQueue(
      join(options.workDir, 'exchanges.spool'),
      options.spoolBytes === undefined
        ? shareOfFree(() => freeDisk(options.workDir))
        : fixedBudget(options.spoolBytes),
    );
    this.#capturing = capture(
      options.exchanges,
      this.#queue,
      this.#judge,
      new SessionSample(options.sample ?? 1),
      options.log,
    )
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#queue.end());
    const prepared = this.#prepare();
    this.#outbound = this.#feedOutbound(prepared).catch((error: unknown) => this.#fail(error));
    // Whoever is told that it failed finds it in the report.
    this.#ready = prepared.then(
      () => undefined,
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
    const report = this.#assemble();
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

  /** The report as things stand now. */
  async report(): Promise<ShadowReport> {
    return this.#assemble();
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
    await this.#capturing;
    await this.#work;
    await this.#outbound;
    await Promise.all(this.#links.map((link) => link.close()));
    await this.#arms?.stop();
    this.#queue.close();
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
      launcher: options.launcher,
      clock: this.#clock,
      log: options.log,
      signal: this.#abort.signal,
      unguarded: options.unguarded ?? false,
      determinism: options.determinism ?? true,
      room: () => roomBesideBudget(options.workDir, this.#queue.reservedBytes),
      onProgress: (step) => this.#say('cloning', step),
    });
    this.#arms = arms;
    arms.setCanonical?.((arm, text) => this.#judge.toLive(arm, text));
    return arms;
  }

  async #feedOutbound(prepared: Promise<ArmSet>): Promise<void> {
    if (this.#options.outbound === undefined) return;
    const arms = await prepared.catch(() => undefined);
    for await (const call of this.#options.outbound) arms?.liveCall(call);
  }

  async #replay(arms: ArmSet): Promise<void> {
    this.#replayStartedAt = this.#clock.monotonic();
    this.#say('replaying', 'replaying live requests');
    this.#links = arms.arms.map((arm) => new ArmLink(arm, this.#options.log));
    const { signal } = this.#abort;
    this.#judge.startEffects(
      await Promise.all(arms.arms.map((arm) => arm.collect(signal))),
      this.#clock.now(),
    );
    const meter = new Meter(this.#costs, () => arms.arms.map((arm) => arm.app.pid), this.#clock);
    const replayer = new Replayer({
      links: this.#links,
      signal,
      eachApart: this.#options.eachApart ?? false,
      backlog: () => this.#queue.length,
      request: (exchange, arm) => this.#judge.request(exchange, arm),
      onAnswers: (exchange, sent) => {
        this.#judge.answers(exchange, sent);
        const tookMs = sent.flatMap((one) => (one.kind === 'answered' ? [one.tookMs] : []));
        if (tookMs.length === sent.length) this.#costs.answered(tookMs);
      },
      onEffects: (exchanges, deltas) => {
        meter.still(exchanges.length);
        this.#judge.effects(exchanges, deltas);
        for (const exchange of exchanges) {
          this.#indexes.delete(exchange.id);
          arms.forget(exchange.id);
        }
        this.#settled();
      },
    });
    await replayer.run({ next: () => this.#take(arms) });
  }

  /** The next exchange the arms can be given: those their stores may hold the effects of already are left out. */
  async #take(arms: ArmSet): Promise<Exchange | undefined> {
    for (;;) {
      const captured = await this.#queue.next();
      if (captured === undefined) return undefined;
      const { exchange, index } = captured;
      this.#lastTakenNs = exchange.finishedNs;
      if (exchange.finishedNs < arms.cloneStartedNs) this.#judge.ledger.drop('finished before the clone');
      else if (exchange.startedNs < arms.cloneEndedNs) {
        this.#judge.skip(exchange);
        this.#judge.ledger.drop('overlapped the clone');
      } else {
        this.#indexes.set(exchange.id, index);
        return exchange;
      }
    }
  }

  #fail(error: unknown): void {
    this.#judge.ledger.release();
    if (this.#abort.signal.aborted) return;
    this.#finding = startFinding(error);
    this.#error =
      error instanceof DharmaError
        ? {
            code: error.code,
            message: error.message,
            ...(error.found === undefined ? {} : { found: error.found }),
            remedy: error.remedy,
          }
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
      caveats: this.#arms?.caveats ?? [],
      sample: options.sample ?? 1,
      performance: this.#costs.read(options.alpha ?? DEFAULT_ALPHA),
      timings: this.#timings(),
      alpha: options.alpha ?? DEFAULT_ALPHA,
      redaction: this.#redaction,
    });
    const found = this.#finding === undefined ? report : concludeReport(report, this.#finding);
    const whole = options.earlier === undefined ? found : withEarlier(found, options.earlier);
    return applyRules(whole, options.accepted ?? []);
  }

  #timings(): ShadowReport['timings'] {
    const since = this.#replayStartedAt;
    const pending = this.#judge.ledger.read().pending > 0;
    const lagNs =
      pending && this.#lastTakenNs !== undefined ? process.hrtime.bigint() - this.#lastTakenNs : 0n;
    return {
      startedAt: this.#startedAt,
      cloneMs: this.#arms?.cloneMs ?? 0,
      replayedMs: since === undefined ? 0 : Math.max(0, (this.#lastSettledAt ?? since) - since),
      lagMs: Math.max(0, Number(lagNs) / 1e6),
      armMedianMs: Object.fromEntries(this.#links.map((link) => [link.name, link.medianMs])),
    };
  }
}
