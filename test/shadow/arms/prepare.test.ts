import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMongo, startRedis, type Release, type StartedStore } from '../../../common/index.js';
import type { ArmSet } from '../../../shadow/arms-contract.js';
import { prepareArms } from '../../../shadow/arms/prepare.js';
import { ALL, ask, prepareOptions, testRelease } from './fixture.js';

const signal = new AbortController().signal;

describe('prepareArms', () => {
  let dir: string;
  let redis: StartedStore;
  let mongo: StartedStore;
  let live: { redis: string; mongo: string };
  let release: Release;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-test-arms-'));
    [redis, mongo] = await Promise.all([
      startRedis({ dir: join(dir, 'redis'), persist: false }),
      startMongo({ dir: join(dir, 'mongo'), persist: false, kind: 'embedded' }),
    ]);
    live = { redis: redis.uri, mongo: `${mongo.uri}/shop` };
    const [r, m] = [new Redis(redis.uri), new MongoClient(live.mongo)];
    await r.set('seeded', 'yes');
    await m
      .db()
      .collection('orders')
      .insertMany([{ id: 'first' }, { id: 'second' }]);
    await m.db().collection('orders').createIndex({ id: 1 }, { unique: true });
    r.disconnect();
    await m.close();
    await mkdir(join(dir, 'live-uploads'));
    await writeFile(join(dir, 'live-uploads', 'old.txt'), 'was here');
    release = await testRelease(join(dir, 'release'), 'r1');
  });
  afterAll(async () => {
    await redis.close();
    await mongo.close();
    await rm(dir, { recursive: true, force: true });
  });

  describe('with four arms', () => {
    let set: ArmSet;
    const workDir = (): string => join(dir, 'work');
    beforeAll(async () => {
      set = await prepareArms(
        prepareOptions({
          ...{ workDir: workDir(), old: release, new: release, live, names: ALL },
          writable: { UPLOAD_DIR: join(dir, 'live-uploads') },
          limits: { new: { cpus: 1, memory: 2 ** 30 } },
        }),
      );
      for (const arm of set.arms) await arm.collect(signal);
    });
    afterAll(async () => {
      await set.stop();
      const left = await Promise.all(ALL.map((name) => readdir(join(workDir(), name))));
      expect(left).toEqual(ALL.map(() => ['app.log']));
    });

    it('starts each in a jail, with what live held', async () => {
      expect(set.guard().enforcement).toBe('namespace');
      const answers = await Promise.all(set.arms.map((arm) => ask(arm.app, '/count')));
      for (const { json } of answers)
        expect(json).toEqual({
          ...{ orders: 2, seeded: 'yes', port: '8080' },
          mongo: 'mongodb://127.0.0.1:27017/shop',
          redis: 'redis://127.0.0.1:6379',
        });
      expect(set.cloneEndedNs).toBeGreaterThan(set.cloneStartedNs);
    });

    it('holds those of the new release to their size, in their jails', async () => {
      const held = await Promise.all(
        set.arms.map(async ({ name, app }) => {
          const limits = await Promise.all(
            (await processTree(app.pid)).map((pid) => readFile(`/proc/${pid}/limits`, 'utf8')),
          );
          return [name, limits.some((text) => /^Max data size\s+1073741824\s/m.test(text))];
        }),
      );
      expect(held).toEqual(ALL.map((name) => [name, name.startsWith('new')]));
    });

    it('answers calls with what live got, and tells every effect of an exchange', async () => {
      const headers = { 'dharma-exchange': '00000000000000aa', 'dharma-time': '1700000000000' };
      set.liveCall({
        exchangeId: '00000000000000aa',
        at: 0,
        destination: 'PAY_URL',
        method: 'POST',
        target: '/v1/charge',
        requestHeaders: [],
        requestBody: Buffer.from('{"order":"8a7c6e10-0000-4000-8000-000000000000","amount":5}'),
        response: { status: 201, headers: [], body: Buffer.from('{"id":"ch_77"}') },
      });
      const answers = await Promise.all(
        set.arms.map((arm) => ask(arm.app, '/order', { amount: 5 }, headers)),
      );
      const byArm = Object.fromEntries(set.arms.map((arm, i) => [arm.name, answers[i]!.json]));
      // Live's time in all; one randomness for each letter.
      for (const answer of Object.values(byArm))
        expect(answer).toMatchObject({ at: 1_700_000_000_000, receipt: { id: 'ch_77' } });
      expect(byArm['old-a']).toEqual(byArm['new-a']);
      expect(byArm['old-b']).toEqual(byArm['new-b']);
      expect(byArm['old-a']!.id).not.toBe(byArm['old-b']!.id);

      for (const arm of set.arms) {
        const { entries, calls } = await arm.collect(signal);
        const { id } = byArm[arm.name] as { id: string };
        expect(entries).toHaveLength(2);
        expect(entries.find((e) => e.store === 'redis')).toMatchObject({
          key: [`order:${id}`],
          before: undefined,
          after: { hash: { amount: '5', receipt: 'ch_77' } },
          writers: ['00000000000000aa'],
        });
        expect(entries.find((e) => e.store === 'redis')!.ttlAfterMs).toBeGreaterThan(3_000_000);
        expect(entries.find((e) => e.store === 'mongo')).toMatchObject({
          before: undefined,
          after: { id, amount: 5, paid: 201, at: { $date: '2023-11-14T22:13:20.000Z' } },
          writers: ['00000000000000aa'],
        });
        expect(calls).toMatchObject([
          { exchangeId: '00000000000000aa', destination: 'PAY_URL', method: 'POST' },
        ]);
        expect(JSON.parse(Buffer.from(calls[0]!.requestBody).toString())).toMatchObject({ order: id });
      }
      expect(set.guard()).toMatchObject({ answered: 4, refused: 0, escaped: 0 });
    });

    it('tells files, with what they were before', async () => {
      const arm = set.arms[0]!;
      await ask(arm.app, '/upload', { name: 'old.txt', text: 'new text' });
      const { entries } = await arm.collect(signal);
      expect(entries).toMatchObject([
        {
          store: 'file',
          key: ['UPLOAD_DIR/old.txt'],
          before: { text: 'was here' },
          after: { text: 'new text', size: 8 },
        },
      ]);
    });

    it('waits for what the app does just after answering', async () => {
      const arm = set.arms[1]!;
      await ask(arm.app, '/late', {});
      const { entries } = await arm.collect(signal);
      expect(entries).toMatchObject([{ store: 'redis', key: ['late'], after: '1' }]);
      expect((await arm.collect(signal)).entries).toEqual([]);
    });

    it('starts a crashed arm again on its own stores', async () => {
      const arm = set.arms[2]!;
      await ask(arm.app, '/crash', {});
      expect(await arm.app.exited).toMatchObject({ code: 9 });
      await arm.restart!(signal);
      expect((await ask(arm.app, '/count')).json).toMatchObject({ orders: 3 });
    });

    it('leaves live as it was', async () => {
      const [r, m] = [new Redis(live.redis), new MongoClient(live.mongo)];
      try {
        expect(await r.keys('*')).toEqual(['seeded']);
        expect(await m.db().collection('orders').countDocuments()).toBe(2);
      } finally {
        r.disconnect();
        await m.close();
      }
    });
  });

  it('names the arm that does not start, shows its log, and leaves nothing behind', async () => {
    const broken = await testRelease(join(dir, 'broken'), 'r2', { CRASH: '1' });
    const workDir = join(dir, 'work-broken');
    const attempt = prepareArms(prepareOptions({ workDir, old: release, new: broken, live }));
    await expect(attempt).rejects.toMatchObject({
      code: 'ARM_DID_NOT_START',
      arm: 'new-a',
      logTail: expect.stringContaining('this release cannot start') as string,
    });
    expect(existsSync(join(workDir, 'golden'))).toBe(false);
    expect(await readdir(join(workDir, 'old-a'))).toEqual(['app.log']);
  });

  it('says so when live’s stores cannot be reached', async () => {
    await expect(
      prepareArms(
        prepareOptions({
          workDir: join(dir, 'work-unreachable'),
          old: release,
          new: release,
          live: { redis: 'redis://127.0.0.1:1' },
        }),
      ),
    ).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
  });
});

/** A process and those below it. */
async function processTree(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  const below = children.split(' ').filter((text) => text.trim() !== '');
  return [pid, ...(await Promise.all(below.map((child) => processTree(Number(child))))).flat()];
}
