import type { Collection } from 'mongodb';
import { throwIfAborted } from '../../common/index.js';
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
import { isDuplicateKey } from './duplicate-key.js';

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
    const { ceiling, entries, clock } = await this.#look();
    return { ledger: { ceiling, entries }, now: clock.getTime() };
  }

  /** Applies an event; whoever else changes the ledger at the same time comes before or after it. */
  async apply(event: SpendEvent, signal: AbortSignal): Promise<SpendOutcome> {
    for (;;) {
      throwIfAborted(signal);
      const { version, ceiling, entries, clock } = await this.#look();
      const { ledger, outcome } = applySpend({ ceiling, entries }, event, clock.getTime(), this.#times);
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
