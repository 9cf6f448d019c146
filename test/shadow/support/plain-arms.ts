import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import {
  Child,
  baseEnv,
  waitForAccept,
  type ArmName,
  type HeaderField,
  type OutboundCall,
  type RunningApp,
} from '../../../common/index.js';
import type {
  Arm,
  ArmSet,
  EffectDelta,
  EffectEntry,
  EffectValue,
  PrepareArmsOptions,
} from '../../../shadow/arms-contract.js';

/** A redis-server of a test's own, on a unix socket. */
export interface TestRedis {
  readonly uri: string;
  close(): Promise<void>;
}

export async function startTestRedis(dir: string): Promise<TestRedis> {
  await mkdir(dir, { recursive: true });
  const socket = join(dir, 'redis.sock');
  const child = await Child.start({
    name: 'redis-server',
    command: 'redis-server',
    args: ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', dir],
    env: baseEnv(),
    logFile: join(dir, 'redis.log'),
  });
  await waitForAccept({ path: socket }, AbortSignal.timeout(10_000));
  return {
    uri: `unix://${socket}`,
    close: async () => {
      await child.stop();
    },
  };
}

type Snapshot = Map<string, { value: EffectValue; ttl: number | undefined }>;

/**
 * Arms without a jail, for tests of the engine alone: a redis-server each, a stub for outbound calls, snapshots of the
 * whole store. What the product uses is shadow/arms.
 */
export async function preparePlainArms(options: PrepareArmsOptions): Promise<ArmSet> {
  const cloneStartedNs = process.hrtime.bigint();
  const closers: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const arms: Arm[] = [];
    for (const name of options.names) arms.push(await startArm(name, options, closers));
    return {
      arms,
      cloneStartedNs,
      cloneEndedNs: process.hrtime.bigint(),
      cloneMs: 0,
      guard: () => ({ enforcement: 'none', answered: 0, stubbed: 0, refused: 0, calls: [], escaped: 0 }),
      liveCall: () => undefined,
      forget: () => undefined,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startArm(
  name: ArmName,
  options: PrepareArmsOptions,
  closers: (() => Promise<void>)[],
): Promise<Arm> {
  const dir = join(options.workDir, name);
  const redis = await startTestRedis(join(dir, 'redis'));
  closers.push(() => redis.close());
  const client = new Redis(redis.uri.replace('unix://', ''));
  closers.push(async () => client.disconnect());
  const calls: OutboundCall[] = [];
  const stub = await startStub(calls);
  closers.push(() => stub.close());
  const release = name.startsWith('old') ? options.old : options.new;
  const logFile = join(dir, 'app.log');
  const outbound = Object.fromEntries(Object.keys(options.outbound).map((key) => [key, stub.url]));
  const launch = (): Promise<RunningApp> =>
    options.launcher.launch(
      {
        release,
        name,
        env: { ...options.env, ...outbound, REDIS_URL: redis.uri.replace('unix://', '') },
        workDir: join(dir, 'app'),
        logFile,
      },
      options.signal,
    );
  let app = await launch();
  closers.push(() => app.stop());
  let before = await snapshot(client);
  return {
    name,
    get app() {
      return app;
    },
    stores: { redis: redis.uri },
    logFile,
    collectCostMs: 0,
    collect: async (): Promise<EffectDelta> => {
      const after = await snapshot(client);
      const entries = difference(before, after);
      before = after;
      return { entries, calls: calls.splice(0) };
    },
    restart: async () => {
      app = await launch();
    },
    stop: async () => undefined,
  };
}

async function startStub(calls: OutboundCall[]): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const headers: HeaderField[] = Object.entries(request.headers).map(([k, v]) => [k, String(v)]);
      calls.push({
        exchangeId: undefined,
        at: Date.now(),
        destination: 'OUTBOUND_URL',
        method: request.method!,
        target: request.url!,
        requestHeaders: headers,
        requestBody: Buffer.concat(chunks),
        response: undefined,
      });
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function snapshot(client: Redis): Promise<Snapshot> {
  const found: Snapshot = new Map();
  for (const key of await client.keys('*')) {
    const ttl = await client.pttl(key);
    found.set(key, { value: await read(client, key), ttl: ttl < 0 ? undefined : ttl });
  }
  return found;
}

async function read(client: Redis, key: string): Promise<EffectValue> {
  switch (await client.type(key)) {
    case 'hash':
      return { hash: await client.hgetall(key) };
    case 'set':
      return { set: (await client.smembers(key)).sort() };
    case 'list':
      return { list: await client.lrange(key, 0, -1) };
    case 'zset': {
      const flat = await client.zrange(key, 0, -1, 'WITHSCORES');
      const pairs = flat.flatMap((member, i) =>
        i % 2 === 0 ? [[member, Number(flat[i + 1])] as const] : [],
      );
      return { zset: Object.fromEntries(pairs) };
    }
    default:
      return (await client.get(key)) ?? '';
  }
}

function difference(before: Snapshot, after: Snapshot): readonly EffectEntry[] {
  const entries: EffectEntry[] = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(key), after.get(key)];
    const sameValue = JSON.stringify(was?.value) === JSON.stringify(is?.value);
    const ttlRose = (is?.ttl ?? 0) > (was?.ttl ?? 0);
    if (sameValue && !ttlRose && (was?.ttl === undefined) === (is?.ttl === undefined)) continue;
    entries.push({
      store: 'redis',
      key: [key],
      before: was?.value,
      after: is?.value,
      ...(was?.ttl === undefined ? {} : { ttlBeforeMs: was.ttl }),
      ...(is?.ttl === undefined ? {} : { ttlAfterMs: is.ttl }),
    });
  }
  return entries;
}
