import type { Collection } from 'mongodb';
import { isDuplicateKey, throwIfAborted } from '../../common/index.js';
import {
  applySpend,
  NO_SPENDING,
  SPEND_TIMES,
  type Ledger,
  type SpendEvent,
  type SpendOutcome,
  type SpendTimes,
} from '../spend/ledger.js';
import type { Database } from './database.js';

interface SpendDocument extends Ledger {
  readonly _id: 'spend';
  /** Rises with every change: what a change is made under. */
  readonly version: number;
  /** The server's clock when the document was last looked at: no client's clock counts. */
  readonly clock: Date;
}

/** The federation's spend ledger in MongoDB: one document, changed under compare-and-set by the pure `applySpend`. */
export class SpendStore {
  readonly #spend: Collection<SpendDocument>;
  readonly #times: SpendTimes;

  constructor({ db }: Pick<Database, 'db'>, times: SpendTimes = SPEND_TIMES) {
    this.#spend = db.collection('spend');
    this.#times = times;
  }

  /** The ledger, and the store's clock (ms), which a listing's `askedAt` is taken from. */
  async read(): Promise<{ readonly ledger: Ledger; readonly now: number }> {
    const { ledger, clock } = ledgerOf(await this.#look());
    return { ledger, now: clock.getTime() };
  }

  /** Applies an event; whoever else changes the ledger at the same time comes before or after it. */
  async apply(event: SpendEvent, signal: AbortSignal): Promise<SpendOutcome> {
    for (;;) {
      throwIfAborted(signal);
      const { version, clock, ledger: before } = ledgerOf(await this.#look());
      const { ledger, outcome } = applySpend(before, event, clock.getTime(), this.#times);
      const { matchedCount } = await this.#spend.updateOne(
        { _id: 'spend', version },
        { $set: { ...ledger }, $inc: { version: 1 } },
      );
      if (matchedCount > 0) return outcome;
    }
  }

  async #look(): Promise<SpendDocument> {
    for (;;) {
      try {
        const found = await this.#spend.findOneAndUpdate(
          { _id: 'spend' },
          [
            {
              $set: {
                version: { $ifNull: ['$version', 0] },
                ceiling: { $ifNull: ['$ceiling', NO_SPENDING.ceiling] },
                entries: { $ifNull: ['$entries', []] },
                monthly: { $ifNull: ['$monthly', NO_SPENDING.monthly] },
                spent: { $ifNull: ['$spent', NO_SPENDING.spent] },
                claims: { $ifNull: ['$claims', { $literal: NO_SPENDING.claims }] },
                clock: '$$NOW',
              },
            },
          ],
          { upsert: true, returnDocument: 'after' },
        );
        if (found !== null) return found;
      } catch (error) {
        // Two first comers at once: the other's upsert won.
        if (!isDuplicateKey(error)) throw error;
      }
    }
  }
}

function ledgerOf({ version, clock, ceiling, monthly, spent, claims, entries }: SpendDocument): {
  readonly version: number;
  readonly clock: Date;
  readonly ledger: Ledger;
} {
  return { version, clock, ledger: { ceiling, monthly, spent, claims, entries } };
}
