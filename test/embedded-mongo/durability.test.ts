import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { MongoClient } from 'mongodb';
import { describe, expect, it } from 'vitest';
import { distPath } from '../../common/paths.js';
import { EmbeddedMongo } from '../../common/stores/embedded-mongo/server.js';

interface Running {
  readonly child: ChildProcess;
  readonly uri: string;
}

/** The real program, as a process that can be killed. */
async function run(dir: string): Promise<Running> {
  const program = distPath('common/stores/embedded-mongo/main.js');
  const child = spawn(process.execPath, [program, '--dir', dir], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { child, uri: `mongodb://127.0.0.1:${(JSON.parse(line) as { port: number }).port}` };
}

/** Writers that note what was acknowledged, until the server is gone. */
async function storm(
  uri: string,
  start: number,
): Promise<{ inserted: number[]; increments: number; until: Promise<unknown> }> {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 200 });
  await client.connect();
  const c = client.db('test').collection<{ _id: number | string; n?: number }>('storm');
  const acknowledged = { inserted: [] as number[], increments: 0 };
  let next = start;
  const insert = async (): Promise<void> => {
    for (;;) {
      const _id = next++;
      await c.insertOne({ _id });
      acknowledged.inserted.push(_id);
    }
  };
  const increment = async (): Promise<void> => {
    for (;;) {
      await c.updateOne({ _id: 'counter' }, { $inc: { n: 1 } }, { upsert: true });
      acknowledged.increments += 1;
    }
  };
  const writers = [insert(), insert(), insert(), increment()];
  const until = Promise.allSettled(writers).then(() => client.close());
  return Object.assign(acknowledged, { until });
}

describe('kill -9 in a storm of writes', () => {
  it('loses nothing that was acknowledged, also the second time', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'embedded-durable-'));
    let running: Running | undefined;
    try {
      const expected = new Set<number>();
      let increments = 0;
      for (let round = 0; round < 2; round++) {
        running = await run(dir);
        const written = await storm(running.uri, round * 1_000_000);
        await expect.poll(() => written.inserted.length, { timeout: 30_000 }).toBeGreaterThan(100);
        running.child.kill('SIGKILL');
        await written.until;
        for (const id of written.inserted) expected.add(id);
        increments += written.increments;
      }
      running = await run(dir);
      const client = new MongoClient(running.uri);
      const docs = await client
        .db('test')
        .collection<{ _id: number | string; n?: number }>('storm')
        .find()
        .toArray();
      await client.close();
      const found = new Set(docs.map(({ _id }) => _id));
      expect([...expected].filter((id) => !found.has(id))).toEqual([]);
      const counter = docs.find(({ _id }) => _id === 'counter')?.n ?? 0;
      expect(counter).toBeGreaterThanOrEqual(increments);
      // Of each round at most the one increment that was on its way may be there unacknowledged.
      expect(counter).toBeLessThanOrEqual(increments + 2);
    } finally {
      running?.child.kill('SIGKILL');
      await rm(dir, { recursive: true });
    }
  });
});

describe('a restart', () => {
  it('finds documents, indexes and options again, and keeps the files to their owner', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'embedded-restart-'));
    const once = async <T>(work: (client: MongoClient) => Promise<T>): Promise<T> => {
      const server = await EmbeddedMongo.start({ dir, persist: true });
      const client = new MongoClient(`mongodb://127.0.0.1:${server.port}`);
      try {
        return await work(client);
      } finally {
        await client.close();
        await server.close();
      }
    };
    try {
      await once(async (client) => {
        const db = client.db('test');
        await db.createCollection('c', { validator: { n: { $type: 'int' } } });
        await db.collection('c').createIndex({ n: 1 }, { unique: true });
        await db.collection('c').insertMany([{ n: 1 }, { n: 2 }, { n: 3 }]);
        await db.collection('c').deleteOne({ n: 2 });
        await db.collection('gone').insertOne({});
        await db.collection('gone').drop();
        await db.collection('c').rename('renamed');
      });
      await once(async (client) => {
        const c = client.db('test').collection('renamed');
        expect((await c.find().toArray()).map(({ n }) => n as number)).toEqual([1, 3]);
        await expect(c.insertOne({ n: 3 })).rejects.toMatchObject({ code: 11000 });
        await expect(c.insertOne({ n: 'x' })).rejects.toMatchObject({ code: 121 });
        expect((await client.db('test').listCollections().toArray()).map(({ name }) => name)).toEqual([
          'renamed',
        ]);
      });
      expect((await stat(join(dir, 'data.mdb'))).mode & 0o077).toBe(0);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('is refused while another server has the data', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'embedded-lock-'));
    const server = await EmbeddedMongo.start({ dir, persist: true });
    try {
      await expect(EmbeddedMongo.start({ dir, persist: true })).rejects.toThrow(/in use/);
    } finally {
      await server.close();
      await rm(dir, { recursive: true });
    }
  });
});
