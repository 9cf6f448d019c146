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
  /** When live was read, CLOCK_MONOTONIC, ns: what ran in between may be in the copy or not. */
  readonly readFromNs: bigint;
  readonly readUntilNs: bigint;
  /** Data folders to copy for an arm, and its writable folders by env name. */
  readonly mongoDir: string;
  readonly redisDir: string;
  folder(name: string): string;
  close(): Promise<void>;
}

/** Clones live into `dir`. Live is only read. Errors: STORE_TOO_LARGE, STORE_UNREACHABLE, CLONE_FAILED. */
export async function makeGolden(options: GoldenOptions): Promise<Golden> {
  const { dir, live } = options;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await checkRoom(options);
  const mongoDir = join(dir, 'mongo');
  const redisDir = join(dir, 'redis');
  const open: StartedStore[] = [];
  const own = async (start: Promise<StartedStore>): Promise<StartedStore> => {
    const store = await start;
    open.push(store);
    return store;
  };
  const close = async (): Promise<void> => {
    await Promise.all(open.map((store) => store.close()));
  };
  try {
    // Both run before anything is read, so that live is read within as short a time as can be.
    const filled =
      live.mongo === undefined ? undefined : await own(startMongo(mongoOptions(mongoDir, options)));
    const redis =
      live.redis === undefined
        ? undefined
        : await own(startRedis({ dir: redisDir, persist: false, signal: options.signal }));
    const copied = await copyLive(options, filled, redis);
    if (redis !== undefined) await saveRedis(redis);
    const mongo = filled === undefined ? undefined : await restAndReopen(filled, mongoDir, options, own);
    const folder = (name: string): string => join(dir, 'files', name);
    return { ...copied, mongo, redis, mongoDir, redisDir, folder, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Reads everything of live's at once, and notes when. */
async function copyLive(
  options: GoldenOptions,
  mongo: StartedStore | undefined,
  redis: StartedStore | undefined,
): Promise<Pick<Golden, 'caveats' | 'readFromNs' | 'readUntilNs'>> {
  const { live, writable, signal, onProgress } = options;
  const told = { signal, ...(onProgress === undefined ? {} : { onProgress }) };
  const readFromNs = process.hrtime.bigint();
  const copies = await Promise.allSettled([
    mongo === undefined
      ? undefined
      : cloneMongo(live.mongo!, mongo.uri, {
          ...told,
          ...(live.databases === undefined ? {} : { databases: live.databases }),
        }),
    redis === undefined ? undefined : cloneRedis(live.redis!, redis.uri, told),
    copyFolders(writable, join(options.dir, 'files')),
  ]);
  const failed = copies.find((copy) => copy.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const caveats = copies.flatMap((copy) => (copy.status === 'fulfilled' ? (copy.value?.caveats ?? []) : []));
  return { caveats, readFromNs, readUntilNs: process.hrtime.bigint() };
}

function mongoOptions(dir: string, { signal }: GoldenOptions): Parameters<typeof startMongo>[0] {
  return { dir, persist: true, signal };
}

/** The files of a store that runs are no copy of it: it is ended in order, to be copied, and started again to be read. */
async function restAndReopen(
  filled: StartedStore,
  dir: string,
  options: GoldenOptions,
  own: (start: Promise<StartedStore>) => Promise<StartedStore>,
): Promise<StartedStore> {
  await filled.close();
  await copyTree(dir, copiedFrom(dir));
  return own(startMongo(mongoOptions(dir, options)));
}

async function saveRedis(store: StartedStore): Promise<void> {
  const redis = await connectRedis(store.uri, 'golden');
  try {
    await redis.call('SAVE');
  } finally {
    redis.disconnect();
  }
}

/** Where the files of golden Mongo lie at rest, for the arms to copy. */
export function copiedFrom(dir: string): string {
  return `${dir}-rest`;
}

async function copyFolders(
  writable: Readonly<Record<string, string>>,
  into: string,
): Promise<{ caveats: readonly string[] }> {
  for (const [name, folder] of Object.entries(writable)) await copyTree(folder, join(into, name));
  return { caveats: [] };
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
