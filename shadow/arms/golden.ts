import { existsSync } from 'node:fs';
import { cp, mkdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DharmaError,
  startMongo,
  startRedis,
  systemCode,
  type Logger,
  type StartedStore,
} from '../../common/index.js';
import { cloneMongo, measureMongo } from '../clone/mongo.js';
import type { CloneProgress } from '../clone/progress.js';
import { connectRedis } from '../clone/redis-connection.js';
import { cloneRedis, measureRedis } from '../clone/redis.js';

export interface GoldenOptions {
  readonly dir: string;
  readonly live: { readonly mongo?: string; readonly databases?: readonly string[]; readonly redis?: string };
  /** Env name → live's folder. */
  readonly writable: Readonly<Record<string, string>>;
  /** How many copies of golden will be made. */
  readonly copies: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: CloneProgress) => void;
}

/** What every arm begins with: copies of live's stores and folders, which nobody writes. The owner must `close()` it. */
export interface Golden {
  readonly mongo: StartedStore | undefined;
  readonly redis: StartedStore | undefined;
  readonly caveats: readonly string[];
  /** Data folders to copy for an arm, and its writable folders by env name. */
  readonly mongoDir: string;
  readonly redisDir: string;
  folder(name: string): string;
  close(): Promise<void>;
}

/** Clones live into `dir`. Live is only read. Errors: STORE_TOO_LARGE, STORE_UNREACHABLE, CLONE_FAILED. */
export async function makeGolden(options: GoldenOptions): Promise<Golden> {
  const { dir, live, writable } = options;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await checkRoom(options);
  const made = await Promise.allSettled([
    live.mongo === undefined ? undefined : goldenMongo(live.mongo, options),
    live.redis === undefined ? undefined : goldenRedis(live.redis, options),
    copyFolders(writable, join(dir, 'files')),
  ]);
  const [mongo, redis] = made.map((m) => (m.status === 'fulfilled' ? m.value : undefined)) as (
    ClonedStore | undefined
  )[];
  const close = async (): Promise<void> => {
    await Promise.all([mongo?.store.close(), redis?.store.close()]);
  };
  const failed = made.find((m) => m.status === 'rejected');
  if (failed !== undefined) {
    await close();
    throw failed.reason;
  }
  return {
    mongo: mongo?.store,
    redis: redis?.store,
    caveats: [...(mongo?.caveats ?? []), ...(redis?.caveats ?? [])],
    mongoDir: join(dir, 'mongo'),
    redisDir: join(dir, 'redis'),
    folder: (name) => join(dir, 'files', name),
    close,
  };
}

interface ClonedStore {
  readonly store: StartedStore;
  readonly caveats: readonly string[];
}

/** The files of a store that runs are no copy of it: it is ended in order, to be copied, and started again to be read. */
async function goldenMongo(uri: string, options: GoldenOptions): Promise<ClonedStore> {
  const dir = join(options.dir, 'mongo');
  const { databases } = options.live;
  const filled = await startMongo({ dir, persist: true, signal: options.signal });
  let caveats: readonly string[];
  try {
    ({ caveats } = await cloneMongo(uri, filled.uri, {
      signal: options.signal,
      ...(databases === undefined ? {} : { databases }),
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    }));
  } finally {
    await filled.close();
  }
  await copyTree(dir, copiedFrom(dir));
  return { store: await startMongo({ dir, persist: true, signal: options.signal }), caveats };
}

/** Where the files of golden Mongo lie at rest, for the arms to copy. */
export function copiedFrom(dir: string): string {
  return `${dir}-rest`;
}

async function goldenRedis(uri: string, options: GoldenOptions): Promise<ClonedStore> {
  const store = await startRedis({ dir: join(options.dir, 'redis'), persist: false, signal: options.signal });
  try {
    const { caveats } = await cloneRedis(uri, store.uri, {
      signal: options.signal,
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    });
    const redis = await connectRedis(store.uri, 'golden');
    try {
      await redis.call('SAVE');
    } finally {
      redis.disconnect();
    }
    return { store, caveats };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function copyFolders(writable: Readonly<Record<string, string>>, into: string): Promise<void> {
  for (const [name, folder] of Object.entries(writable)) await copyTree(folder, join(into, name));
}

/** Copies a folder with times and links as they are, sharing blocks where the file system can; a missing one is empty. */
export async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (let attempt = 1; existsSync(from); attempt++) {
    try {
      await cp(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true, mode: COW });
      return;
    } catch (error) {
      // Live deleted a file between its being listed and copied: the folder is gone through again.
      if (systemCode(error) !== 'ENOENT' || attempt === COPY_ATTEMPTS) throw error;
    }
  }
}

const COPY_ATTEMPTS = 5;

/** `COPYFILE_FICLONE`: a copy-on-write clone where the file system has that, else a plain copy. */
const COW = 2;

/** Says beforehand when the copies cannot fit. */
async function checkRoom({ dir, live, copies }: GoldenOptions): Promise<void> {
  const [mongo, redis, disk] = await Promise.all([
    live.mongo === undefined ? 0 : measureMongo(live.mongo, live.databases),
    live.redis === undefined ? 0 : measureRedis(live.redis),
    statfs(dir),
  ]);
  // Golden at rest and golden running, and one for each arm.
  const needed = (mongo + redis) * (copies + 2);
  const free = disk.bavail * disk.bsize;
  if (needed <= free) return;
  throw new DharmaError({
    code: 'STORE_TOO_LARGE',
    message: `the copies of live's stores need about ${megabytes(needed)}, and ${dir} has ${megabytes(free)} left`,
    found: `Mongo ${megabytes(mongo)}, Redis ${megabytes(redis)}, ${copies} arms`,
    remedy: 'Free some disk, move the state folder to a larger one, or use --arms 1x1.',
  });
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MB`;
}
