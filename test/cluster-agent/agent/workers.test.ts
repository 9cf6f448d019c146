import { join } from 'node:path';
import { onTestFinished, describe, expect, it } from 'vitest';
import { asWorker, withWorkers } from '../../../cluster-agent/agent/workers.js';
import { nextReadings, taskStatuses } from '../../../cluster-agent/telemetry/tasks.js';
import {
  distPath,
  manifestSchema,
  startRedis,
  type ClusterStatus,
  type NodeState,
  type NodeStatus,
  type Release,
  type StartedStore,
} from '../../../common/index.js';
import { Tasks, type TaskTiming } from '../../../tasks/index.js';
import { soon, specOf, startAgent, urlOf } from '../support/agents.js';
import { releaseOf } from '../support/apps.js';
import { temporaryFolder } from '../support/folders.js';

/** An app of one file: a router answers with its role, a worker tells where it is. */
const APP = `
const http = require('node:http');
import(process.env.TASKS_LIBRARY).then(({ task }) => {
  task('who', () => process.env.HOST);
  task('sleep', () => new Promise((resolve) => setTimeout(resolve, 200)));
  if (process.env.DHARMA_ROLE === 'worker') return;
  http.createServer((_, response) => response.end(process.env.DHARMA_ROLE)).listen(process.env.PORT, process.env.HOST);
});
`;

async function appWithWorkers(): Promise<{ root: string; redis: StartedStore; release: Release }> {
  const root = await temporaryFolder();
  const redis = await startRedis({ dir: join(root, 'redis'), persist: false });
  onTestFinished(() => redis.close());
  const release = await releaseOf(root, APP, {
    worker: {},
    env: { TASKS_LIBRARY: distPath('tasks/index.js'), DHARMA_TASKS_CLAIM_MS: '1500' },
  });
  return { root, redis, release };
}

describe('workers of a cluster', () => {
  it('are started from the release that serves, take its tasks, and are replaced when they are killed', async () => {
    const { root, redis, release } = await appWithWorkers();
    const { client } = await startAgent(root);
    const spec = {
      ...(await specOf(root, release, { config: { nodes: 1, workers: 2 } })),
      stores: { mongo: 'mongodb://127.0.0.1:1/app', redis: redis.uri },
    };
    const converged = (): Promise<ClusterStatus> =>
      client.waitUntil(({ state }) => state === 'converged', soon());
    await client.putSpec(spec, soon());
    const status = await converged();
    expect(status.workers?.map(({ state }) => state)).toEqual(['ready', 'ready']);
    expect(status.nodes).toHaveLength(1);
    await expect(fetch(urlOf(spec)).then((answer) => answer.text())).resolves.toBe('router');

    const tasks = new Tasks(
      { redis: redis.uri, role: 'router', cluster: 'blue', listen: undefined, claimMs: 1500 },
      () => undefined,
    );
    onTestFinished(() => tasks.close());
    const host = await (await tasks.run('who')).result();
    expect(status.workers?.map(({ address }) => address)).toContain(host);

    const sleeping = await tasks.run('sleep');
    for (const worker of status.workers ?? []) process.kill(worker.pid!, 'SIGKILL');
    await expect(sleeping.result()).resolves.toBe(null);
    const after = await client.waitUntil(
      ({ workers }) => workers?.every(({ state, restarts }) => state === 'ready' && restarts === 1) === true,
      soon(),
    );
    expect(after.workers).toHaveLength(2);

    // What they did is read by the agent.
    const told = await client.waitUntil(
      ({ tasks }) => tasks?.some(({ task, count }) => task === 'sleep' && count > 0) === true,
      soon(),
    );
    const sleep = told.tasks!.find(({ task }) => task === 'sleep')!;
    expect(sleep).toMatchObject({ errors: 0 });
    expect(sleep.median).toBeGreaterThan(190);
  });
});

describe('workers that are sized', () => {
  it('become more with their tasks up to the cap, by a decision that is told as that of nodes', async () => {
    const { root, redis, release } = await appWithWorkers();
    const { client, agent } = await startAgent(root);
    const spec = {
      ...(await specOf(root, release, {
        config: { nodes: 1, workers: 1, maxWorkers: 3, reconfigure: '2s' },
      })),
      stores: { mongo: 'mongodb://127.0.0.1:1/app', redis: redis.uri },
    };
    await client.putSpec(spec, soon());
    await client.waitUntil(({ workers }) => workers?.length === 1, soon());
    const tasks = new Tasks(
      { redis: redis.uri, role: 'router', cluster: 'blue', listen: undefined, claimMs: 1500 },
      () => undefined,
    );
    onTestFinished(() => tasks.close());
    // 200 ms each: three seconds' work for four workers come every second.
    const over = new AbortController();
    const sending = (async (): Promise<void> => {
      while (!over.signal.aborted) {
        await Promise.all(Array.from({ length: 20 }, () => tasks.run('sleep')));
        await new Promise((then) => setTimeout(then, 1000));
      }
    })();
    try {
      const grown = await client.waitUntil(
        ({ workers }) => workers?.length === 3 && workers.every(({ state }) => state === 'ready'),
        soon(),
      );
      expect(grown.nodes).toHaveLength(1);
      expect(agent.explanation()?.workers).toMatchObject({ mode: 'sized', most: 3, wanted: 3 });
      expect(agent.explanation()).toMatchObject({ mode: 'fixed', wanted: 1 });
    } finally {
      over.abort();
      await sending;
    }
  });
});

describe('a status with workers', () => {
  const node = (state: NodeState): { status: NodeStatus } => ({
    status: { name: state, release: 'r', state, address: '', port: 1, pid: 1, restarts: 0 },
  });
  const status = { state: 'converged', nodes: [], endpoints: [] } as unknown as ClusterStatus;

  it('has converged when they have', () => {
    expect(withWorkers(status, { count: 0, workers: [] })).toBe(status);
    expect(withWorkers(status, { count: 1, workers: [node('ready')] }).state).toBe('converged');
    expect(withWorkers(status, { count: 2, workers: [node('ready')] }).state).toBe('converging');
    expect(withWorkers(status, { count: 1, workers: [node('ready'), node('draining')] }).state).toBe(
      'converging',
    );
    const error = { code: 'X', message: 'x', remedy: 'x' };
    expect(withWorkers(status, { count: 1, workers: [{ ...node('failed'), error }] })).toMatchObject({
      state: 'failed',
      error,
    });
  });

  it('starts them by their own command, or the app’s', () => {
    const release = (manifest: object): Release => ({
      id: 'r',
      app: 'a',
      dir: '/x',
      manifest: manifestSchema.parse({ name: 'a', command: ['node', 'app.js'], ...manifest }),
      packages: {},
      createdAt: 0,
    });
    expect(asWorker(release({}))).toBeUndefined();
    expect(asWorker(release({ worker: {} }))?.manifest.command).toEqual(['node', 'app.js']);
    expect(
      asWorker(release({ worker: { command: ['node', 'w.js'] }, health: { path: '/up' } }))?.manifest,
    ).toMatchObject({ command: ['node', 'w.js'], health: { path: '/' } });
  });
});

describe('timings of tasks', () => {
  const timing = (count: number, errors = 0): TaskTiming => ({
    count,
    errors,
    waitUs: count * 2000,
    workUs: count * 500_000,
    histogram: [{ index: 40, count: count - errors }],
  });
  const reading = (at: number, ...tasks: [string, TaskTiming][]) => ({ at, timings: new Map(tasks) });

  it('are those of the window', () => {
    const readings = [0, 1000, 2000, 3000].reduce<ReturnType<typeof nextReadings>>(
      (before, at) => nextReadings(before, reading(at, ['a', timing(at / 100)]), 2000),
      [],
    );
    expect(readings.map(({ at }) => at)).toEqual([1000, 2000, 3000]);
    expect(taskStatuses(readings)).toMatchObject([{ task: 'a', count: 20, errors: 0, wait: 2, work: 5 }]);
  });

  it('begin anew when Redis lost them, and are none before there are two', () => {
    expect(taskStatuses([reading(0, ['a', timing(5)])])).toEqual([]);
    expect(taskStatuses([reading(0, ['a', timing(50)]), reading(1000, ['a', timing(3)])])).toMatchObject([
      { count: 3 },
    ]);
  });
});
