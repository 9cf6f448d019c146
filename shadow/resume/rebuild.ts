import { DharmaError, type Exchange } from '../../common/index.js';
import type { EffectDelta } from '../arms-contract.js';
import type { Sent } from '../replay/sender.js';
import { Standing, type Broken, type Journal, type JournalEntry } from './journal.js';

/** What learns from what was done to the arms: told the same, it knows the same. */
export interface Learner {
  begun(deltas: readonly EffectDelta[], at: number): void;
  answers(exchange: Exchange, sent: readonly Sent[]): void;
  effects(exchanges: readonly Exchange[], deltas: readonly EffectDelta[]): void;
  /** It was under way when the process was killed that had sent it. */
  cutOff(exchange: Exchange): void;
  /** A process took over from one that was killed. */
  resumed(): void;
}

export interface RebuildOptions {
  readonly journal: Journal;
  readonly learner: Learner;
  /** The next captured exchange that may be replayed, in the order of capture. */
  readonly take: () => Promise<Exchange | undefined>;
  /** Reads what every arm has done since the last time. */
  readonly collect: () => Promise<readonly EffectDelta[]>;
  readonly now: () => number;
}

/**
 * Teaches the learner what earlier processes of this run had learnt, from what they wrote down and without sending
 * anything. Resolves with the exchanges that were taken and never sent: they are next. Where nothing was written it only
 * reads what the apps did while they started. Error: ARMS_APART: with these arms nothing can be compared any more.
 */
export async function rebuild(options: RebuildOptions): Promise<Exchange[]> {
  const past = new Past(options);
  let isFirst = true;
  for await (const entry of options.journal.history()) {
    isFirst = false;
    await past.apply(entry);
  }
  if (isFirst) {
    await past.done({ kind: 'begun', at: options.now(), deltas: await options.collect() });
  } else {
    await past.done({ kind: 'resuming' });
    const deltas = await options.collect();
    if (!past.areArmsAlike(deltas)) throw armsApart();
    await past.done({ kind: 'resumed', deltas });
  }
  return past.neverSent;
}

function armsApart(): DharmaError {
  return new DharmaError({
    code: 'ARMS_APART',
    message: 'a request that was under way when what compares was killed came to some of the copies only',
    remedy: 'Nothing: the comparison begins anew, from stores cloned anew.',
  });
}

class Past {
  readonly #options: RebuildOptions;
  readonly #standing = new Standing<Exchange>();
  /** Taken, and not sent until now. */
  readonly #taken = new Map<string, Exchange>();

  constructor(options: RebuildOptions) {
    this.#options = options;
  }

  get neverSent(): Exchange[] {
    return [...this.#taken.values()];
  }

  areArmsAlike(deltas: readonly EffectDelta[]): boolean {
    return this.#standing.areArmsAlike(deltas);
  }

  async done(entry: JournalEntry): Promise<void> {
    await this.#options.journal.note(entry);
    await this.apply(entry);
  }

  async apply(entry: JournalEntry): Promise<void> {
    const { learner } = this.#options;
    switch (entry.kind) {
      case 'begun':
        learner.begun(entry.deltas, entry.at);
        return;
      case 'sending':
        this.#standing.sending(entry.id, await this.#find(entry.id));
        return;
      case 'answered':
        learner.answers(this.#standing.answered(entry.id), entry.sent);
        return;
      case 'collecting':
      case 'resuming':
        this.#standing.reading();
        return;
      case 'collected':
        learner.effects(this.#standing.collected(entry.ids), entry.deltas);
        return;
      case 'resumed':
        this.#broken(this.#standing.resumed(), entry.deltas);
        return;
    }
  }

  /** What arms did with what was cut off cannot be told from what they did with the rest. */
  #broken({ cutOff, answered, effectsKnown }: Broken<Exchange>, deltas: readonly EffectDelta[]): void {
    const { learner } = this.#options;
    for (const exchange of cutOff) learner.cutOff(exchange);
    learner.effects(answered, effectsKnown ? deltas : deltas.map(() => ({ entries: [], calls: [] })));
    learner.resumed();
  }

  /** Exchanges are taken in the order of capture, and sent in one that may differ. */
  async #find(id: string): Promise<Exchange> {
    for (;;) {
      const found = this.#taken.get(id);
      this.#taken.delete(id);
      if (found !== undefined) return found;
      const next = await this.#options.take();
      if (next === undefined) throw new Error(`exchange ${id} was sent and is not among the captured ones`);
      this.#taken.set(next.id, next);
    }
  }
}
