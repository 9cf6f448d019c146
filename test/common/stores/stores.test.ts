import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DharmaError,
  openStores,
  startMongo,
  startRedis,
  withoutCredentials,
  type StartedStore,
} from '../../../common/index.js';
import { onPort } from '../../../common/stores/started.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stores-'));
});
afterAll(async () => {
  await rm(dir, { recursive: true });
});

async function using<S extends StartedStore, T>(
  started: Promise<S>,
  work: (store: S) => Promise<T>,
): Promise<T> {
  const store = await started;
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function codeOf(promise: Promise<unknown>): Promise<DharmaError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DharmaError);
  return error as DharmaError;
}

describe('startRedis', () => {
  it('answers over TCP and a socket of its owner, keeps data, and ends when closed', async () => {
    const options = { dir: join(dir, 'redis'), socket: join(dir, 'redis.sock'), persist: true };
    const pid = await using(startRedis(options), async (store) => {
      const tcp = new Redis(store.uri);
      const unix = new Redis(store.socketPath!);
      await tcp.set('k', 'v');
      expect(await unix.get('k')).toBe('v');
      tcp.disconnect();
      unix.disconnect();
      expect((await stat(store.socketPath!)).mode & 0o777).toBe(0o600);
      return store.pid;
    });
    expect(isAlive(pid)).toBe(false);
    await using(startRedis(options), async (store) => {
      const redis = new Redis(store.uri);
      expect(await redis.get('k')).toBe('v');
      redis.disconnect();
    });
  });

  it('says how to install it where there is none', async () => {
    const path = process.env.PATH;
    process.env.PATH = dir;
    try {
      const error = await codeOf(startRedis({ dir: join(dir, 'none'), persist: false }));
      expect(error.code).toBe('REDIS_SERVER_MISSING');
      expect(error.remedy).toContain('apt install redis-server');
    } finally {
      process.env.PATH = path;
    }
  });
});

describe('startMongo', () => {
  it('serves the driver over TCP and a socket, keeps data, and ends when closed', async () => {
    const options = {
      dir: join(dir, 'mongo'),
      socket: join(dir, 'mongo.sock'),
      persist: true,
      kind: 'embedded' as const,
    };
    const pid = await using(startMongo(options), async (store) => {
      const unix = new MongoClient(`mongodb://${encodeURIComponent(store.socketPath!)}`);
      await unix.db('t').collection('c').insertOne({ n: 1 });
      await unix.close();
      expect((await stat(store.socketPath!)).mode & 0o777).toBe(0o600);
      return store.pid;
    });
    expect(isAlive(pid)).toBe(false);
    await using(startMongo(options), async (store) => {
      const client = new MongoClient(store.uri);
      expect(await client.db('t').collection('c').countDocuments()).toBe(1);
      await client.close();
    });
  });

  it('gives the end of the log when it cannot start, and leaves nothing running', async () => {
    const blocked = join(dir, 'blocked');
    await using(startMongo({ dir: blocked, persist: false, kind: 'embedded' }), async () => {
      const error = await codeOf(startMongo({ dir: blocked, persist: false, kind: 'embedded' }));
      expect(error.code).toBe('STORE_NOT_STARTED');
      expect(error.found).toContain('in use');
    });
  });

  it('goes to another port where a free one was taken before it could have it, and to none where one was wanted', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port: taken } = other.address() as AddressInfo;
    const options = { dir: join(dir, 'raced'), persist: false };
    let tries = 0;
    const start = (port: number): Promise<StartedStore> =>
      startRedis({ ...options, port: (tries += 1) === 1 ? taken : port });
    await using(onPort(0, start), async ({ uri }) => {
      expect(tries).toBe(2);
      expect(uri).not.toContain(String(taken));
    });
    tries = 0;
    expect((await codeOf(onPort(taken, start))).code).toBe('STORE_NOT_STARTED');
    expect(tries).toBe(1);
    other.close();
  });

  it('stops trying when it is told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(
      startMongo({ dir: join(dir, 'aborted'), persist: false, kind: 'embedded', signal }),
    ).rejects.toThrow('enough');
  });
});

describe('openStores', () => {
  it('uses what is given and starts what is not', async () => {
    await using(
      startMongo({ dir: join(dir, 'given'), persist: false, kind: 'embedded' }),
      async ({ uri }) => {
        const stores = await openStores({ dir: join(dir, 'opened'), mongoUri: uri });
        expect(stores.mongo).toMatchObject({ uri, kind: 'given', started: undefined });
        expect(stores.redis.kind).toBe('redis-server');
        await stores.close();
        expect(isAlive(stores.redis.started!.pid)).toBe(false);
      },
    );
  });

  it.each([
    ['STORE_UNREACHABLE', { mongoUri: 'mongodb://user:hunter2@127.0.0.1:1/app?authSource=admin' }],
    ['STORE_UNREACHABLE', { redisUri: 'redis://:hunter2@127.0.0.1:1' }],
    ['STORE_URI_INVALID', { mongoUri: 'http://user:hunter2@127.0.0.1' }],
    ['STORE_URI_INVALID', { mongoUri: 'mongodb://user:hunter2@127.0.0.1/?frob=1' }],
  ])('refuses with %s, and never shows a password', async (code, given) => {
    const error = await codeOf(openStores({ dir: join(dir, 'refused'), reachWithinMs: 300, ...given }));
    expect(error.code).toBe(code);
    expect(JSON.stringify(error)).not.toContain('hunter2');
    expect(error.message).not.toContain('hunter2');
  });
});

describe('withoutCredentials', () => {
  it.each([
    ['mongodb://u:p@a:1,b:2/db?x=1', 'mongodb://a:1,b:2/db'],
    ['redis://:p%40@h:1', 'redis://h:1'],
    ['mongodb://h/db', 'mongodb://h/db'],
  ])('%s', (uri, shown) => {
    expect(withoutCredentials(uri)).toBe(shown);
  });
});
