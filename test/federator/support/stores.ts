import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMongo, startRedis } from '../../../common/index.js';
import { Database } from '../../../federator/state/database.js';

export interface TestStores {
  readonly dir: string;
  readonly mongo: string;
  readonly redis: string;
  /** A database of its own; closed with the stores. */
  database(): Promise<Database>;
  close(): Promise<void>;
}

/** Real stores for one test file: the embedded Mongo, and (where asked for) a redis-server. */
export async function startTestStores(
  options: { readonly redis: boolean } = { redis: false },
): Promise<TestStores> {
  const dir = await mkdtemp(join(tmpdir(), 'dharma-fed-'));
  const mongo = await startMongo({ dir: join(dir, 'm'), persist: false, kind: 'embedded' });
  const redis = options.redis ? await startRedis({ dir: join(dir, 'r'), persist: false }) : undefined;
  const open: Database[] = [];
  return {
    dir,
    mongo: mongo.uri.replace(/\/$/, ''),
    redis: redis?.uri ?? '',
    database: async () => {
      const database = await Database.open(`${mongo.uri.replace(/\/$/, '')}/t${open.length}`);
      open.push(database);
      return database;
    },
    close: async () => {
      for (const database of open) await database.close();
      await mongo.close();
      await redis?.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
