import { join } from 'node:path';
import type { Exchange, Logger, OutboundCall } from '../../common/index.js';
import type { Judge } from '../judge.js';
import type { ShadowOptions } from '../options.js';
import { freeDisk } from '../room/free-room.js';
import { capture, type Captured } from './capture.js';
import { KEPT_SHARE, fixedBudget, partOf, shareOfFree } from './disk-budget.js';
import { KeptExchanges } from './kept-exchanges.js';
import { SessionSample } from './sample.js';
import { SpillQueue } from './spill-queue.js';

export interface IntakeOptions {
  readonly options: Pick<
    ShadowOptions,
    'workDir' | 'spoolBytes' | 'keep' | 'afterClone' | 'exchanges' | 'sample' | 'sampleKey'
  > & { readonly log: Logger };
  readonly judge: Judge;
  /** The capture broke off. */
  readonly onError: (error: unknown) => void;
}

/** CLOCK_MONOTONIC, ns. */
export interface CloneTime {
  readonly cloneStartedNs: bigint;
  readonly cloneEndedNs: bigint;
}

/**
 * What is captured of live: the exchanges that wait to be replayed, and those that are kept to be replayed again, within
 * one budget of disk. The owner must `close()` it once `ended` has resolved.
 */
export class Intake {
  /** Resolves when nothing more is captured. */
  readonly ended: Promise<void>;
  readonly kept: KeptExchanges;
  readonly #queue: SpillQueue<Captured>;
  readonly #judge: Judge;
  readonly #keeps: boolean;
  readonly #afterClone: boolean;
  /** The numbers of exchanges that were taken and are not done. */
  readonly #indexes = new Map<string, number>();
  #lastTakenNs: bigint | undefined;

  constructor({ options, judge, onError }: IntakeOptions) {
    this.#judge = judge;
    this.#keeps = options.keep === true;
    this.#afterClone = options.afterClone === true;
    const budget =
      options.spoolBytes === undefined
        ? shareOfFree(() => freeDisk(options.workDir))
        : fixedBudget(options.spoolBytes);
    const keptShare = this.#keeps ? KEPT_SHARE : 0;
    this.kept = new KeptExchanges(
      join(options.workDir, 'kept.spool'),
      partOf(budget, keptShare, () => this.#queue.heldBytes),
    );
    this.#queue = new SpillQueue(
      join(options.workDir, 'exchanges.spool'),
      partOf(budget, 1 - keptShare, () => this.kept.bytes),
    );
    const sample = new SessionSample(options.sample ?? 1, options.sampleKey);
    this.ended = capture(options.exchanges, this.#queue, judge, sample, options.log)
      .catch(onError)
      .finally(() => this.#queue.end());
  }

  /** Exchanges that wait. */
  get backlog(): number {
    return this.#queue.length;
  }

  get reservedBytes(): number {
    return this.#queue.reservedBytes + this.kept.reservedBytes;
  }

  /** When live had answered the exchange that was taken last, CLOCK_MONOTONIC, ns. */
  get lastTakenNs(): bigint | undefined {
    return this.#lastTakenNs;
  }

  indexOf(exchange: Exchange): number {
    return this.#indexes.get(exchange.id) ?? 0;
  }

  /** The next exchange the arms can be given: those their stores may hold the effects of already are left out. */
  async take({ cloneStartedNs, cloneEndedNs }: CloneTime): Promise<Exchange | undefined> {
    for (;;) {
      const captured = await this.#queue.next();
      if (captured === undefined) return undefined;
      const { exchange, index } = captured;
      this.#lastTakenNs = exchange.finishedNs;
      if (this.#afterClone || exchange.startedNs >= cloneEndedNs) {
        this.#indexes.set(exchange.id, index);
        return exchange;
      }
      if (exchange.finishedNs < cloneStartedNs) this.#judge.ledger.drop('finished before the clone');
      else {
        this.#judge.skip(exchange);
        this.#judge.ledger.drop('overlapped the clone');
      }
    }
  }

  /** Keeps what was replayed; what live called out to for it is kept before it. */
  keep(exchange: Exchange): void {
    if (this.#keeps) this.kept.keep({ kind: 'exchange', exchange, index: this.indexOf(exchange) });
  }

  keepCall(call: OutboundCall): void {
    if (this.#keeps) this.kept.keep({ kind: 'call', call });
  }

  done(exchange: Exchange): void {
    this.#indexes.delete(exchange.id);
  }

  close(): void {
    this.#queue.close();
    this.kept.close();
  }
}
