import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DecisionLog } from '../../../cluster-agent/sizing/decision-log.js';
import { replay } from '../../../cluster-agent/sizing/record.js';
import { SizingLoop, type Money, type Sight } from '../../../cluster-agent/sizing/loop.js';
import { clusterConfigSchema, systemClock, type ClusterStatus } from '../../../common/index.js';
import { log, soon, specOf, startAgent, urlOf } from '../support/agents.js';
import { httpApp, releaseOf } from '../support/apps.js';
import { temporaryFolder } from '../support/folders.js';
import { startLoad } from '../support/load.js';

/** Serves one request after the other, 20 ms each, as work that blocks a thread would, and leaves the CPU to the test. */
const ONE_AT_A_TIME = httpApp(`(() => {
  let last = Promise.resolve();
  return (request, response) => {
    last = last.then(() => new Promise((done) => setTimeout(done, 20)));
    void last.then(() => response.end('ok'));
  };
})()`);
const ROUTES = { routes: [{ pattern: '/', methods: ['GET'], test: { path: '/', expect: { status: 200 } } }] };

const serving =
  (nodes: number) =>
  (status: ClusterStatus): boolean =>
    status.state === 'converged' && status.sizing?.wanted === nodes && status.nodes.length === nodes;

/** Asks until it holds; the test's own deadline ends what never does. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const giveUp = soon();
  while (!(await holds())) await systemClock.sleep(50, giveUp);
}

describe('a cluster that is sized', () => {
  it('grows with its load up to the cap, tells why, and knows it again when its agent starts anew', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(root, ONE_AT_A_TIME, ROUTES);
    const first = await startAgent(root);
    const spec = await specOf(root, release, {
      config: { nodes: 1, maxNodes: 3, reconfigure: '1s', measure: true },
    });
    await first.client.putSpec(spec, soon());
    await first.client.waitUntil(serving(1), soon());
    const load = startLoad(urlOf(spec), '/', 12);
    const grown = await first.client.waitUntil(serving(3), soon());
    const { failures } = await load.stop();
    expect(failures).toEqual([]);

    expect(grown.sizing).toMatchObject({ mode: 'sized', least: 1, most: 3, spares: 0 });
    expect(grown.sizing!.readyMs).toBeGreaterThan(0);
    const [home] = grown.endpoints;
    expect(home).toMatchObject({ endpoint: 'GET /', routes: ['GET /'] });
    expect(home!.target).toBeCloseTo(home!.perfAvg! * 2);
    expect(home!.frequency).toBeGreaterThan(0);
    expect(home!.nodes.length).toBeGreaterThan(0);
    expect(first.agent.explanation()).toMatchObject({ cluster: 'blue', most: 3, price: 0, size: 'small' });

    const records = await new DecisionLog(first.dir).all();
    expect(records.some(({ plan }) => plan.nodes === 3)).toBe(true);
    for (const record of records) expect(replay(record)).toEqual(record.plan);

    await first.close();
    const again = await startAgent(root);
    expect(again.agent.status()!.sizing!.wanted).toBeGreaterThan(1);
    expect(again.agent.explanation()?.at).toBe((await new DecisionLog(again.dir).last())!.input.now);
  });

  it('keeps a fixed number whatever its load, and says what sizing would choose', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(root, ONE_AT_A_TIME, ROUTES);
    const { client, agent } = await startAgent(root);
    const spec = await specOf(root, release, { config: { nodes: 1, reconfigure: '1s', measure: true } });
    await client.putSpec(spec, soon());
    await client.waitUntil(serving(1), soon());
    const load = startLoad(urlOf(spec), '/', 8);
    await until(() => (agent.explanation()?.nodes ?? 1) > 1);
    await load.stop();
    expect(agent.explanation()).toMatchObject({ mode: 'fixed', wanted: 1 });
    expect(agent.status()!.sizing).toMatchObject({ mode: 'fixed', wanted: 1 });
    expect(agent.status()!.nodes).toHaveLength(1);
  });

  it('tells its next decision without taking it', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(root, ONE_AT_A_TIME);
    const { client, agent, dir } = await startAgent(root);
    await client.putSpec(await specOf(root, release, { config: { nodes: 1, maxNodes: 3 } }), soon());
    await client.waitUntil(serving(1), soon());
    await until(async () => ((await agent.sizePlan())?.forecast.length ?? 0) > 0);
    expect(await new DecisionLog(dir).all()).toEqual([]);
    expect(agent.explanation()).toBeUndefined();
  });

  it('begins anew, and says so, where what it knew cannot be read', async () => {
    const root = await temporaryFolder();
    const { dir, ...before } = await startAgent(root);
    await before.close();
    await writeFile(join(dir, 'sizing.json'), '{"form":1,"state":{}}');
    await writeFile(join(dir, 'decisions.jsonl'), '{"half');
    const again = await startAgent(root);
    const release = await releaseOf(root, ONE_AT_A_TIME);
    await again.client.putSpec(
      await specOf(root, release, { config: { nodes: 1, maxNodes: 2, reconfigure: '1s' } }),
      soon(),
    );
    await again.client.waitUntil((status) => status.sizing?.decidedAt !== undefined, soon());
    await until(async () => (await readFile(join(dir, 'sizing.json'), 'utf8')).includes('residuals'));
    expect((await new DecisionLog(dir).all()).length).toBeGreaterThan(0);
  });
});

describe('recorded decisions', () => {
  it('take no more room than two files of the size allowed', async () => {
    const root = await temporaryFolder();
    const log = new DecisionLog(root, 1500);
    for (let i = 0; i < 100; i += 1) await log.add({ plan: { nodes: i } } as never);
    const kept = await log.all();
    expect(kept.at(-1)).toEqual({ plan: { nodes: 99 } });
    expect(kept.length).toBeGreaterThan(40);
    expect(kept.length).toBeLessThan(100);
    expect(await log.last()).toEqual({ plan: { nodes: 99 } });
  });

  it("are left out where another build wrote them: today's code cannot ask them anything", async () => {
    const root = await temporaryFolder();
    await writeFile(join(root, 'decisions.jsonl'), '\n{"before":{},"plan":{"nodes":1}}');
    const log = new DecisionLog(root);
    expect([await log.last(), await log.all()]).toEqual([undefined, []]);
    await log.add({ plan: { nodes: 2 } } as never);
    expect(await log.all()).toEqual([{ plan: { nodes: 2 } }]);
  });
});

describe('telemetry that stops', () => {
  it('is said once, the last plan holds, and it is over when the proxy tells again', async () => {
    const root = await temporaryFolder();
    const release = await releaseOf(root, ONE_AT_A_TIME);
    const { client, dir } = await startAgent(root);
    await client.putSpec(
      await specOf(root, release, { config: { nodes: 2, maxNodes: 3, reconfigure: '1s' } }),
      soon(),
    );
    await client.waitUntil((status) => status.sizing?.decidedAt !== undefined, soon());
    const { proxy } = await client.status(soon());
    const pids = await processesOf(proxy.pid!);
    const stopped = (status: ClusterStatus): boolean =>
      status.sizing!.problems.some(({ code }) => code === 'TELEMETRY_STOPPED');
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    const held = await client.waitUntil(stopped, soon()).finally(() => {
      for (const pid of pids) process.kill(pid, 'SIGCONT');
    });
    expect(held.sizing).toMatchObject({ wanted: 2 });
    expect(held.sizing!.reasons[0]).toContain('held at 2');
    await client.waitUntil((status) => !stopped(status), soon());
    const said = (await new DecisionLog(dir).all()).flatMap(({ plan }) =>
      plan.notices.map(({ code }) => code),
    );
    expect(said.filter((code) => code === 'TELEMETRY_STOPPED')).toHaveLength(1);
  });
});

/** A launcher and what it has started. */
async function processesOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  const below = children.trim().split(' ').filter(Boolean).map(Number);
  return [pid, ...(await Promise.all(below.map(processesOf))).flat()];
}

/** That it is found by itself to be cheaper takes a minute. */
const MODES = process.env.DHARMA_ALL_GROUPING === undefined ? (['on'] as const) : (['on', 'auto'] as const);

describe('groups of endpoints', () => {
  it.each(MODES)(
    '%s: short requests and long ones get nodes of their own, and share all again by the config',
    async (grouping) => {
      const root = await temporaryFolder();
      const route = (path: string) => ({ pattern: path, methods: ['GET'], test: { path } });
      // One request after the other, as work that blocks a thread; the answer says where.
      const app = httpApp(`(() => {
      let last = Promise.resolve();
      return (request, response) => {
        const ms = request.url === '/report' ? 800 : 30;
        last = last.then(() => new Promise((done) => setTimeout(done, ms)));
        void last.then(() => response.end(process.env.HOST));
      };
    })()`);
      const release = await releaseOf(root, app, { routes: [route('/page'), route('/report')] });
      const { client, agent } = await startAgent(root);
      const config = { nodes: 5, reconfigure: '1s', measure: true, waitMultiplier: 1.5, grouping };
      const spec = await specOf(root, release, { config });
      await client.putSpec(spec, soon());
      await client.waitUntil(({ state }) => state === 'converged', soon());
      const hosts = { page: new Set<string>(), report: new Set<string>() };
      const failures: string[] = [];
      const ask = async (path: 'page' | 'report'): Promise<void> => {
        const answer = await fetch(`${urlOf(spec)}/${path}`);
        if (answer.status === 200) hosts[path].add(await answer.text());
        else failures.push(`${path} ${answer.status}`);
      };
      const under = new AbortController();
      const pages = every(100, under.signal, () => ask('page'));
      // As many at once as there are nodes: every node has a long one before it.
      const reports = every(4000, under.signal, () => Promise.all([1, 2, 3, 4, 5].map(() => ask('report'))));
      const nodesOf = async (kind: 'page' | 'report', most: number): Promise<void> => {
        await until(async () => {
          hosts[kind].clear();
          await systemClock.sleep(4500);
          return hosts[kind].size > 0 && hosts[kind].size <= most;
        });
      };
      try {
        if (grouping === 'auto') await until(() => hosts.report.size === 5);
        await until(() => agent.explanation()?.groups.each.length === 2);
        expect(agent.explanation()!.groups.each).toMatchObject([
          { endpoints: ['GET /page'] },
          { endpoints: ['GET /report'] },
        ]);
        await nodesOf('report', 3);
        const long = new Set(hosts.report);
        const { groups } = agent.explanation()!;
        expect(groups.each).toHaveLength(2);
        expect(groups.why).not.toBe('');

        const off = await specOf(root, release, { before: spec, config: { ...config, grouping: 'off' } });
        await client.putSpec(off, soon());
        await until(() => hosts.report.size === 5);
        expect(long.size).toBeLessThan(hosts.report.size);
      } finally {
        under.abort();
        await Promise.all([pages, reports]);
      }
      expect(failures).toEqual([]);
    },
    90_000,
  );
});

/** Begins `work` at fixed moments, whether the last has ended or not; resolves when all have. */
async function every(ms: number, signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
  const begun: Promise<unknown>[] = [];
  while (!signal.aborted) {
    begun.push(work());
    await systemClock.sleep(ms, signal).catch(() => undefined); // Rejects only by the signal.
  }
  await Promise.all(begun);
}

describe('the sizing loop', () => {
  it('learns what an announced cron costs, and has nodes ready when it begins the next time', async () => {
    const root = await temporaryFolder();
    const config = clusterConfigSchema.parse({ nodes: 2, maxNodes: 20 });
    const [minute, hour] = [60_000, 3_600_000];
    let now = Date.UTC(2026, 0, 5, 0, 30);
    let [tick, asleep]: (() => void)[] = [() => undefined, () => undefined];
    /** Two nodes' work, and six more in the first three minutes of each hour. */
    const workAt = (at: number): number => 2 + (at % hour < 3 * minute ? 6 : 0);
    let serving = 2;
    const loop = await SizingLoop.open({
      cluster: 'blue',
      dir: root,
      clock: {
        ...systemClock,
        now: () => now,
        sleep: () => new Promise((then) => ((tick = then), asleep!())),
      },
      log,
      sight: () => ({
        config,
        serving,
        starting: 0,
        watchedMs: minute,
        observe: (memory) => ({
          memory,
          observation: {
            at: now,
            work: Array.from({ length: 60 }, (_, i) => workAt(now - minute + i * 1000)),
            waiting: 0,
            short: 0,
            endpoints: [],
          },
        }),
        crons: [{ name: 'hourly', schedule: '0 * * * *', timezone: 'UTC' }],
        isSticky: false,
      }),
      nextTick: () => undefined,
      money: () => Promise.resolve({ price: 0, ceiling: undefined, faults: [], hold: false }),
      onChange: () => (serving = loop.wanted(config).count),
    });
    loop.noteReady(20_000);
    loop.follow(config);
    const sizeAt = new Map<number, number>();
    for (; now < Date.UTC(2026, 0, 5, 4, 30); now += minute) {
      const decided = new Promise<void>((then) => (asleep = then));
      tick!();
      await decided;
      sizeAt.set(now, loop.wanted(config).count);
    }
    const at = (h: number, m: number): number => sizeAt.get(Date.UTC(2026, 0, 5, h, m))!;
    // The first run nobody knew of; by the fourth there are nodes a minute before, and they go when it is over.
    expect(at(0, 59)).toBeLessThan(8);
    expect(at(3, 59)).toBeGreaterThanOrEqual(8);
    expect(at(4, 2)).toBeGreaterThanOrEqual(8);
    expect(at(3, 50)).toBeLessThan(8);
    expect(at(4, 10)).toBeLessThan(8);
    const closing = loop.close();
    tick!();
    await closing;
  });

  it('goes on after what the system refuses, and ends with a bug instead of hiding it', async () => {
    const root = await temporaryFolder();
    const asked: string[] = [];
    let answer = (): Promise<Money> =>
      Promise.reject(Object.assign(new Error('no room'), { code: 'ENOSPC' }));
    const config = clusterConfigSchema.parse({ reconfigure: '1s' });
    const loop = await SizingLoop.open({
      cluster: 'blue',
      dir: root,
      clock: { ...systemClock, sleep: () => systemClock.sleep(5) },
      log,
      sight: () => ({ config }) as Sight,
      nextTick: () => undefined,
      money: () => {
        asked.push('money');
        return answer();
      },
      onChange: () => undefined,
    });
    loop.follow(config);
    await until(() => asked.length > 2);
    const bug = new Promise<unknown>((found) => {
      answer = () => {
        // Whoever waits for the loop hears of it.
        found(
          loop.close().then(
            () => 'hidden',
            (error: unknown) => error,
          ),
        );
        return Promise.reject(new TypeError('a bug'));
      };
    });
    expect(await bug).toBeInstanceOf(TypeError);
  });
});
