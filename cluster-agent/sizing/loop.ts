import {
  DharmaError,
  messageOf,
  sizingBounds,
  systemCode,
  type Clock,
  type ClusterConfig,
  type DharmaErrorJson,
  type Logger,
  type SizingExplanation,
  type SizingStatus,
} from '../../common/index.js';
import { startsOf, type AnnouncedCron } from './announced-crons.js';
import { expectCrons, learnCrons } from './cron-cost.js';
import { decide } from './decide.js';
import { DecisionLog } from './decision-log.js';
import { explain } from './explain.js';
import type { NodeGroup } from './grouping.js';
import { newMemory, readMemory, readyMsOf, withReadiness, writeMemory, type SizingMemory } from './memory.js';
import type { Observation, SizingConfig } from './input.js';
import type { WorkMemory } from './observe.js';
import type { SizingRecord } from './record.js';
import { groupingMode, intervalOf, sizingConfig } from './settings.js';
import { sparesFor } from './standby.js';

/** What a decision is made on. */
export interface Sight {
  readonly config: ClusterConfig;
  readonly serving: number;
  readonly starting: number;
  /** For how long nodes were watched since the last decision, ms. */
  readonly watchedMs: number;
  /** What telemetry says of that time. */
  readonly observe: (before: WorkMemory, config: SizingConfig) => Seen;
  readonly crons: readonly AnnouncedCron[];
  /** Some route's clients are tied to nodes. */
  readonly isSticky: boolean;
}

export interface Seen {
  readonly observation: Observation;
  readonly memory: WorkMemory;
}

/** Prices and the ceiling, US dollars an hour. Undefined price: nobody knows it. Undefined ceiling: there is none. */
export interface Money {
  readonly price: number | undefined;
  readonly ceiling: number | undefined;
  /** What is wrong with money or hosts. */
  readonly faults: readonly DharmaErrorJson[];
  /** Whether what is known is too little to decide on: the last plan holds. */
  readonly hold: boolean;
}

export interface SizingLoopOptions {
  readonly cluster: string;
  /** The cluster's folder: `sizing.json` and the recorded decisions. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** What there is now; undefined while nothing serves. */
  readonly sight: () => Sight | undefined;
  /** Begins the next tick of telemetry. */
  readonly nextTick: () => void;
  readonly money: (config: ClusterConfig, signal: AbortSignal) => Promise<Money>;
  /** Called when another number is wanted. */
  readonly onChange: () => void;
}

/** Decides a cluster's size every `reconfigure`, and keeps and tells what was decided. The decision itself is `decide`. */
export class SizingLoop {
  readonly #options: SizingLoopOptions;
  readonly #decisions: DecisionLog;
  readonly #abort = new AbortController();
  #memory: SizingMemory;
  #last: SizingRecord | undefined;
  /** What was said and holds, by code. */
  #problems = new Map<string, DharmaErrorJson>();
  #interval = new AbortController();
  #intervalMs = 0;
  #loop: Promise<void> = Promise.resolve();

  private constructor(options: SizingLoopOptions, memory: SizingMemory) {
    this.#options = options;
    this.#memory = memory;
    this.#decisions = new DecisionLog(options.dir);
  }

  /** Goes on with what it knew. Nothing is decided before `follow`. The owner must `close()` it. */
  static async open(options: SizingLoopOptions): Promise<SizingLoop> {
    const memory = (await readMemory(options.dir, options.log)) ?? newMemory(DEFAULT_SHARE);
    // What holds is said again: whoever heard it may be gone.
    const loop = new SizingLoop(options, { ...memory, state: { ...memory.state, said: [] } });
    loop.#last = await loop.#decisions.last();
    return loop;
  }

  /** Goes by this config from now on. */
  follow(config: ClusterConfig): void {
    const intervalMs = intervalOf(config);
    if (intervalMs === this.#intervalMs) return;
    const isFirst = this.#intervalMs === 0;
    this.#intervalMs = intervalMs;
    if (isFirst) this.#loop = this.#run();
    else this.#interval.abort(new Error('another interval'));
  }

  /** How many nodes are to serve, and to wait ready. */
  wanted(config: ClusterConfig): { readonly count: number; readonly spares: number } {
    const bounds = sizingBounds(config);
    const decided = this.#memory.nodes === 0 ? config.nodes : this.#memory.nodes;
    const count =
      bounds === undefined ? config.nodes : Math.min(bounds.most, Math.max(bounds.least, decided));
    return { count, spares: this.#spares(config, count) };
  }

  /** Which endpoints are to share nodes, the shortest first; none: all do. */
  groups(config: ClusterConfig): readonly NodeGroup[] {
    return groupingMode(config) === 'off' ? [] : (this.#memory.state.grouping?.groups ?? []);
  }

  /**
   * Money stopped growth at `have` nodes: goes on with them, where the config asks for no more. False where it does. What
   * is wrong is told until the next decision says otherwise.
   */
  settleFor(have: number, config: ClusterConfig, error: DharmaError): boolean {
    const bounds = sizingBounds(config);
    if (bounds === undefined || have < bounds.least || !STOPS_GROWTH.has(error.code)) return false;
    this.#memory = { ...this.#memory, nodes: have };
    this.#tell([error.toJSON()], [...this.#problems.keys()]);
    return true;
  }

  /** A node became ready so long after it was asked for, ms. */
  noteReady(ms: number): void {
    this.#memory = withReadiness(this.#memory, ms);
    this.#options.onChange();
  }

  /** A node that served ended by itself. */
  noteLost(): void {
    const { losses } = this.#memory;
    this.#memory = { ...this.#memory, losses: { ...losses, count: losses.count + 1 } };
  }

  status(config: ClusterConfig): SizingStatus {
    const { count, spares } = this.wanted(config);
    const bounds = sizingBounds(config);
    const readyMs = readyMsOf(this.#memory);
    return {
      mode: bounds === undefined ? 'fixed' : 'sized',
      least: bounds?.least ?? config.nodes,
      most: bounds?.most ?? config.nodes,
      wanted: count,
      spares,
      ...(readyMs === undefined ? {} : { readyMs }),
      ...(this.#last === undefined ? {} : { decidedAt: this.#last.input.now }),
      reasons: this.#reasons(config),
      problems: [...this.#problems.values()],
    };
  }

  /** Why the last decision was what it was; undefined before there was one. */
  explanation(config: ClusterConfig): SizingExplanation | undefined {
    return this.#last === undefined ? undefined : this.#explain(this.#last, config);
  }

  /** What would be decided now; nothing comes of it. Undefined while nothing serves. */
  async preview(signal: AbortSignal): Promise<SizingExplanation | undefined> {
    const seen = await this.#look(signal);
    if (seen === undefined) return undefined;
    return this.#explain(this.#decision(seen).record, seen.config);
  }

  /** The recorded decisions, oldest first. */
  recorded(): Promise<SizingRecord[]> {
    return this.#decisions.all();
  }

  async close(): Promise<void> {
    this.#abort.abort(new Error('closed'));
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#abort;
    while (!signal.aborted) {
      this.#interval = new AbortController();
      const sleep = AbortSignal.any([signal, this.#interval.signal]);
      // Rejects only by our own close() or another interval, which begins a sleep of its own.
      const slept = await clock.sleep(this.#intervalMs, sleep).then(
        () => true,
        () => false,
      );
      if (!slept) continue;
      try {
        await this.#decide(signal);
      } catch (error) {
        if (signal.aborted && error === signal.reason) return;
        // A bug ends the agent, loudly, and it is started anew; what the system or a user can cause does not.
        if (!(error instanceof DharmaError) && systemCode(error) === undefined) throw error;
        if (signal.aborted) return;
        log.error({ error: messageOf(error) }, 'no size was decided: the last one holds');
      }
    }
  }

  async #decide(signal: AbortSignal): Promise<void> {
    const { nextTick, log, onChange, dir } = this.#options;
    const seen = await this.#look(signal);
    if (seen === undefined) return;
    const before = this.wanted(seen.config);
    if (seen.hold) {
      nextTick();
      this.#tell(seen.faults, this.#memory.state.said);
      return;
    }
    const { record, memory, faults } = this.#decision(seen);
    nextTick();
    this.#memory = aged(memory, seen);
    this.#last = record;
    this.#tell([...record.plan.notices, ...seen.faults, ...faults], memory.state.said);
    const after = this.wanted(seen.config);
    if (after.count !== before.count || after.spares !== before.spares)
      log.info({ before, after, reasons: record.plan.reasons }, 'another size');
    onChange();
    await this.#decisions.add(record);
    await writeMemory(dir, this.#memory);
  }

  /** Money is asked for first: from the look at telemetry to the next tick nothing may come between. */
  async #look(signal: AbortSignal): Promise<(Sight & Money) | undefined> {
    const config = this.#options.sight()?.config;
    if (config === undefined) return undefined;
    const money = await this.#options.money(config, signal);
    const sight = this.#options.sight();
    return sight === undefined ? undefined : { ...sight, ...money };
  }

  #decision(seen: Sight & Money): Decided {
    const { config, serving, starting, price } = seen;
    const settings = sizingConfig(config, seen.ceiling, seen.isSticky);
    const before = this.#memory;
    const { observation, memory: work } = seen.observe(before.work, settings);
    const readyMs = readyMsOf(before) ?? settings.reconfigureMs;
    const { at } = observation;
    // What is made ready must stand before it begins, and until the next decision.
    const { starts, faults } = startsOf(seen.crons, at, readyMs + 2 * settings.reconfigureMs);
    const crons = learnCrons(before.crons, { work: observation.work, at, starts });
    const input = {
      now: this.#options.clock.now(),
      observation,
      nodes: { serving, starting },
      readyMs,
      announced: expectCrons(crons, starts),
      price,
    };
    const { state, plan } = decide(before.state, input, settings);
    return {
      record: { before: before.state, input, config: settings, plan },
      memory: { ...before, state, work, crons, nodes: plan.nodes },
      faults,
    };
  }

  /** Says what is new; `said` are the codes that the decision said before and that still hold. */
  #tell(faults: readonly DharmaErrorJson[], said: readonly string[]): void {
    for (const fault of faults) {
      if (!this.#problems.has(fault.code)) this.#options.log.warn({ fault }, fault.message);
      this.#problems.set(fault.code, fault);
    }
    for (const code of this.#problems.keys())
      if (!said.includes(code) && !faults.some((fault) => fault.code === code)) this.#problems.delete(code);
  }

  #spares(config: ClusterConfig, count: number): number {
    if (config.standby !== 'auto') return config.standby;
    const readyMs = readyMsOf(this.#memory);
    // A fixed number of nodes is what its owner said, no more.
    if (sizingBounds(config) === undefined || readyMs === undefined) return 0;
    return sparesFor(this.#memory.losses, { nodes: count, readyMs, share: config.shortShare });
  }

  #reasons(config: ClusterConfig): string[] {
    if (sizingBounds(config) === undefined)
      return [`fixed by the config: nodes ${config.nodes}; minNodes or maxNodes has it sized`];
    return [...(this.#last?.plan.reasons ?? ['nothing was decided yet: as many as it begins with'])];
  }

  #explain(record: SizingRecord, config: ClusterConfig): SizingExplanation {
    const { mode, wanted, spares, problems } = this.status(config);
    return explain(record, {
      cluster: this.#options.cluster,
      mode,
      wanted,
      spares,
      size: config.nodeSize,
      problems,
    });
  }
}

interface Decided {
  readonly record: SizingRecord;
  readonly memory: SizingMemory;
  /** What was announced and cannot be. */
  readonly faults: readonly DharmaErrorJson[];
}

/** Losses are told per time that nodes were there. */
function aged(memory: SizingMemory, { serving, watchedMs }: Sight): SizingMemory {
  const nodeMs = memory.losses.nodeMs + serving * Math.max(0, watchedMs);
  return { ...memory, losses: { ...memory.losses, nodeMs } };
}

/** Errors of asking for a host that growth ends with, and that what runs goes on under. */
const STOPS_GROWTH: ReadonlySet<string> = new Set([
  'CEILING_REACHED',
  'PRICE_UNKNOWN',
  'CLUSTER_CLAIMED',
  'SPEND_UNREACHABLE',
]);

/** Before a config was seen. */
const DEFAULT_SHARE = 0.001;
