import type { Db } from 'mongodb';

/** One step of the schema. Steps are only ever added; one that was released is never changed. */
export interface MigrationStep {
  /** Rises by one. */
  readonly id: number;
  readonly name: string;
  /** Must come to the same end when it is run again after being cut short anywhere. */
  readonly up: (db: Db) => Promise<void>;
}
