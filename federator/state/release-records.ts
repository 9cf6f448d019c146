import type { Release } from '../../common/index.js';
import type { Database } from './database.js';

/** What releases there have been, also those no longer installed. Written once each. */
export class ReleaseRecords {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async remember(release: Release): Promise<void> {
    await this.#database.releases.updateOne(
      { _id: release.id },
      {
        $setOnInsert: {
          app: release.app,
          createdAt: new Date(release.createdAt),
          ...(release.base === undefined ? {} : { base: release.base }),
        },
      },
      { upsert: true },
    );
  }
}
