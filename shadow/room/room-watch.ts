import { readdir, lstat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import { findMongod, systemCode } from '../../common/index.js';
import { measureMongo } from '../clone/mongo.js';
import type { CloneProgress } from '../clone/progress.js';
import { measureRedis } from '../clone/redis.js';
import { checkRoom } from './check.js';
import { grown, type LiveSizes, type Room } from './sizes.js';

export interface RoomWatchOptions {
  readonly live: { readonly mongo?: string; readonly databases?: readonly string[]; readonly redis?: string };
  /** Env name → live's folder. */
  readonly writable: Readonly<Record<string, string>>;
  readonly arms: number;
  /** The folder the copies go to. */
  readonly dir: string;
  /** What is free now. */
  readonly room: () => Promise<Room>;
}

/**
 * Sees to it that the copies of live fit on this machine: before anything is read, while live grows under the clone, and
 * when it is known how large golden came out. Each error is STORE_TOO_LARGE.
 */
export class RoomWatch {
  readonly #options: RoomWatchOptions;
  readonly #live: LiveSizes;
  readonly #free: Room;
  readonly #cacheBytes: number;
  readonly #copied = { mongoBytes: 0, redisBytes: 0 };

  private constructor(options: RoomWatchOptions, live: LiveSizes, free: Room, cacheBytes: number) {
    this.#options = options;
    this.#live = live;
    this.#free = free;
    this.#cacheBytes = cacheBytes;
  }

  /** Measures live and what is free. Errors: STORE_TOO_LARGE, STORE_UNREACHABLE. */
  static async begin(options: RoomWatchOptions): Promise<RoomWatch> {
    const live = await sizesOf(options.live, Object.values(options.writable));
    const free = await options.room();
    const watch = new RoomWatch(options, live, free, await mongoCacheBytes());
    watch.#check(live, free, 'to be made', 'before');
    return watch;
  }

  /** So much was copied by now. */
  copied({ store, bytes }: CloneProgress): void {
    this.#copied[store === 'mongo' ? 'mongoBytes' : 'redisBytes'] = bytes;
    this.#check(grown(this.#live, this.#copied), this.#free, 'to be made', 'while');
  }

  /** Golden stands, at these addresses; its copies are still to be made. */
  async made(golden: RoomWatchOptions['live'], folders: string): Promise<void> {
    const live = await sizesOf(golden, [folders]);
    this.#check(live, await this.#options.room(), 'made', 'after');
  }

  #check(
    live: LiveSizes,
    free: Room,
    golden: 'made' | 'to be made',
    when: 'before' | 'while' | 'after',
  ): void {
    const { arms, dir } = this.#options;
    checkRoom({ live, free, dir, when, copies: { arms, golden, cacheBytes: this.#cacheBytes } });
  }
}

async function sizesOf(stores: RoomWatchOptions['live'], folders: readonly string[]): Promise<LiveSizes> {
  const [mongo, mongod, redisBytes, ...folderBytes] = await Promise.all([
    stores.mongo === undefined ? undefined : measureMongo(stores.mongo, stores.databases),
    findMongod(),
    stores.redis === undefined ? undefined : measureRedis(stores.redis),
    ...folders.map(bytesBelow),
  ]);
  return {
    mongo: mongo && { ...mongo, copiedTo: mongod === undefined ? 'embedded' : 'mongod' },
    redis: redisBytes === undefined ? undefined : { memoryBytes: redisBytes },
    folderBytes: folderBytes.reduce((sum, bytes) => sum + bytes, 0),
  };
}

/** A mongod takes half of the memory beyond 1 GB, or 256 MB; the embedded one a quarter of Node's heap. */
async function mongoCacheBytes(): Promise<number> {
  if ((await findMongod()) === undefined) return getHeapStatistics().heap_size_limit / 4;
  return Math.max(256 * 2 ** 20, (totalmem() - 2 ** 30) / 2);
}

/** Bytes of the files below a folder; 0 for one that is not there. */
async function bytesBelow(dir: string): Promise<number> {
  let bytes = 0;
  try {
    for (const entry of await readdir(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name);
      bytes += entry.isDirectory() ? await bytesBelow(path) : (await lstat(path)).size;
    }
  } catch (error) {
    // What live has deleted meanwhile need not be copied.
    if (systemCode(error) !== 'ENOENT') throw error;
  }
  return bytes;
}
