import { once } from 'node:events';
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { Queue, type Job } from 'bullmq';
import { Redis } from 'ioredis';
import { onTestFinished, describe, expect, it } from 'vitest';
import { freePort, histogramCount } from '../../common/index.js';
import {
  CRONS_KEY,
  readTimings,
  runInCopy,
  Tasks,
  timingsKey,
  type TaskSettings,
} from '../../tasks/index.js';
import { beginsCron, ensureCron } from '../../tasks/cron.js';
import { settingsFrom } from '../../tasks/settings.js';
import { Bench } from './support/apps.js';

/** Sends tasks, as a router does. */
function sender(bench: Bench, settings: Partial<TaskSettings> = {}): Tasks {
  const tasks = new Tasks(
    { redis: bench.redis, role: 'router', cluster: '-', listen: undefined, claimMs: 6000, ...settings },
    () => undefined,
  );
  onTestFinished(() => tasks.close());
  return tasks;
}

async function timingsOf(bench: Bench, cluster: string): Promise<ReturnType<typeof readTimings>> {
  const redis = new Redis(bench.redis);
  try {
    return readTimings(await redis.hgetall(timingsKey(cluster)));
  } finally {
    redis.disconnect();
  }
}

describe('a task', () => {
  it('is done by a worker of any cluster, and tells what it returned', async () => {
    const bench = await Bench.open();
    const workers = [
      await bench.start({ DHARMA_CLUSTER: 'blue' }),
      await bench.start({ DHARMA_CLUSTER: 'green' }),
    ];
    const tasks = sender(bench);
    const sent = await Promise.all(Array.from({ length: 12 }, () => tasks.run('sleep', { ms: 60 })));
    const done = await Promise.all(sent.map((one) => one.result()));
    expect(new Set(done)).toEqual(new Set(workers.map(({ pid }) => pid)));
    await expect((await tasks.run('echo', { a: [1] })).result()).resolves.toMatchObject({
      payload: { a: [1] },
      attempt: 1,
    });
    const failed = await tasks.run('fail');
    await expect(failed.result()).rejects.toMatchObject({ code: 'TASK_FAILED', found: 'no such luck' });
  });

  it('of a worker that was killed is taken over', async () => {
    const bench = await Bench.open();
    const first = await bench.start({ DHARMA_TASKS_CLAIM_MS: '1500' });
    const sent = await sender(bench).run('sleep', { ms: 300 });
    // Long enough for the kill to come before its end.
    await bench.until((events) => events.find(({ began }) => began === sent.id));
    first.kill('SIGKILL');
    const second = await bench.start({ DHARMA_TASKS_CLAIM_MS: '1500' });
    await expect(sent.result()).resolves.toBe(second.pid);
    const events = await bench.events();
    expect(events.filter(({ began }) => began === sent.id).map(({ pid }) => pid)).toEqual([
      first.pid,
      second.pid,
    ]);
  });

  it('that blocks its thread for longer than a claim lasts is done once', async () => {
    const bench = await Bench.open();
    await Promise.all([
      bench.start({ DHARMA_TASKS_CLAIM_MS: '1000' }),
      bench.start({ DHARMA_TASKS_CLAIM_MS: '1000' }),
    ]);
    const sent = await sender(bench).run('block', { ms: 3000 });
    await sent.result();
    expect((await bench.events()).filter(({ began }) => began === sent.id)).toHaveLength(1);
  });

  it('under way when a worker is told to stop is finished first', async () => {
    const bench = await Bench.open();
    const worker = await bench.start({ DHARMA_ROLE: 'worker' });
    const tasks = sender(bench);
    const [under, next] = [await tasks.run('sleep', { ms: 600 }), await tasks.run('sleep', { ms: 1 })];
    await bench.until((events) => events.find(({ began }) => began === under.id));
    worker.kill('SIGTERM');
    expect(await once(worker, 'exit')).toEqual([0, null]);
    await expect(under.result()).resolves.toBe(worker.pid);
    expect((await bench.events()).find(({ ended }) => ended === under.id)).toMatchObject({ hurried: true });
    await expect(next.result(50)).rejects.toMatchObject({ code: 'TASK_NOT_FINISHED' });
  });

  it('is timed: how long it waited and took, and what failed', async () => {
    const bench = await Bench.open();
    const worker = await bench.start({ DHARMA_CLUSTER: 'blue', CLOSE_AT_SIGTERM: '1' });
    const tasks = sender(bench);
    const sent = [await tasks.run('sleep', { ms: 150 }), await tasks.run('sleep', { ms: 150 })];
    await Promise.all(sent.map((one) => one.result()));
    await expect((await tasks.run('fail')).result()).rejects.toThrow();
    worker.kill('SIGTERM');
    await once(worker, 'exit');
    const timings = await timingsOf(bench, 'blue');
    const sleep = timings.get('sleep')!;
    expect(sleep).toMatchObject({ count: 2, errors: 0 });
    expect(sleep.workUs).toBeGreaterThan(2 * 149_000);
    // The second waited for the first.
    expect(sleep.waitUs).toBeGreaterThan(100_000);
    expect(histogramCount(sleep.histogram)).toBe(2);
    expect(timings.get('fail')).toMatchObject({ count: 1, errors: 1, histogram: [] });
  });
});

describe('a cron', () => {
  it('fires once, however many workers define it', async () => {
    const bench = await Bench.open();
    await Promise.all(
      ['blue', 'green', 'red'].map((cluster) =>
        bench.start({ DHARMA_CLUSTER: cluster, CRON: '* * * * * *' }),
      ),
    );
    const ticks = await bench.until((events) => {
      const found = events.flatMap(({ tick }) => (tick === undefined ? [] : [tick]));
      return found.length >= 4 ? found : undefined;
    });
    expect(new Set(ticks).size).toBe(ticks.length);
    const times = ticks.map((id) => Number(id.split(':').at(-1))).sort();
    expect(times.every((time) => time % 1000 === 0)).toBe(true);
  });

  it('is defined by many at once as one, and not touched by those that find it as they would have it', async () => {
    const bench = await Bench.open();
    const redis = new Redis(bench.redis, { maxRetriesPerRequest: null });
    const queue = new Queue<string, string>('yearly', {
      connection: { url: bench.redis, maxRetriesPerRequest: null },
      prefix: 'dharma-tasks',
    });
    onTestFinished(async () => {
      await queue.close();
      redis.disconnect();
    });
    const define = (schedule: string): Promise<void> =>
      ensureCron(redis, queue, 'yearly', { schedule, timezone: 'UTC' }, new AbortController().signal);
    await Promise.all(Array.from({ length: 8 }, () => define('0 0 1 1 *')));
    const [run, ...others] = await queue.getDelayed();
    expect(others).toEqual([]);
    // A run that is due and was not begun: nobody was there.
    await run!.promote();
    await define('0 0 1 1 *');
    expect((await queue.getWaiting()).map(({ id }) => id)).toEqual([run!.id]);
    await define('0 0 1 2 *');
    expect((await queue.getJobSchedulers()).map(({ pattern }) => pattern)).toEqual(['0 0 1 2 *']);
    await expect(redis.hget(CRONS_KEY, 'yearly')).resolves.toBe('{"schedule":"0 0 1 2 *","timezone":"UTC"}');
  });

  it('are done by a copy once it is told to, however seldom they come due', async () => {
    const bench = await Bench.open();
    const copy = await bench.start({ DHARMA_TASKS_COPY: '1', CRON: '0 0 1 1 *' });
    const { signal } = new AbortController();
    await runInCopy(bench.redis, 'tick', signal);
    expect(
      (await bench.events()).filter(({ pid, tick }) => pid === copy.pid && tick !== undefined),
    ).toHaveLength(1);
    await expect(runInCopy(bench.redis, 'fail', signal)).rejects.toMatchObject({
      ...{ code: 'TASK_FAILED', found: 'no such luck' },
    });
    await expect(runInCopy(bench.redis, 'nobody', signal, 0)).rejects.toMatchObject({
      code: 'TASK_NOT_TAKEN',
    });
    await expect(runInCopy(bench.redis, 'nobody', AbortSignal.abort(new Error('stop')))).rejects.toThrow(
      'stop',
    );
  });

  it('and what waits in live’s queues are live’s to do: a copy takes only what copies sent', async () => {
    const bench = await Bench.open();
    // As in a clone of live's Redis: a task that waits, and a cron that comes due every second.
    const live = await bench.start({ CRON: '* * * * * *' });
    await bench.until((events) => events.find(({ tick }) => tick !== undefined));
    live.kill('SIGKILL');
    await once(live, 'exit');
    const waiting = await sender(bench).run('sleep', { ms: 1 });
    const before = (await bench.events()).length;
    const copy = await bench.start({ DHARMA_TASKS_COPY: '1', CRON: '* * * * * *' });
    const own = sender(bench, { isCopy: true });
    await expect((await own.run('echo', 1)).result()).resolves.toMatchObject({ payload: 1, pid: copy.pid });
    const queue = new Queue('tick', { connection: { url: bench.redis }, prefix: 'dharma-tasks' });
    onTestFinished(() => queue.close());
    // Crons come due in the copy, and nothing is done for them.
    const done = await queue.getCompletedCount();
    while ((await queue.getCompletedCount()) < done + 2) await new Promise((then) => setTimeout(then, 50));
    await expect(waiting.result()).resolves.toBe(null);
    expect((await bench.events()).slice(before)).toEqual([{ pid: copy.pid, up: true }]);
  });

  it('leaves Redis when no process defines it any more, and no sooner', async () => {
    const bench = await Bench.open();
    const redis = new Redis(bench.redis);
    onTestFinished(() => redis.disconnect());
    const standing = async (): Promise<string[]> => Object.keys(await redis.hgetall(CRONS_KEY));
    const env = { DHARMA_TASKS_CLAIM_MS: '300', DHARMA_APP: 'shop' };
    const old = await bench.start({ ...env, CRON: '0 0 * * *' });
    while (!(await standing()).includes('tick')) await new Promise((then) => setTimeout(then, 20));
    await redis.hset(
      CRONS_KEY,
      'other',
      JSON.stringify({ schedule: '0 0 * * *', timezone: 'UTC', app: 'blog' }),
    );
    // A release without it runs beside the one that has it, for longer than anything is stale.
    await bench.start(env);
    const said = Number(await redis.zscore('dharma-tasks:defined', 'tick'));
    while (Number(await redis.zscore('dharma-tasks:defined', 'tick')) < said + 3000)
      await new Promise((then) => setTimeout(then, 50));
    expect(await standing()).toContain('tick');
    old.kill('SIGKILL');
    while ((await standing()).includes('tick')) await new Promise((then) => setTimeout(then, 50));
    expect(await standing()).toEqual(['other']);
    const queue = new Queue('tick', { connection: { url: bench.redis }, prefix: 'dharma-tasks' });
    onTestFinished(() => queue.close());
    expect(await queue.getJobSchedulers()).toEqual([]);
    expect(await queue.getDelayedCount()).toBe(0);
  });

  it('begins a run once, unless it is taken over or tried again', async () => {
    const bench = await Bench.open();
    const redis = new Redis(bench.redis);
    onTestFinished(() => redis.disconnect());
    const begins = (due: number, fields: object = {}): Promise<boolean> => {
      const job = { id: `repeat:a:${due}`, repeatJobKey: 'a', stalledCounter: 0, attemptsMade: 0, ...fields };
      return beginsCron(redis, 'a', job as Job);
    };
    expect([await begins(1000), await begins(1000), await begins(2000), await begins(1000)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect([await begins(1000, { stalledCounter: 1 }), await begins(2000, { attemptsMade: 1 })]).toEqual([
      true,
      true,
    ]);
  });
});

describe('roles', () => {
  it('a worker shows that it is up; a router takes nothing', async () => {
    const bench = await Bench.open();
    const port = await freePort();
    await bench.start({ DHARMA_ROLE: 'worker', HOST: '127.0.0.1', PORT: String(port) });
    const answer = await new Promise<string>((resolve) => {
      const ask = (): void => {
        get({ host: '127.0.0.1', port }, (response) => void text(response).then(resolve)).once('error', () =>
          setTimeout(ask, 20),
        );
      };
      ask();
    });
    expect(JSON.parse(answer)).toEqual({ role: 'worker', tasks: ['echo', 'fail', 'sleep', 'block'] });
    const tasks = sender(bench);
    tasks.task('mine', () => 1);
    const sent = await tasks.run('mine');
    await expect(sent.result(200)).rejects.toMatchObject({ code: 'TASK_NOT_FINISHED' });
  });

  it('are told by env', () => {
    expect(
      settingsFrom({ REDIS_URL: 'redis://a', DHARMA_ROLE: 'worker', PORT: '80', HOST: '127.0.0.2' }),
    ).toMatchObject({
      redis: 'redis://a',
      role: 'worker',
      listen: { host: '127.0.0.2', port: 80 },
    });
    expect(
      settingsFrom({ REDIS_URL: 'redis://a', DHARMA_TASKS_REDIS: 'redis://b', PORT: '80' }),
    ).toMatchObject({
      redis: 'redis://b',
      role: undefined,
      listen: undefined,
    });
    expect(settingsFrom({ REDIS_URL: 'redis://a', DHARMA_TASKS_COPY: '1' }).isCopy).toBe(true);
    expect(settingsFrom({ REDIS_URL: 'redis://a' }).isCopy).toBe(false);
    expect(() => settingsFrom({})).toThrow(expect.objectContaining({ code: 'TASKS_NO_REDIS' }));
  });
});

describe('what cannot be', () => {
  const tasks = (): Tasks => {
    const settings = { role: 'router', cluster: '-', listen: undefined, claimMs: 6000 } as const;
    const made = new Tasks({ redis: 'redis://127.0.0.1:1', ...settings }, () => undefined);
    onTestFinished(() => made.close());
    return made;
  };
  const code = (code: string): unknown => expect.objectContaining({ code });

  it.each(['', 'a b', '7up', 'a:b', 'x'.repeat(65), 'é', '__proto__'])(
    'the name "%s" is refused',
    async (name) => {
      expect(() => tasks().task(name, () => 1)).toThrow(code('TASK_NAME_INVALID'));
      await expect(tasks().run(name)).rejects.toThrow(code('TASK_NAME_INVALID'));
    },
  );

  it('a second handler is refused, and whatever comes after the end', async () => {
    const one = tasks();
    one.task('a', () => 1);
    expect(() => one.task('a', () => 2)).toThrow(code('TASK_DEFINED_TWICE'));
    await one.close();
    expect(() => one.task('b', () => 2)).toThrow(code('TASKS_CLOSED'));
    await expect(one.run('b')).rejects.toThrow(code('TASKS_CLOSED'));
  });

  it('payloads that are no JSON or too large are refused', async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    for (const payload of [cyclic, 1n, () => 1, Symbol('x')])
      await expect(tasks().run('a', payload)).rejects.toThrow(code('TASK_PAYLOAD_INVALID'));
    await expect(tasks().run('a', 'x'.repeat(1024 * 1024))).rejects.toThrow(code('TASK_PAYLOAD_TOO_LARGE'));
  });

  it.each(['', '* * *', '61 * * * *', '* * * * * * *', 'every day', '0 0 30 2 *', '@daily'])(
    'the schedule "%s" is refused',
    (schedule) => {
      expect(() => tasks().defineCron('a', schedule, () => 1)).toThrow(code('CRON_INVALID'));
    },
  );

  it('a time zone that is none is refused', () => {
    expect(() => tasks().defineCron('a', '0 3 * * *', () => 1, { timezone: 'Mars/Base' })).toThrow(
      code('CRON_INVALID'),
    );
  });

  it('a Redis that does not answer is said', async () => {
    await expect(tasks().run('a', 1)).rejects.toThrow(code('TASKS_UNREACHABLE'));
  });
});
