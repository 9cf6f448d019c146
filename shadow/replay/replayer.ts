import { setTimeout as sleep } from 'node:timers/promises';
import type { Exchange } from '../../common/index.js';
import type { EffectDelta } from '../arms-contract.js';
import type { Request } from '../correlate/rewrite.js';
import type { Journal } from '../resume/journal.js';
import type { ArmLink } from './arm-link.js';
import { announcesBody, isChunked } from './arm-request.js';
import { HappensBefore } from './scheduler.js';
import type { Sent } from './sender.js';

/** Exchanges held in memory at most, waiting for what happens before them. */
const WINDOW = 256;

/** Exchanges between two readings of the effects at most: a barrier is put up where live has no quiet moment. */
const LONGEST_SEGMENT = 256;

/** Between two readings of the effects lies so many times as long as a reading takes, at least. */
const COLLECT_SHARE = 10;

/** The same after a single exchange: effects told apart are worth that others wait, and not that ever more do. */
const COLLECT_SHARE_APART = 1;

/** With nothing more to replay for so long, ms, the effects are read: nobody waits for the next exchange. */
const IDLE_MS = 100;

/**
 * Replayed apart, an exchange that live answered while others were under way may be waiting for one of them (a long poll,
 * a lock): when it takes so much longer, ms, than live took, the next ones are let in.
 */
const APART_PATIENCE_MS = 1000;

/** An arm may take this long, ms, on top of what live took. An answer that never comes must not hold up the rest. */
const ARM_DEADLINE_MS = 30_000;

export interface ReplayerOptions {
  readonly links: readonly ArmLink[];
  readonly signal: AbortSignal;
  /**
   * Replay one exchange after the other, in live's order, and read each one's effects, whatever that costs: what overlapped
   * live may overlap here, it need not. Otherwise so only as long as nothing waits to be replayed.
   */
  readonly eachApart: boolean;
  /** Where it is written down what is done to the arms. */
  readonly journal: Journal;
  /** Arms do something besides what they are asked: before that ends, effects are read only where they must be. Default: never. */
  isBusy?(): boolean;
  /** Exchanges that wait to be replayed. */
  backlog(): number;
  /** The exchange in the words of the arm of that index. */
  request(exchange: Exchange, arm: number): Request;
  /** Every arm has answered or failed. */
  onAnswers(exchange: Exchange, sent: readonly Sent[]): void;
  /** What each arm did since the last time, by the exchanges given. */
  onEffects(exchanges: readonly Exchange[], deltas: readonly EffectDelta[]): void;
}

/**
 * Replays exchanges in lockstep: each goes to all arms at once, and is finished when all have answered, so that the
 * arms see the same moment and none runs ahead. Happens-before decides what may overlap.
 */
export class Replayer {
  readonly #options: ReplayerOptions;
  readonly #scheduler = new HappensBefore<Exchange>();
  readonly #running = new Set<Promise<void>>();
  #segment: Exchange[] = [];
  #latestFinishNs = 0n;
  #collectedAt = performance.now();
  #collectMs = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: ReplayerOptions) {
    this.#options = options;
  }

  /** Replays until the queue ends. Rejects with the signal's reason, or what a store said when it could not be read. */
  async run(queue: { next(): Promise<Exchange | undefined> }): Promise<void> {
    for (;;) {
      const exchange = await this.#next(queue);
      if (exchange === undefined) break;
      if (this.#options.eachApart || this.#options.backlog() === 0) await this.#apart();
      if (this.#segment.length > 0 && this.#isTimeToCollect(exchange)) await this.#collect();
      this.#admit(exchange);
      while (this.#scheduler.waiting >= WINDOW) await this.#progress();
    }
    await this.#collect();
  }

  async #next(queue: { next(): Promise<Exchange | undefined> }): Promise<Exchange | undefined> {
    this.#options.signal.throwIfAborted();
    const coming = queue.next();
    while (this.#segment.length > 0) {
      if (!(await isIdle(coming, this.#options.signal))) break;
      if (this.#options.isBusy?.() !== true) await this.#collect();
    }
    return coming;
  }

  /** Waits until nothing is in flight, or what is may be waiting for what comes. */
  async #apart(): Promise<void> {
    if (this.#running.size === 0) return;
    const patience = new AbortController();
    const patient = sleep(APART_PATIENCE_MS + this.#longestMs(), true, { signal: patience.signal }).catch(
      () => false,
    );
    while (this.#running.size > 0)
      if (await Promise.race([patient, this.#progress().then(() => false)])) break;
    patience.abort();
  }

  /** How long live took for the slowest of the exchanges since the effects were last read. */
  #longestMs(): number {
    return Math.max(
      0,
      ...this.#segment.map(({ startedNs, finishedNs }) => Number(finishedNs - startedNs) / 1e6),
    );
  }

  /** At quiet moments, live's or the arms' own, as often as it is cheap; by force when there are none for long. */
  #isTimeToCollect(next: Exchange): boolean {
    if (this.#segment.length >= LONGEST_SEGMENT) return true;
    if (this.#options.isBusy?.() === true) return false;
    const isQuiet = this.#running.size === 0 || next.startedNs > this.#latestFinishNs;
    return isQuiet && performance.now() - this.#collectedAt >= this.#collectMs * this.#collectShare();
  }

  /** Where exchanges come one at a time, each one's effects are told apart: whatever that costs, as long as none has to wait. */
  #collectShare(): number {
    if (this.#segment.length > 1) return COLLECT_SHARE;
    return this.#options.eachApart || this.#options.backlog() === 0 ? 0 : COLLECT_SHARE_APART;
  }

  #admit(exchange: Exchange): void {
    this.#segment.push(exchange);
    if (exchange.finishedNs > this.#latestFinishNs) this.#latestFinishNs = exchange.finishedNs;
    this.#scheduler.admit(exchange);
    this.#dispatch();
  }

  #dispatch(): void {
    for (let next = this.#scheduler.next(); next !== undefined; next = this.#scheduler.next()) {
      const exchange = next;
      const replayed = this.#replay(exchange).then(
        () => {
          this.#running.delete(replayed);
          this.#scheduler.finish(exchange);
          this.#dispatch();
        },
        (error: unknown) => {
          this.#running.delete(replayed);
          this.#failure ??= { error };
        },
      );
      this.#running.add(replayed);
    }
  }

  async #replay(exchange: Exchange): Promise<void> {
    const { links, signal, journal } = this.#options;
    await journal.note({ kind: 'sending', id: exchange.id });
    const options = {
      deadlineMs: ARM_DEADLINE_MS + Math.ceil(Number(exchange.finishedNs - exchange.startedNs) / 1e6),
      chunked: isChunked(exchange),
      announceEmpty: announcesBody(exchange),
      signal,
    };
    // Whoever is asked last waits for the CPU longest: each is that as often as the others, so that their times compare.
    const sending = new Map(
      shuffled(links.length).map((i) => [i, links[i]!.send(this.#options.request(exchange, i), options)]),
    );
    const sent = await Promise.all(links.map((_, i) => sending.get(i)!));
    // Learnt in the order in which it is written down.
    const noted = journal.note({ kind: 'answered', id: exchange.id, sent });
    this.#options.onAnswers(exchange, sent);
    await noted;
  }

  /** Waits until one more exchange is done. */
  async #progress(): Promise<void> {
    await Promise.race(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Waits until nothing is in flight and reads what every arm did since the last time. */
  async #collect(): Promise<void> {
    while (this.#running.size > 0) await this.#progress();
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#segment.length === 0) return;
    const { journal } = this.#options;
    await journal.note({ kind: 'collecting' });
    const startedAt = performance.now();
    const deltas = await Promise.all(
      this.#options.links.map((link) => link.arm.collect(this.#options.signal)),
    );
    const exchanges = this.#segment;
    this.#segment = [];
    this.#collectedAt = performance.now();
    this.#collectMs = this.#collectedAt - startedAt;
    const noted = journal.note({ kind: 'collected', ids: exchanges.map(({ id }) => id), deltas });
    this.#options.onEffects(exchanges, deltas);
    await noted;
  }
}

/** Nothing comes for a while. Rejects with the signal's reason. */
async function isIdle(coming: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const idle = new Promise<true>((resolve) => {
    timer = setTimeout(() => resolve(true), IDLE_MS);
  });
  const first = await Promise.race([coming.then(() => false), idle]);
  clearTimeout(timer);
  signal.throwIfAborted();
  return first;
}

/** The numbers below `count` in a random order. */
function shuffled(count: number): readonly number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i -= 1) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
