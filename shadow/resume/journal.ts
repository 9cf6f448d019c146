import type { EffectDelta } from '../arms-contract.js';
import type { Sent } from '../replay/sender.js';

/**
 * What was done to the arms, each act written down before it and after it. An act that began and did not end has an
 * outcome that nobody knows: it is never done again.
 */
export type JournalEntry =
  /** What the apps did while they started was read. */
  | { readonly kind: 'begun'; readonly at: number; readonly deltas: readonly EffectDelta[] }
  /** The exchange goes to all arms now. */
  | { readonly kind: 'sending'; readonly id: string }
  | { readonly kind: 'answered'; readonly id: string; readonly sent: readonly Sent[] }
  /** The effects are being read: whoever reads them takes them. */
  | { readonly kind: 'collecting' }
  | { readonly kind: 'collected'; readonly ids: readonly string[]; readonly deltas: readonly EffectDelta[] }
  /** A later process takes over: it reads what effects there are. */
  | { readonly kind: 'resuming' }
  | { readonly kind: 'resumed'; readonly deltas: readonly EffectDelta[] };

/** Outlives the process that writes it. */
export interface Journal {
  /** What earlier processes wrote, in their order. */
  history(): AsyncIterable<JournalEntry>;
  /** Resolves once the entry cannot be lost with this process. */
  note(entry: JournalEntry): Promise<void>;
}

/** For a run that does not outlive its process. */
export const NO_JOURNAL: Journal = {
  history: async function* () {},
  note: async () => undefined,
};

/** How things stood when a process was killed. */
export interface Broken<T> {
  /** Sent, and whether all arms answered is not known: they are not sent again, and not compared. */
  readonly cutOff: readonly T[];
  /** Answered by all arms; their effects were not read. */
  readonly answered: readonly T[];
  /** What is read now is what these did and nothing else: it can be compared. */
  readonly effectsKnown: boolean;
}

/** Where each exchange stands, by the journal. Pure. */
export class Standing<T> {
  readonly #sent = new Map<string, T>();
  readonly #answered = new Map<string, T>();
  /** Readings of effects that began since the last one that ended. */
  #reading = 0;

  sending(id: string, exchange: T): void {
    this.#sent.set(id, exchange);
  }

  answered(id: string): T {
    const exchange = this.#sent.get(id);
    if (exchange === undefined) throw new Error(`exchange ${id} was answered and never sent`);
    this.#sent.delete(id);
    this.#answered.set(id, exchange);
    return exchange;
  }

  /** For `collecting` and `resuming`. */
  reading(): void {
    this.#reading += 1;
  }

  collected(ids: readonly string[]): readonly T[] {
    this.#reading = 0;
    return ids.flatMap((id) => {
      const exchange = this.#answered.get(id);
      this.#answered.delete(id);
      return exchange ?? [];
    });
  }

  /**
   * Whether all arms are known to have done the same, given what was read when a process took over: what was under way may
   * have come to one arm and not to another, which only shows in what they did.
   */
  areArmsAlike(deltas: readonly EffectDelta[]): boolean {
    if (this.#sent.size === 0) return true;
    return this.#reading === 1 && new Set(deltas.map(extentOf)).size <= 1;
  }

  /** A process took over, and has read what effects there were: nothing is under way any more. */
  resumed(): Broken<T> {
    const broken = {
      cutOff: [...this.#sent.values()],
      answered: [...this.#answered.values()],
      // Who took over reads too; whatever was read before that and not written down is lost.
      effectsKnown: this.#sent.size === 0 && this.#reading === 1,
    };
    this.#sent.clear();
    this.#answered.clear();
    this.#reading = 0;
    return broken;
  }
}

/** How much was done where. Ids differ from arm to arm, so that keys do not tell. */
function extentOf({ entries, calls, notRead }: EffectDelta): string {
  const places = entries.map(({ store, key }) => `${store} ${store === 'mongo' ? key[0] : ''}`);
  const called = calls.map(({ destination, method }) => `call ${destination} ${method}`);
  return [...places, ...called, ...(notRead ?? [])].sort().join('\n');
}
