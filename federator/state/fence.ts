import { type Collection, type Filter, type UpdateFilter } from 'mongodb';
import { leaseLost } from '../../common/index.js';
import type { Database } from './database.js';

/** Name of the lease that makes an instance the active one. */
export const ACTIVE_LEASE = 'active-federator';

interface Fenced {
  readonly _id: string;
  readonly epoch: number;
}

/** Where the epoch of the writes comes from: the lease. `epoch` throws LEASE_LOST when it is not held. */
export interface EpochSource {
  readonly epoch: number;
}

/**
 * Writes that only the lease's holder can make. Whoever takes the lease first stamps its epoch on every protected
 * document; a write carries its own epoch in the filter, so that one of an earlier holder finds nothing to change.
 */
export class Fence {
  readonly #source: EpochSource;

  constructor(source: EpochSource) {
    this.#source = source;
  }

  get epoch(): number {
    return this.#source.epoch;
  }

  /** Shuts out all earlier holders. */
  async stamp(db: Database): Promise<void> {
    const { epoch } = this;
    await db.federation.updateOne(
      { _id: 'federation' },
      { $setOnInsert: { live: null, capture: false }, $max: { epoch } },
      { upsert: true },
    );
    for (const collection of [
      db.clusters,
      db.upgrades,
      db.operations,
      db.tuning,
    ] as unknown as Collection<Fenced>[])
      await collection.updateMany({ epoch: { $lt: epoch } }, { $set: { epoch } });
  }

  /**
   * One protected update. True when a document matched `filter`. Error: LEASE_LOST, when it carries a later epoch.
   */
  async update<T extends Fenced>(
    collection: Collection<T>,
    filter: Filter<T> & { _id: T['_id'] },
    update: UpdateFilter<T>,
  ): Promise<boolean> {
    const { epoch } = this;
    const { $set, ...rest } = update as { $set?: object };
    const { matchedCount } = await collection.updateOne({ ...filter, epoch: { $lte: epoch } }, {
      ...rest,
      $set: { ...$set, epoch },
    } as unknown as UpdateFilter<T>);
    if (matchedCount > 0) return true;
    const later = await collection.countDocuments({ _id: filter._id, epoch: { $gt: epoch } } as Filter<T>);
    if (later > 0) throw leaseLost(ACTIVE_LEASE);
    return false;
  }

  /** One protected removal. */
  async remove<T extends Fenced>(collection: Collection<T>, id: T['_id']): Promise<boolean> {
    const { deletedCount } = await collection.deleteOne({
      _id: id,
      epoch: { $lte: this.epoch },
    } as Filter<T>);
    return deletedCount > 0;
  }
}
