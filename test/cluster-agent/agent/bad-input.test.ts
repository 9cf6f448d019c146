import { describe, expect, it } from 'vitest';
import { LocalProvider } from '../../../cluster-agent/provider/local.js';
import type { Host } from '../../../cluster-agent/provider/provider.js';
import { SizingPair } from '../../../cluster-agent/agent/sizing-pair.js';
import { SizingLoop } from '../../../cluster-agent/sizing/loop.js';
import { clusterConfigSchema, systemClock, type ClusterStatus } from '../../../common/index.js';
import { log, soon, specOf, startAgent, urlOf } from '../support/agents.js';
import { httpApp, releaseOf } from '../support/apps.js';
import { temporaryFolder } from '../support/folders.js';
import { answered, startLoad } from '../support/load.js';

const GOOD = httpApp(`(q, r) => r.end('good')`);

/** This machine, which lists what it is told to. */
class Forgetful extends LocalProvider {
  forgets = false;
  lists = 0;

  override async list(cluster: string): Promise<readonly Host[]> {
    this.lists += 1;
    return this.forgets ? [] : super.list(cluster);
  }
}

const pidsOf = ({ nodes }: ClusterStatus): unknown[] => nodes.map(({ pid, state }) => [pid, state]);
const says =
  (code: string) =>
  ({ sizing }: ClusterStatus): boolean =>
    sizing?.problems.some((problem) => problem.code === code) === true;

describe('a cluster whose provider forgets its hosts', () => {
  it('serves on with the nodes it has, and says so until the listing is whole again', async () => {
    const root = await temporaryFolder();
    const provider = new Forgetful();
    const { client } = await startAgent(root, 'blue', { provider });
    const release = await releaseOf(root, GOOD);
    const spec = await specOf(root, release, {
      config: { nodes: 2, maxNodes: 2, standby: 0, reconfigure: '1s' },
    });
    await client.putSpec(spec, soon());
    const before = await client.waitUntil(
      (status) => status.state === 'converged' && status.nodes.length === 2,
      soon(),
    );
    const load = startLoad(urlOf(spec), '/', 2);
    await answered(load, 20);
    provider.forgets = true;
    const seen = provider.lists;
    await client.waitUntil(says('HOST_UNLISTED'), soon());
    while (provider.lists < seen + 4) await systemClock.sleep(50, soon());
    const after = await client.status(soon());
    expect(pidsOf(after)).toEqual(pidsOf(before));
    expect(after.sizing!.problems.find(({ code }) => code === 'HOST_UNLISTED')!.remedy).not.toBe('');
    provider.forgets = false;
    await client.waitUntil((status) => !says('HOST_UNLISTED')(status), soon());
    await answered(load, 20);
    const { failures, answers } = await load.stop();
    expect([failures, [...answers.keys()]]).toEqual([[], ['200 good']]);
  });
});

/** A loop whose ticks are the test's, over a calm load. */
async function sizedLoop(
  root: string,
  crons: readonly { name: string; schedule: string; timezone: string }[],
) {
  const said: string[] = [];
  const telling = { ...log, warn: (what: { fault?: { code: string } }) => said.push(what.fault?.code ?? '') };
  const config = clusterConfigSchema.parse({ nodes: 2, maxNodes: 5 });
  const minute = 60_000;
  let now = Date.UTC(2026, 0, 5);
  let [tick, asleep]: (() => void)[] = [() => undefined, () => undefined];
  const loop = await SizingLoop.open({
    ...{ cluster: 'blue', dir: root, log: telling },
    clock: { ...systemClock, now: () => now, sleep: () => new Promise((then) => ((tick = then), asleep!())) },
    sight: () => ({
      ...{ config, serving: 2, starting: 0, watchedMs: minute, crons, isSticky: false },
      observe: (memory) => ({
        memory,
        observation: { at: now, work: Array(60).fill(1.2), waiting: 0, short: 0, endpoints: [] },
      }),
    }),
    nextTick: () => undefined,
    money: () => Promise.resolve({ price: 0, ceiling: undefined, faults: [], hold: false }),
    onChange: () => undefined,
  });
  loop.noteReady(1000);
  loop.follow(config);
  return {
    ...{ loop, said, config },
    next: async () => {
      now += minute;
      const decided = new Promise<void>((then) => (asleep = then));
      tick!();
      await decided;
    },
    close: async () => {
      const closing = loop.close();
      tick!();
      await closing;
    },
  };
}

describe('crons that can never come due', () => {
  it('are said once, all of them, with a remedy, and the size is decided all the same', async () => {
    const bad = [
      { name: 'never', schedule: '0 0 31 2 *', timezone: 'UTC' },
      { name: 'nowhere', schedule: '0 0 * * *', timezone: 'Moon/Base' },
    ];
    const { loop, said, config, next, close } = await sizedLoop(await temporaryFolder(), bad);
    for (let i = 0; i < 3; i += 1) await next();
    expect(said.filter((code) => code === 'CRON_INVALID')).toHaveLength(1);
    const { problems, decidedAt, wanted } = loop.status(config);
    const [problem] = problems.filter(({ code }) => code === 'CRON_INVALID');
    expect(problem!.message).toContain('never, nowhere');
    expect(problem!.remedy).toContain('defineCron');
    expect(decidedAt).toBeDefined();
    expect(wanted).toBeGreaterThanOrEqual(2);
    await close();
  });
});

describe('spares of workers', () => {
  it('are as many as losses and readiness ask for, and take tasks beside the others, within the most there may be', async () => {
    const unused = { sight: () => undefined, nextTick: () => undefined };
    const pair = await SizingPair.open({
      ...{ cluster: 'blue', dir: await temporaryFolder(), clock: systemClock, log },
      money: () => Promise.resolve({ price: 0, ceiling: undefined, faults: [], hold: false }),
      onChange: () => undefined,
      nodes: unused,
      workers: { ...unused, any: () => true },
    });
    const sized = (more: object = {}) =>
      pair.wantedWorkers(clusterConfigSchema.parse({ workers: 2, maxWorkers: 10, ...more })).count;
    pair.workers.noteReady(2000);
    expect(sized(), 'one that is lost is back in time').toBe(2);
    for (let i = 0; i < 8; i += 1) pair.workers.noteReady(60_000);
    expect(sized(), 'a minute without it is too long').toBe(3);
    for (let i = 0; i < 100_000; i += 1) pair.workers.noteLost();
    expect(sized()).toBeGreaterThan(3);
    expect(sized({ maxWorkers: 3 })).toBe(3);
    expect(sized({ maxWorkers: undefined }), 'a fixed number is what its owner said').toBe(2);
    await pair.close();
  });
});
