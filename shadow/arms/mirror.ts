import { join } from 'node:path';
import { startMongo, startRedis, type StartedStore } from '../../common/index.js';
import { copiedFrom, copyTree, type Golden } from './golden.js';

/** One arm's own stores, begun as golden's. The owner must `close()` them. */
export interface MirrorStores {
  readonly mongo: StartedStore | undefined;
  readonly redis: StartedStore | undefined;
  close(): Promise<void>;
}

export interface MirrorOptions {
  readonly golden: Golden;
  readonly dir: string;
  /** Short paths of the sockets that a jail's bridges lead to; undefined: TCP alone. */
  readonly sockets: { readonly mongo: string; readonly redis: string } | undefined;
  readonly signal: AbortSignal;
}

/** Starts the stores of one arm on copies of golden's files: as fast as the disk, and the same to the byte. */
export async function startMirrors(options: MirrorOptions): Promise<MirrorStores> {
  const { golden } = options;
  const started = await Promise.allSettled([
    golden.mongo === undefined ? undefined : mirrorMongo(options),
    golden.redis === undefined ? undefined : mirrorRedis(options),
  ]);
  const [mongo, redis] = started.map((s) => (s.status === 'fulfilled' ? s.value : undefined));
  const close = async (): Promise<void> => {
    await Promise.all([mongo?.close(), redis?.close()]);
  };
  const failed = started.find((s) => s.status === 'rejected');
  if (failed !== undefined) {
    await close();
    throw failed.reason;
  }
  return { mongo, redis, close };
}

async function mirrorMongo({ golden, dir, sockets, signal }: MirrorOptions): Promise<StartedStore> {
  const own = join(dir, 'mongo');
  await copyTree(copiedFrom(golden.mongoDir), own);
  return startMongo({
    dir: own,
    persist: false,
    signal,
    ...(sockets === undefined ? {} : { socket: sockets.mongo }),
  });
}

async function mirrorRedis({ golden, dir, sockets, signal }: MirrorOptions): Promise<StartedStore> {
  const own = join(dir, 'redis');
  await copyTree(golden.redisDir, own);
  return startRedis({
    dir: own,
    persist: false,
    signal,
    ...(sockets === undefined ? {} : { socket: sockets.redis }),
  });
}
