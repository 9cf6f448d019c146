import type { ChangeSet } from '../../common/index.js';
import type { Database } from './database.js';
import type { ConfigChange, ShadowRunOptions, UpgradeDocument, UpgradeState } from './documents.js';
import type { Fence } from './fence.js';

/** States in which an upgrade is under way: there is one such upgrade at most. */
const RUNNING: ReadonlySet<UpgradeState> = new Set(['starting', 'shadowing', 'promoting', 'rolling-back']);

/** States that are an end. `stopped` and `promoted` are not: one can still be promoted, the other rolled back. */
const ENDED: ReadonlySet<UpgradeState> = new Set(['settled', 'rolled-back', 'failed']);

export interface NewUpgrade {
  readonly id: string;
  readonly kind: UpgradeDocument['kind'];
  readonly change: ChangeSet;
  readonly base: string;
  readonly next: string | null;
  readonly configs?: readonly ConfigChange[];
  readonly options?: ShadowRunOptions;
  readonly state: 'starting' | 'promoting';
}

/** Upgrades and their states. Every write is fenced. */
export class UpgradeStore {
  readonly #database: Database;
  readonly #fence: Fence;

  constructor(database: Database, fence: Fence) {
    this.#database = database;
    this.#fence = fence;
  }

  async get(id: string): Promise<UpgradeDocument | undefined> {
    return (await this.#database.upgrades.findOne({ _id: id })) ?? undefined;
  }

  async running(): Promise<UpgradeDocument | undefined> {
    return (await this.#database.upgrades.findOne({ running: true })) ?? undefined;
  }

  /** Newest first. */
  async list(limit: number): Promise<UpgradeDocument[]> {
    return this.#database.upgrades.find().sort({ createdAt: -1 }).limit(limit).toArray();
  }

  /** Errors: the server's duplicate key error when another is running. */
  async insert(upgrade: NewUpgrade): Promise<void> {
    const { id, ...rest } = upgrade;
    await this.#database.upgrades.insertOne({
      _id: id,
      ...rest,
      running: true,
      createdAt: new Date(),
      epoch: this.#fence.epoch,
    });
  }

  /**
   * Moves an upgrade on if it is in one of the states `from`; false when it is not.
   * Errors: LEASE_LOST; the server's duplicate key error when `to` is a running state and another upgrade runs.
   */
  async move(
    id: string,
    from: readonly UpgradeState[],
    to: UpgradeState,
    set: Partial<Omit<UpgradeDocument, '_id' | 'state' | 'running' | 'epoch'>> = {},
  ): Promise<boolean> {
    return this.#fence.update(
      this.#database.upgrades,
      { _id: id, state: { $in: [...from] } },
      {
        $set: {
          ...set,
          state: to,
          running: RUNNING.has(to),
          ...(ENDED.has(to) ? { endedAt: new Date() } : {}),
        },
      },
    );
  }

  async setNext(id: string, next: string): Promise<void> {
    await this.#fence.update(this.#database.upgrades, { _id: id }, { $set: { next } });
  }
}
