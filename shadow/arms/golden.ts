import { existsSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DharmaError,
  startMongo,
  startRedis,
  systemCode,
  type Logger,
  type StartedStore,
} from '../../common/index.js';
import { cloneMongo } from '../clone/mongo.js';
import type { CloneProgress } from '../clone/progress.js';
import { connectRedis } from '../clone/redis-connection.js';
import { cloneRedis } from '../clone/redis.js';
import { RoomWatch } from '../room/room-watch.js';
import type { Room } from '../room/sizes.js';

export interface GoldenOptions {
  readonly dir: string;
  readonly live: { readonly mongo?: string; readonly databases?: readonly string[]; readonly redis?: string };
  /** Env name → live's folder. */
  readonly writable: Readonly<Record<string, string>>;
  /** How many copies of golden will be made. */
  readonly copies: number;
  /** What is free of disk and memory now. */
  readonly room: () => Promise<Room>;
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
  const { dir, live, writable, copies, room } = options;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const watch = await RoomWatch.begin({ live, writable, arms: copies, dir, room });
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
    const copied = await copyLive(options, watch, filled, redis);
    if (redis !== undefined) await saveRedis(redis);
    const mongo = filled === undefined ? undefined : await restAndReopen(filled, mongoDir, options, own);
    await watch.made(
      { ...(mongo && { mongo: mongo.uri }), ...(redis && { redis: redis.uri }) },
      join(dir, 'files'),
    );
    const folder = (name: string): string => join(dir, 'files', name);
    return { ...copied, mongo, redis, mongoDir, redisDir, folder, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Reads everything of live's at once, and notes when. The first failure ends what else is being read. */
async function copyLive(
  options: GoldenOptions,
  watch: RoomWatch,
  mongo: StartedStore | undefined,
  redis: StartedStore | undefined,
): Promise<Pick<Golden, 'caveats' | 'readFromNs' | 'readUntilNs'>> {
  const { live, writable } = options;
  const failure = new AbortController();
  const told = {
    signal: AbortSignal.any([options.signal, failure.signal]),
    onProgress: (progress: CloneProgress): void => {
      watch.copied(progress);
      options.onProgress?.(progress);
    },
  };
  const readFromNs = process.hrtime.bigint();
  const copies = [
    mongo === undefined
      ? undefined
      : cloneMongo(live.mongo!, mongo.uri, {
          ...told,
          ...(live.databases === undefined ? {} : { databases: live.databases }),
        }),
    redis === undefined ? undefined : cloneRedis(live.redis!, redis.uri, told),
    copyFolders(writable, join(options.dir, 'files')),
  ].map(async (copy) => copy?.catch((error: unknown) => failure.abort(error)));
  const caveats = (await Promise.all(copies)).flatMap((copy) => copy?.caveats ?? []);
  failure.signal.throwIfAborted();
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
      if (DISK_FULL.has(systemCode(error) ?? '')) throw diskFilledUp(to, error);
      // Live deleted a file between its being listed and copied: the folder is gone through again.
      if (systemCode(error) !== 'ENOENT' || attempt === COPY_ATTEMPTS) throw error;
    }
  }
}

const COPY_ATTEMPTS = 5;

/** `COPYFILE_FICLONE`: a copy-on-write clone where the file system has that, else a plain copy. */
const COW = 2;

/** What a disk says that is full, or whose quota is. */
const DISK_FULL = new Set(['ENOSPC', 'EDQUOT']);

function diskFilledUp(dir: string, cause: unknown): DharmaError {
  return new DharmaError({
    code: 'STORE_TOO_LARGE',
    message: "the disk was filled up by others while the copies of live's stores were made",
    found: dir,
    remedy: 'Free some disk, move the state folder to a larger one, or use --arms 1x1.',
    cause,
  });
}
