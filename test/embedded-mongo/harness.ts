import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient, type Db } from 'mongodb';
import { EmbeddedMongo } from '../../common/stores/embedded-mongo/server.js';

/** An embedded server of a test's own, in this process, with a client of it. */
export interface TestMongo {
  readonly dir: string;
  readonly uri: string;
  readonly client: MongoClient;
  readonly db: Db;
  /** Ends the server and starts it again on the same data. */
  restart(): Promise<TestMongo>;
  close(): Promise<void>;
}

export async function startTestMongo(): Promise<TestMongo> {
  return startIn(await mkdtemp(join(tmpdir(), 'embedded-mongo-')));
}

async function startIn(dir: string): Promise<TestMongo> {
  const server = await EmbeddedMongo.start({ dir: join(dir, 'data'), persist: true });
  const uri = `mongodb://127.0.0.1:${server.port}`;
  const client = new MongoClient(uri);
  await client.connect();
  const end = async (): Promise<void> => {
    await client.close();
    await server.close();
  };
  return {
    dir,
    uri,
    client,
    db: client.db('test'),
    restart: async () => {
      await end();
      return startIn(dir);
    },
    close: async () => {
      await end();
      await rm(dir, { recursive: true });
    },
  };
}
