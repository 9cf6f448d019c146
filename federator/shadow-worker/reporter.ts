import { isDeepStrictEqual } from 'node:util';
import {
  messageOf,
  systemClock,
  type Logger,
  type ShadowReport,
  type ShadowStatus,
} from '../../common/index.js';
import type { Database } from '../state/database.js';

/** How often what the shadow tells is written down, when it has changed. */
const EVERY_MS = 1000;

export interface Told {
  status(): ShadowStatus;
  report(): Promise<ShadowReport>;
}

/** Writes what a shadow tells to the database, so that it outlives the shadow. The owner must `close()` it. */
export class Reporter {
  readonly #database: Database;
  readonly #upgrade: string;
  readonly #told: Told;
  readonly #log: Logger;
  readonly #abort = new AbortController();
  readonly #loop: Promise<void>;
  #written: ShadowStatus | undefined;

  constructor(database: Database, upgrade: string, told: Told, log: Logger) {
    this.#database = database;
    this.#upgrade = upgrade;
    this.#told = told;
    this.#log = log;
    this.#loop = this.#run();
  }

  /** Writes it now, whether it has changed or not. */
  async write(): Promise<void> {
    const status = this.#told.status();
    const told = await this.#told.report();
    const starts = status.phase === 'preparing' || status.phase === 'cloning';
    // Where earlier workers found something, there is something to tell before this one has compared anything.
    const report = starts && told.differences.length === 0 ? null : told;
    await this.#database.reports.updateOne(
      { _id: this.#upgrade },
      { $set: { status, report, at: new Date() } },
      { upsert: true, ignoreUndefined: true },
    );
    this.#written = status;
  }

  /** Ends the writing, after the last word. */
  async close(): Promise<void> {
    this.#abort.abort(new Error('closed'));
    await this.#loop;
    await this.write();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        if (!isDeepStrictEqual(this.#told.status(), this.#written)) await this.write();
      } catch (error) {
        this.#log.warn({ error: messageOf(error) }, 'the report could not be written; trying again');
      }
      await systemClock.sleep(EVERY_MS, signal).catch(() => undefined); // Ends by close() alone.
    }
  }
}
