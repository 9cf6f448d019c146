import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { lockDir } from './dir-lock.js';

export interface StorageOptions {
  /** Folder of the data; made (mode 0700) when it is not there. */
  readonly dir: string;
  /** False for data that need not outlive the machine (mirror stores): commits do not wait for the disk. */
  readonly persist: boolean;
}

/**
 * The truth on disk: an ordered map of bytes, in LMDB. Writes are seen at once by reads here, and are committed in
 * groups: while one group is on its way to the disk the next gathers, so that writers share the cost of a flush.
 * What is put within one turn of the event loop is committed together or not at all.
 */
export class Storage {
  readonly #db: RootDatabase<Buffer, Buffer>;
  #gathering = new Map<string, Buffer | null>();
  #committing: ReadonlyMap<string, Buffer | null> = new Map();
  #gathered: Promise<void> | undefined;
  #committed: Promise<void> = Promise.resolve();
  #failure: Error | undefined;
  readonly #unlock: () => void;
  #writes = 0;

  constructor(options: StorageOptions) {
    mkdirSync(options.dir, { recursive: true, mode: 0o700 });
    this.#unlock = lockDir(options.dir);
    this.#db = open<Buffer, Buffer>({
      path: options.dir,
      noSubdir: false,
      encoding: 'binary',
      keyEncoding: 'binary',
      // A commit is flushed before it is reported, and not some time after.
      overlappingSync: false,
      noSync: !options.persist,
    });
    for (const file of ['data.mdb', 'lock.mdb']) chmodSync(join(options.dir, file), 0o600);
  }

  /** How many writes there have been: whoever sees it grow across a call knows that the call wrote. */
  get writes(): number {
    return this.#writes;
  }

  put(key: string, value: Buffer): void {
    this.#write(key, value);
  }

  delete(key: string): void {
    this.#write(key, null);
  }

  /** The value under `key`; the caller may keep it, and must not change it. */
  get(key: string): Buffer | undefined {
    const waiting = this.#gathering.get(key) ?? (this.#gathering.has(key) ? null : this.#committing.get(key));
    if (waiting !== undefined) return waiting ?? undefined;
    return this.#db.getBinary(toBytes(key));
  }

  /** Everything committed under keys that begin with `prefix`, in order; for start-up, before any write. */
  *scan(prefix: string): Generator<readonly [string, Buffer]> {
    for (const { key, value } of this.#db.getRange({ start: toBytes(prefix), end: endOf(prefix) }))
      yield [key.toString('latin1'), value];
  }

  /** Resolves when every write made so far is committed, and flushed to the disk where that was asked for. */
  async durable(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    await (this.#gathered ?? this.#committed);
  }

  /** Commits what is left, then lets the files go. */
  async close(): Promise<void> {
    try {
      await this.durable();
    } finally {
      await this.#db.close();
      this.#unlock();
    }
  }

  #write(key: string, value: Buffer | null): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#writes += 1;
    this.#gathering.set(key, value);
    this.#gathered ??= this.#commitNext();
    // Whoever needs to know waits on durable(); a failure is kept and thrown there.
    this.#gathered.catch(() => undefined);
  }

  async #commitNext(): Promise<void> {
    await this.#committed;
    this.#committed = this.#commit();
    await this.#committed;
  }

  async #commit(): Promise<void> {
    const group = this.#gathering;
    this.#committing = group;
    this.#gathering = new Map();
    this.#gathered = undefined;
    try {
      await this.#db.batch(() => {
        for (const [key, value] of group) {
          if (value === null) void this.#db.remove(toBytes(key));
          else void this.#db.put(toBytes(key), value);
        }
      });
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      throw this.#failure;
    }
    // Reads go to the disk again from here on, and must see this commit.
    this.#db.resetReadTxn();
    this.#committing = new Map();
  }
}

/** The first key after all that begin with `prefix`. */
function endOf(prefix: string): Buffer {
  const end = toBytes(prefix);
  const last = end.length - 1;
  end[last] = (end[last] as number) + 1;
  return end;
}

function toBytes(key: string): Buffer {
  return Buffer.from(key, 'latin1');
}
