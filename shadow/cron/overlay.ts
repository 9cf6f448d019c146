import {
  DharmaError,
  messageOf,
  type Clock,
  type CronRehearsal,
  type Exchange,
  type NodeLimits,
} from '../../common/index.js';
import { PREFIX } from '../../tasks/index.js';
import type { Arm, EffectDelta } from '../arms-contract.js';
import { mirrorUri } from '../arms/environment.js';
import { CostBook } from '../costs/cost-book.js';
import { resourcesOf, type Resources } from '../costs/resources.js';

/** The next run waits for as long as the last one took, and so long at least, ms: between runs it is seen how it is without. */
const LEAST_PAUSE_MS = 1000;

export interface CronOverlayOptions {
  /** Of the cron, or task. */
  readonly name: string;
  readonly arms: readonly Arm[];
  /** Live's Redis, whose database the app's tasks are in. */
  readonly liveRedis: string | undefined;
  /** Has the copy with that Redis do the task once; resolves when it has. */
  readonly runOnce: (redis: string, name: string, signal: AbortSignal) => Promise<void>;
  /** The book of what arms take without it: it is told when that is not so. */
  readonly otherwise: Pick<CostBook, 'interrupted'>;
  readonly clock: Clock;
}

interface Run {
  readonly tookMs: number;
  readonly cpuMs: number;
}

/**
 * Runs of a cron in the new arms, again and again, while all arms are asked the same: the old ones show how it is without.
 * The owner must wait for `run()`, which ends by its signal.
 */
export class CronOverlay {
  readonly #options: CronOverlayOptions;
  /** What was answered while it ran. */
  readonly #beside: CostBook;
  readonly #runs: Run[] = [];
  #failed = 0;
  #problem: string | undefined;
  /** When the run that is under way began, and the last one ended; monotonic ms. */
  #since: number | undefined;
  #until = -Infinity;
  #first: bigint | undefined;
  #last = 0n;
  #exchanges = 0;

  constructor(options: CronOverlayOptions) {
    this.#options = options;
    this.#beside = new CostBook(options.arms.map(({ name }) => name));
  }

  get isUnderWay(): boolean {
    return this.#since !== undefined;
  }

  /** Lets it run until the signal aborts, or nobody takes it. What goes wrong stands in the report. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const tookMs = await this.#once(signal);
      if (tookMs === undefined) return;
      await clock.sleep(Math.max(LEAST_PAUSE_MS, tookMs), signal).catch(() => undefined); // Rejects by the signal alone.
    }
  }

  /** Every arm has answered in so many ms; true: a run was under way meanwhile, or partly. */
  answered(exchange: Exchange, tookMs: readonly number[]): boolean {
    this.#first ??= exchange.startedNs;
    if (exchange.startedNs > this.#last) this.#last = exchange.startedNs;
    this.#exchanges += 1;
    const sentAt = this.#options.clock.monotonic() - Math.max(...tookMs);
    if (this.#since === undefined) return sentAt < this.#until;
    if (sentAt >= this.#since) this.#beside.answered(tookMs);
    return true;
  }

  /**
   * What is known now. `alpha`: as for costs. `sample`: share of live's requests that are copied. `cpuMs`: what one takes.
   * `limits`: of a node.
   */
  read(known: {
    readonly alpha: number;
    readonly sample: number;
    readonly cpuMs: number;
    readonly limits: NodeLimits | undefined;
  }): CronRehearsal {
    const beside = this.#beside.read(known.alpha);
    const [tookMs, cpuMs] = [mean(this.#runs, 'tookMs'), mean(this.#runs, 'cpuMs')];
    const busyCpus = {
      requests: (this.#perSecond() * known.cpuMs) / 1000 / known.sample,
      run: tookMs === 0 ? 0 : cpuMs / tookMs,
    };
    const cpus = known.limits?.cpus;
    return {
      ...{ name: this.#options.name, runs: this.#runs.length, failed: this.#failed, tookMs, cpuMs, busyCpus },
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
      ...(beside === undefined
        ? {}
        : { beside: { exchanges: beside.exchanges, latencyMs: beside.latencyMs } }),
      ...(cpus === undefined ? {} : { nodes: nodesFor(busyCpus, cpus) }),
    };
  }

  /** How long one run took in the mean over arms, ms; undefined where there is to be none after it. */
  async #once(signal: AbortSignal): Promise<number | undefined> {
    const { clock, otherwise } = this.#options;
    const before = this.#resources();
    otherwise.interrupted();
    const since = (this.#since = clock.monotonic());
    const outcomes = await Promise.all(this.#fresh().map((arm) => this.#runIn(arm, signal)));
    this.#since = undefined;
    this.#until = clock.monotonic();
    otherwise.interrupted();
    if (signal.aborted) return undefined;
    const errors = outcomes.flatMap(({ error }) => (error === undefined ? [] : [error]));
    if (errors.length > 0) {
      this.#problem = told(errors[0]);
      if (!errors.every(isOfTheTask)) return undefined;
      this.#failed += 1;
    }
    const tookMs = outcomes.reduce((sum, { at }) => sum + at - since, 0) / outcomes.length;
    this.#runs.push({ tookMs, cpuMs: this.#cpuBeyond(before) });
    return tookMs;
  }

  async #runIn(arm: Arm, signal: AbortSignal): Promise<{ readonly at: number; readonly error?: unknown }> {
    const { runOnce, name, clock, liveRedis } = this.#options;
    try {
      if (arm.stores.redis === undefined) throw noRedis(name);
      await runOnce(mirrorUri(liveRedis ?? 'redis://', new URL(arm.stores.redis).host), name, signal);
      return { at: clock.monotonic() };
    } catch (error) {
      return { at: clock.monotonic(), error };
    }
  }

  #fresh(): readonly Arm[] {
    return this.#options.arms.filter(({ name }) => name.startsWith('new'));
  }

  #resources(): ReadonlyMap<Arm, Resources> {
    return new Map(this.#options.arms.map((arm) => [arm, resourcesOf(arm.app.pid)]));
  }

  /** CPU time of a new arm since then beyond an old one's, which was asked the same, ms. */
  #cpuBeyond(before: ReadonlyMap<Arm, Resources>): number {
    const taken = [...this.#resources()].map(([arm, { cpuMs }]) => ({
      isNew: arm.name.startsWith('new'),
      // One that was started again counts from zero.
      cpuMs: Math.max(0, cpuMs - before.get(arm)!.cpuMs),
    }));
    const of = (isNew: boolean): number =>
      mean(
        taken.filter((one) => one.isNew === isNew),
        'cpuMs',
      );
    return Math.max(0, of(true) - of(false));
  }

  /** Copied requests, in live's time. */
  #perSecond(): number {
    const seconds = Number(this.#last - (this.#first ?? this.#last)) / 1e9;
    return seconds > 0 ? (this.#exchanges - 1) / seconds : 0;
  }
}

/** What arms did, without what the library of tasks notes for itself: that a run was sent is the rehearsal's doing. Pure. */
export function withoutTasks(delta: EffectDelta): EffectDelta {
  const own = ({ store, key }: EffectDelta['entries'][number]): boolean =>
    store === 'redis' && key.some((part) => part.startsWith(`${PREFIX}:`));
  return { ...delta, entries: delta.entries.filter((entry) => !own(entry)) };
}

/** By CPU alone: what waits for stores or partners takes no node of its own. Pure. */
function nodesFor(busy: CronRehearsal['busyCpus'], cpus: number): NonNullable<CronRehearsal['nodes']> {
  const nodes = (work: number): number => Math.max(1, Math.ceil(work / cpus));
  return { requests: nodes(busy.requests), withRun: nodes(busy.requests + busy.run) };
}

function mean<K extends string>(all: readonly Readonly<Record<K, number>>[], key: K): number {
  return all.length === 0 ? 0 : all.reduce((sum, one) => sum + one[key], 0) / all.length;
}

/** The handler threw: the next run may do better. */
function isOfTheTask(error: unknown): boolean {
  return error instanceof DharmaError && error.code === 'TASK_FAILED';
}

function told(error: unknown): string {
  if (!(error instanceof DharmaError)) return messageOf(error);
  const { message, found } = error.toJSON();
  return found === undefined ? message : `${message}: ${found}`;
}

function noRedis(name: string): DharmaError {
  return new DharmaError({
    code: 'TASKS_NO_REDIS',
    message: `the copies have no Redis, in which the task ${name} could be sent`,
    remedy: 'Rehearse a cron of an app that uses dharma/tasks.',
  });
}
