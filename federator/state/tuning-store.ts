import { randomBytes } from 'node:crypto';
import { isDuplicateKey } from '../../common/index.js';
import { newTuning, type TuningState, type TuningStep } from '../tuning/state.js';
import type { Database } from './database.js';
import type { Fence } from './fence.js';

/** Steps that are kept for people: some weeks' worth. */
const MOST_STEPS = 500;

/** What tuning remembers: one document, written whole, under the fence. */
export class TuningStore {
  readonly #database: Database;
  readonly #fence: Fence;

  constructor(database: Database, fence: Fence) {
    this.#database = database;
    this.#fence = fence;
  }

  /** Steps: oldest first. */
  async read(): Promise<{ readonly state: TuningState; readonly steps: readonly TuningStep[] }> {
    const found = await this.#database.tuning.findOne({ _id: 'tuning' });
    return found ?? { state: newTuning(randomBytes(8).toString('hex')), steps: [] };
  }

  /** Error: LEASE_LOST. */
  async write(state: TuningState, steps: readonly TuningStep[]): Promise<void> {
    const set = { state, steps: steps.slice(-MOST_STEPS) };
    if (await this.#fence.update(this.#database.tuning, { _id: 'tuning' }, { $set: set })) return;
    try {
      await this.#database.tuning.insertOne({ _id: 'tuning', ...set, epoch: this.#fence.epoch });
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      await this.#fence.update(this.#database.tuning, { _id: 'tuning' }, { $set: set });
    }
  }
}
