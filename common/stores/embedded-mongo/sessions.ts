import { decode, encode } from './bson/codec.js';
import { toNumber, type Binary, type Doc, type Long } from './bson/types.js';
import { fault } from './errors.js';
import type { Storage } from './storage/storage.js';

/** Minutes a session may be idle: what `hello` tells drivers, and how long its retries are remembered. */
export const SESSION_MINUTES = 30;
/** Key of a session's entry on disk: `s` and its id. */
const ENTRY = 's';

interface SessionState {
  txnNumber: bigint;
  /** Results of statements of this transaction number that have run, by statement id. */
  readonly done: Map<number, Doc>;
  usedAt: number;
}

/**
 * What retryable writes need: which statements of a session's last write have run, and what they answered. It is stored
 * in the same commit as their effects, so that a retry after a crash is recognised too.
 */
export class Sessions {
  readonly #storage: Storage;
  readonly #sessions = new Map<string, SessionState>();

  constructor(storage: Storage) {
    this.#storage = storage;
    for (const [key, raw] of storage.scan(ENTRY)) this.#load(key.slice(ENTRY.length), decode(raw));
  }

  #load(id: string, entry: Doc): void {
    const done = new Map(
      (entry.done as Doc[]).map(({ id: at, result }) => [toNumber(at) as number, result as Doc]),
    );
    this.#sessions.set(id, { txnNumber: BigInt(String(entry.txnNumber)), done, usedAt: Date.now() });
  }

  /** The retry bookkeeping of a write; undefined when the client asked for none. */
  retryable(body: Doc): RetryableWrite | undefined {
    const number = body.txnNumber;
    if (number === undefined) return undefined;
    const id = sessionId(body) ?? fault(72, 'Transaction number requires a session ID to also be specified');
    const txnNumber = BigInt((number as Long | number).toString());
    let state = this.#sessions.get(id);
    if (state !== undefined && state.txnNumber > txnNumber)
      return fault(
        225,
        `Cannot start transaction ${txnNumber} on session because a newer transaction ${state.txnNumber} has already started`,
      );
    if (state === undefined || state.txnNumber < txnNumber) {
      state = { txnNumber, done: new Map(), usedAt: Date.now() };
      this.#sessions.set(id, state);
      this.#expire();
    }
    const current = state;
    return {
      find: (statement) => current.done.get(statement),
      record: (statement, result) => {
        current.done.set(statement, result);
      },
      save: () => {
        current.usedAt = Date.now();
        this.#save(id, current);
      },
    };
  }

  end(id: string): void {
    if (this.#sessions.delete(id)) this.#storage.delete(ENTRY + id);
  }

  #save(id: string, state: SessionState): void {
    const done = [...state.done].map(([at, result]) => ({ id: at, result }));
    this.#storage.put(ENTRY + id, encode({ txnNumber: String(state.txnNumber), done }));
  }

  #expire(): void {
    const oldest = Date.now() - SESSION_MINUTES * 60_000;
    for (const [id, { usedAt }] of this.#sessions) if (usedAt < oldest) this.end(id);
  }
}

export interface RetryableWrite {
  /** What the statement answered when it ran before; undefined when it has not. */
  readonly find: (statement: number) => Doc | undefined;
  readonly record: (statement: number, result: Doc) => void;
  /** Stores what was recorded; once at the end of a command. */
  readonly save: () => void;
}

/** The id of a command's session, as a key. */
export function sessionId(body: Doc): string | undefined {
  const lsid = body.lsid as Doc | undefined;
  return lsid === undefined ? undefined : idKey(lsid);
}

export function idKey(lsid: Doc): string {
  const id = lsid.id as Binary | undefined;
  if (id?._bsontype !== 'Binary') return fault(40414, "BSON field 'lsid.id' is missing but a required field");
  return Buffer.from(id.buffer.subarray(0, id.position)).toString('latin1');
}
