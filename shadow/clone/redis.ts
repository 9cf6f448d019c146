import type { Redis } from 'ioredis';
import { DharmaError, throwIfAborted } from '../../common/index.js';
import type { CloneOptions, CloneSummary } from './progress.js';
import { callRaw, connectRedis, keyspaces, pipelineRaw } from './redis-connection.js';
import { RedisPipe } from './redis-pipe.js';
import type { RespArgument, RespReply } from './resp.js';

/** Keys asked for at once, and bytes dumped in one go: live answers nobody else meanwhile, so that stays under about 1 ms. */
const KEYS_PER_BATCH = 128;
const BYTES_PER_BATCH = 256 * 1024;

/**
 * Copies every key of every database, with its time to live, from `from` (only read) into the empty `to`, by
 * DUMP and RESTORE, so that all types survive: streams with their groups, and what modules store.
 * A key's value and TTL are of one moment; two keys may be of different moments when others write meanwhile.
 * Errors: STORE_UNREACHABLE, CLONE_FAILED.
 */
export async function cloneRedis(from: string, to: string, options: CloneOptions): Promise<CloneSummary> {
  const source = await connectRedis(from, 'live');
  try {
    const target = await connectRedis(to, 'golden');
    try {
      return await withPipes(from, to, options, (reading, writing) =>
        new RedisClone({ source, target, reading, writing }, options).run(),
      );
    } finally {
      target.disconnect();
    }
  } finally {
    source.disconnect();
  }
}

/** Two more connections, by which the keys go. */
async function withPipes<T>(
  from: string,
  to: string,
  { signal }: CloneOptions,
  work: (reading: RedisPipe, writing: RedisPipe) => Promise<T>,
): Promise<T> {
  const reading = await RedisPipe.connect(from, signal);
  try {
    const writing = await RedisPipe.connect(to, signal);
    try {
      return await work(reading, writing);
    } finally {
      writing.close();
    }
  } finally {
    reading.close();
  }
}

/** Bytes the keys take in memory, for telling beforehand whether a copy fits. */
export async function measureRedis(uri: string): Promise<number> {
  const redis = await connectRedis(uri, 'live');
  try {
    const info = await redis.info('memory');
    const field = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
    return field('used_memory') - field('used_memory_startup');
  } finally {
    redis.disconnect();
  }
}

interface Connections {
  readonly source: Redis;
  readonly target: Redis;
  readonly reading: RedisPipe;
  readonly writing: RedisPipe;
}

class RedisClone {
  readonly #source: Redis;
  readonly #target: Redis;
  readonly #reading: RedisPipe;
  readonly #writing: RedisPipe;
  readonly #options: CloneOptions;
  #items = 0;
  #bytes = 0;
  #totalItems = 0;
  /** False once live has refused MEMORY USAGE: then values are dumped one at a time, so that memory stays bounded. */
  #sizesKnown = true;
  /** What was read last, on its way into the copy. */
  #written: Promise<void> = Promise.resolve();

  constructor({ source, target, reading, writing }: Connections, options: CloneOptions) {
    this.#source = source;
    this.#target = target;
    this.#reading = reading;
    this.#writing = writing;
    this.#options = options;
  }

  async run(): Promise<CloneSummary> {
    const databases = await keyspaces(this.#source);
    this.#totalItems = databases.reduce((sum, { keys }) => sum + keys, 0);
    for (const { db } of databases) await this.#database(db);
    const caveats = [
      'Redis: each key is of one moment, but keys written while the copy ran may be of different moments.',
    ];
    if (!(await this.#functions())) caveats.push('Redis: functions (FUNCTION LOAD) were not copied.');
    return { items: this.#items, bytes: this.#bytes, caveats };
  }

  async #database(db: number): Promise<void> {
    for (const pipe of [this.#reading, this.#writing]) {
      const [reply] = await pipe.send([['SELECT', db]]);
      if (reply instanceof Error)
        throw cloneFailed(reply.message, pipe === this.#reading ? 'live' : 'golden');
    }
    let cursor = '0';
    do {
      const [reply] = await this.#reading.send([['SCAN', cursor, 'COUNT', KEYS_PER_BATCH]]);
      // A key may come twice when live's table is resized meanwhile: it is copied twice.
      if (!Array.isArray(reply)) throw cloneFailed(String(reply), 'live');
      const [next, page] = reply as [Buffer, Buffer[]];
      cursor = next.toString();
      for (const keys of await this.#batches(page)) {
        throwIfAborted(this.#options.signal);
        await this.#copy(keys);
      }
      this.#tell(db);
    } while (cursor !== '0');
    await this.#written;
    this.#tell(db);
  }

  #tell(db: number): void {
    this.#options.onProgress?.({
      store: 'redis',
      scope: `db${db}`,
      items: this.#items,
      totalItems: Math.max(this.#totalItems, this.#items),
      bytes: this.#bytes,
    });
  }

  /** Splits a page into batches whose values together are small; a big value is a batch of its own. */
  async #batches(page: readonly Buffer[]): Promise<Buffer[][]> {
    const sizes = this.#sizesKnown
      ? await this.#reading.send(page.map((key) => ['MEMORY', 'USAGE', key]))
      : [];
    if (sizes.some((size) => size instanceof Error)) this.#sizesKnown = false;
    const batches: Buffer[][] = [];
    let room = 0;
    for (const [index, key] of page.entries()) {
      const size = sizes[index];
      const bytes = size instanceof Error || size === undefined ? BYTES_PER_BATCH : Number(size ?? 0);
      if (bytes > room || batches.length === 0) {
        batches.push([]);
        room = BYTES_PER_BATCH;
      }
      batches.at(-1)!.push(key);
      room -= bytes;
    }
    return batches;
  }

  /** Reads the next keys while the last ones are written: two batches in memory at most. */
  async #copy(keys: readonly Buffer[]): Promise<void> {
    const reads = keys.flatMap((key) => [
      ['DUMP', key],
      ['PTTL', key],
    ]);
    // MULTI makes each value and its TTL of one moment.
    const replies = await this.#reading.send([['MULTI'], ...reads, ['EXEC']]);
    const values = replies.at(-1);
    if (!Array.isArray(values)) throw cloneFailed(String(values), 'live');
    await this.#written;
    this.#written = this.#restore(keys, values as readonly RespReply[]);
    // A rejection is thrown at the next await; until then it must not count as unhandled.
    this.#written.catch(() => undefined);
  }

  async #restore(keys: readonly Buffer[], values: readonly RespReply[]): Promise<void> {
    // The copies' clock is this machine's, which need not be live's: remaining time, not absolute time, is carried over.
    const now = Date.now();
    const restores: RespArgument[][] = [];
    let bytes = 0;
    for (const [index, key] of keys.entries()) {
      const dump = values[index * 2] as Buffer | Error | null;
      const ttl = Number(values[index * 2 + 1]);
      if (dump instanceof Error) throw cloneFailed(dump.message, 'live');
      if (dump === null) continue; // It was deleted, or expired, since SCAN named it.
      restores.push(
        ttl < 0
          ? ['RESTORE', key, 0, dump, 'REPLACE']
          : ['RESTORE', key, now + Math.max(ttl, 1), dump, 'REPLACE', 'ABSTTL'],
      );
      bytes += dump.length;
    }
    for (const reply of await this.#writing.send(restores))
      if (reply instanceof Error) throw cloneFailed(reply.message, 'golden');
    this.#items += restores.length;
    this.#bytes += bytes;
  }

  /** False: live has none of them to give, or does not allow it. */
  async #functions(): Promise<boolean> {
    const [dump] = await pipelineRaw(this.#source, [['FUNCTION', 'DUMP']]);
    if (dump instanceof Error) return /unknown command/i.test(dump.message);
    if (dump === null || dump === undefined) return true;
    await callRaw(this.#target, 'FUNCTION', 'RESTORE', dump as Buffer, 'FLUSH');
    return true;
  }
}

function cloneFailed(found: string, side: 'live' | 'golden'): DharmaError {
  const version = /DUMP payload version/.test(found);
  return new DharmaError({
    code: 'CLONE_FAILED',
    message: version
      ? `live's Redis is newer than the redis-server on this machine, which cannot load its values`
      : `the Redis copy failed at ${side === 'live' ? 'live' : 'the copy'}: ${found}`,
    found,
    remedy: version
      ? "Install a redis-server of live's version or newer."
      : side === 'live'
        ? 'Allow the account SCAN, DUMP, PTTL, MULTI and INFO (all only read).'
        : 'Check the memory and disk of this machine.',
  });
}
