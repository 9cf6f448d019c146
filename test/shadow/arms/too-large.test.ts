import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMongo, startRedis, type Release, type StartedStore } from '../../../common/index.js';
import { prepareArms } from '../../../shadow/arms/prepare.js';
import type { Room } from '../../../shadow/room/sizes.js';
import { ALL, prepareOptions, testRelease } from './fixture.js';

const MB = 2 ** 20;
const PLENTY = 2 ** 40;

describe('a store too large for the machine', () => {
  let dir: string;
  let redis: StartedStore;
  let mongo: StartedStore;
  let release: Release;
  let r: Redis;
  let m: MongoClient;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-test-large-'));
    [redis, mongo] = await Promise.all([
      startRedis({ dir: join(dir, 'redis'), persist: false }),
      startMongo({ dir: join(dir, 'mongo'), persist: false, kind: 'embedded' }),
    ]);
    [r, m] = [new Redis(redis.uri), new MongoClient(`${mongo.uri}/shop`)];
    await addDocuments(4);
    await r.set('big', 'x'.repeat(4 * MB));
    release = await testRelease(join(dir, 'release'), 'r1');
  });
  afterAll(async () => {
    r.disconnect();
    await m.close();
    await redis.close();
    await mongo.close();
    await rm(dir, { recursive: true, force: true });
  });

  const addDocuments = async (megabytes: number): Promise<void> => {
    const pad = 'x'.repeat(1000);
    const many = Array.from({ length: megabytes * 1000 }, (_, i) => ({ i, pad }));
    await m.db().collection('orders').insertMany(many);
  };

  let works = 0;
  async function attempt(
    room: () => Promise<Room>,
    live: { mongo?: string; redis?: string },
    writable = {},
  ): Promise<{ error: unknown; told: string[] }> {
    const workDir = join(dir, `work-${works++}`);
    const told: string[] = [];
    const error: unknown = await prepareArms(
      prepareOptions({
        ...{ workDir, old: release, new: release, live, writable, room, names: ALL },
        onProgress: (step) => told.push(step),
      }),
    ).then(
      (set) => set.stop(),
      (reason: unknown) => reason,
    );
    expect(existsSync(join(workDir, 'golden')), 'what is left').toBe(false);
    expect(processesIn(workDir)).toEqual([]);
    return { error, told };
  }

  it('is said before anything is read, for disk and for memory', async () => {
    const uri = `${mongo.uri}/shop`;
    const small = { disk: 10 * MB, memory: PLENTY };
    const onDisk = await attempt(async () => small, { mongo: uri, redis: redis.uri });
    expect(onDisk.error).toMatchObject({
      code: 'STORE_TOO_LARGE',
      message: expect.stringMatching(
        /^the copies of live's stores need about \d+ MB of disk, and .* can give 9 MB$/,
      ) as string,
      found: expect.stringMatching(
        /^Mongo 4 MB in 4000 documents, Redis \d+ MB; to be copied for golden and 4 arms$/,
      ) as string,
    });
    expect(onDisk.told).toEqual(['cloning the stores']);
    const inMemory = await attempt(async () => ({ disk: PLENTY, memory: 10 * MB }), { redis: redis.uri });
    expect(inMemory.error).toMatchObject({
      code: 'STORE_TOO_LARGE',
      message: expect.stringContaining('of memory') as string,
    });
    expect(await m.db().collection('orders').countDocuments()).toBe(4000);
    expect(await r.strlen('big')).toBe(4 * MB);
  });

  it('counts the folders the app writes', async () => {
    const folder = join(dir, 'uploads');
    await mkdir(join(folder, 'deep'), { recursive: true });
    await writeFile(join(folder, 'deep', 'big.bin'), Buffer.alloc(3 * MB));
    const room = { disk: 15 * MB, memory: PLENTY };
    const { error } = await attempt(async () => room, {}, { UPLOAD_DIR: folder });
    expect(error).toMatchObject({
      code: 'STORE_TOO_LARGE',
      found: expect.stringContaining('folders 3 MB') as string,
    });
  });

  it('is said as soon as live has grown too large under the clone', async () => {
    let asked = 0;
    // Room for what was there when it was measured; four times as much is there when it is read.
    const grows = async (): Promise<Room> => {
      if (asked++ === 0) await addDocuments(12);
      return { disk: 200 * MB, memory: PLENTY };
    };
    const { error, told } = await attempt(grows, { mongo: `${mongo.uri}/shop`, redis: redis.uri });
    expect(error).toMatchObject({
      code: 'STORE_TOO_LARGE',
      message: expect.stringMatching(/^live's stores grew while they were copied/) as string,
    });
    expect(told).not.toContain('starting the arms');
    expect(await m.db().collection('orders').countDocuments()).toBe(16_000);
  });

  it('is said when others have taken the room meanwhile', async () => {
    let asked = 0;
    const shrinks = async (): Promise<Room> => ({ disk: asked++ === 0 ? PLENTY : MB, memory: PLENTY });
    const { error, told } = await attempt(shrinks, { mongo: `${mongo.uri}/shop` });
    expect(error).toMatchObject({ code: 'STORE_TOO_LARGE' });
    expect(told).not.toContain('starting the arms');
  });
});

/** Processes that were started with something in that folder. */
function processesIn(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8')];
      } catch {
        return []; // It has just ended.
      }
    })
    .filter((command) => command.includes(folder));
}
