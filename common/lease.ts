import type { Collection, Db } from 'mongodb';
import { systemClock, type Clock } from './clock.js';
import { isDuplicateKey } from './duplicate-key.js';
import { DharmaError, messageOf } from './errors.js';
import type { Logger } from './log.js';

/**
 * A lease: one document, taken and renewed by an update that uses the server's clock alone, so that clocks of clients
 * may be wrong. `epoch` rises whenever it changes hands; who writes under it adds the epoch to the write's filter
 * (see `Lease.epoch`), so that a holder that was paused past its end cannot overwrite what its successor wrote.
 */
export interface LeaseDocument {
  readonly _id: string;
  readonly holder: string;
  readonly session: string;
  readonly epoch: number;
  readonly expiresAt: Date;
  /** Where the holder can be reached, for those that do not hold it. */
  readonly url?: string;
}

export interface LeaseOptions {
  readonly name: string;
  /** Stable over restarts. Whoever starts holders must see to it that no two of one name run at a time. */
  readonly holder: string;
  /** Of this life of the holder. A new session of the same holder takes over at once, with a new epoch. */
  readonly session: string;
  readonly ttlMs: number;
  readonly url?: string;
}

export const LEASES = 'leases';

/** Takes or renews; the document as it stands afterwards (look at its holder and session). */
export async function takeLease(db: Db, options: LeaseOptions): Promise<LeaseDocument> {
  const { name, holder, session, ttlMs, url } = options;
  const leases: Collection<LeaseDocument> = db.collection(LEASES);
  const mineNow = { $and: [{ $eq: ['$holder', holder] }, { $eq: ['$session', session] }] };
  const unexpired = { $gt: [{ $ifNull: ['$expiresAt', new Date(0)] }, '$$NOW'] };
  const free = { $or: [{ $not: [unexpired] }, { $eq: ['$holder', holder] }] };
  const ifFree = (taken: unknown, field: string): unknown => ({ $cond: ['$free', taken, field] });
  const nextEpoch = { $add: [{ $ifNull: ['$epoch', 0] }, 1] };
  const pipeline = [
    { $set: { free, kept: { $and: [mineNow, unexpired] } } },
    {
      $set: {
        epoch: ifFree({ $cond: ['$kept', '$epoch', nextEpoch] }, '$epoch'),
        holder: ifFree(holder, '$holder'),
        session: ifFree(session, '$session'),
        expiresAt: ifFree({ $add: ['$$NOW', ttlMs] }, '$expiresAt'),
        url: ifFree(url ?? '', '$url'),
      },
    },
    { $unset: ['free', 'kept'] },
  ];
  for (;;) {
    try {
      const lease = await leases.findOneAndUpdate({ _id: name }, pipeline, {
        upsert: true,
        returnDocument: 'after',
      });
      if (lease !== null) return lease;
    } catch (error) {
      // Two first takers at once: one upsert wins, the other looks again.
      if (!isDuplicateKey(error)) throw error;
    }
  }
}

/** Ends a lease before its time, so that the next one need not wait. Nothing happens when it is not ours. */
export async function releaseLease(
  db: Db,
  options: Pick<LeaseOptions, 'name' | 'holder' | 'session'>,
): Promise<void> {
  await db
    .collection<LeaseDocument>(LEASES)
    .updateOne(
      { _id: options.name, holder: options.holder, session: options.session },
      { $set: { expiresAt: new Date(0) } },
    );
}

export interface LeaseEvents {
  /** Called when it is taken, each time with a new epoch. */
  readonly onTaken: (epoch: number) => void;
  /** Called when it is lost: by another's hand, or because the store could not be reached for its whole life. */
  readonly onLost: () => void;
}

/** Tries for a lease and keeps it, until `close()`. */
export class Lease {
  readonly #db: Db;
  readonly #options: LeaseOptions;
  readonly #events: LeaseEvents;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #abort = new AbortController();
  readonly #loop: Promise<void>;
  #epoch: number | undefined;
  /** On our monotonic clock, from before the request that renewed it: never later than the server's own end. */
  #validUntil = 0;
  #document: LeaseDocument | undefined;

  constructor(db: Db, options: LeaseOptions, events: LeaseEvents, log: Logger, clock: Clock = systemClock) {
    this.#db = db;
    this.#options = options;
    this.#events = events;
    this.#log = log;
    this.#clock = clock;
    this.#loop = this.#run();
  }

  get held(): boolean {
    return this.#epoch !== undefined && this.#clock.monotonic() < this.#validUntil;
  }

  /** The epoch to fence a write with. Error: LEASE_LOST. */
  get epoch(): number {
    if (this.#epoch === undefined || !this.held) throw leaseLost(this.#options.name);
    return this.#epoch;
  }

  /** The lease as last seen: where its holder is. */
  get seen(): LeaseDocument | undefined {
    return this.#document;
  }

  /** Gives it back. */
  async close(): Promise<void> {
    this.#abort.abort(new Error('closed'));
    await this.#loop;
    this.#lose();
    await releaseLease(this.#db, this.#options).catch((error: unknown) => {
      this.#log.warn({ error: messageOf(error) }, 'lease not given back; it will lapse');
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      await this.#renew();
      // Three tries within one life, so that one lost answer does not cost the lease.
      await this.#clock.sleep(this.#options.ttlMs / 3, signal).catch(() => undefined); // Ends by close() alone.
    }
  }

  async #renew(): Promise<void> {
    const askedAt = this.#clock.monotonic();
    try {
      this.#document = await takeLease(this.#db, this.#options);
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'lease could not be renewed');
      if (!this.held) this.#lose();
      return;
    }
    const { holder, session, epoch } = this.#document;
    if (this.#abort.signal.aborted) return;
    if (holder !== this.#options.holder || session !== this.#options.session) {
      this.#lose();
      return;
    }
    this.#validUntil = askedAt + this.#options.ttlMs;
    if (this.#epoch === epoch) return;
    this.#lose();
    this.#epoch = epoch;
    this.#events.onTaken(epoch);
  }

  #lose(): void {
    if (this.#epoch === undefined) return;
    this.#epoch = undefined;
    this.#events.onLost();
  }
}

export function leaseLost(name: string): DharmaError {
  return new DharmaError({
    code: 'LEASE_LOST',
    message: `this instance no longer holds the lease "${name}"`,
    remedy: 'Repeat the command: another instance has taken over.',
    httpStatus: 503,
  });
}
