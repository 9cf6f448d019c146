import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { AgentClient } from '../../cluster-agent/index.js';
import { removeTree } from '../../common/index.js';
import {
  baseEnv,
  Child,
  distPath,
  systemClock,
  type ClusterSpec,
  type ClusterStatus,
} from '../../common/index.js';
import { openSpendDesk } from '../../federator/spend/desk.js';
import { applySpend, committed, SPEND_TIMES } from '../../federator/spend/ledger.js';
import { SpendStore } from '../../federator/state/spend-store.js';
import { log, soon, specOf } from '../cluster-agent/support/agents.js';
import { httpApp, releaseOf } from '../cluster-agent/support/apps.js';
import { startTestStores, type TestStores } from './support/stores.js';

let stores: TestStores;
beforeAll(async () => {
  stores = await startTestStores();
});
afterAll(() => stores.close());

/** US dollars an hour: room for five nodes at a dollar, where three clusters want six, and any two leave one to the third. */
const CEILING = 5;
const CLUSTERS = ['red', 'green', 'blue'];
/** Rounds of killing; DHARMA_ALL_KILLS=1 makes many of a few. */
const ROUNDS = process.env.DHARMA_ALL_KILLS === '1' ? 40 : 2;

interface Cluster {
  readonly dir: string;
  readonly client: AgentClient;
  readonly spec: ClusterSpec;
  process: Child;
}

it(
  'agents that are killed at random never take more than the ceiling, and leave nothing reserved',
  async () => {
    const root = await mkdtemp(join(tmpdir(), 'dha-'));
    onTestFinished(() => removeTree(root));
    const store = new SpendStore(await stores.database());
    await store.apply({ kind: 'ceiling', hourly: CEILING }, soon());
    const socket = join(root, 'spend.sock');
    const desk = await openSpendDesk(socket, store, log);
    onTestFinished(() => desk.close());
    const release = await releaseOf(root, httpApp(`(q, r) => r.end('here')`));
    const start = async (name: string, dir: string): Promise<Child> => {
      const args = [distPath('cluster-agent/main.js'), '--dir', dir, '--name', name, '--spend', socket];
      const child = await Child.start({
        name,
        command: process.execPath,
        args,
        env: { ...baseEnv(), DHARMA_LOG: 'info' },
        logFile: join(root, `${name}.log`),
      });
      return child;
    };
    const clusters = new Map<string, Cluster>();
    for (const name of CLUSTERS) {
      const dir = join(root, name);
      const config = { nodes: 2, minNodes: 1, maxNodes: 2, prices: { small: 1 }, reconfigure: '1s' } as const;
      const spec = { ...(await specOf(root, release, { config })), name };
      const client = new AgentClient({ dir, log });
      clusters.set(name, { dir, client, spec, process: await start(name, dir) });
      onTestFinished(async () => {
        await clusters.get(name)!.process.stop();
        await client.close();
      });
    }
    const hasSpec = (status: ClusterStatus): boolean => status.generation > 0;
    for (const { client, spec } of clusters.values()) {
      await client.waitUntil(() => true, soon());
      await client.putSpec(spec, soon());
    }

    let [most, looks] = [0, 0];
    const watching = new AbortController();
    onTestFinished(() => watching.abort());
    const watch = (async () => {
      while (!watching.signal.aborted) {
        most = Math.max(most, committed((await store.read()).ledger));
        looks += 1;
        await systemClock.sleep(20);
      }
    })();
    const ready = ({ nodes }: ClusterStatus): number => nodes.filter(({ state }) => state === 'ready').length;
    for (let round = 0; round < ROUNDS; round += 1) {
      const name = CLUSTERS[Math.floor(Math.random() * CLUSTERS.length)]!;
      const cluster = clusters.get(name)!;
      await systemClock.sleep(Math.random() * 1500);
      process.kill(cluster.process.pid, 'SIGKILL');
      await cluster.process.exited;
      cluster.process = await start(name, cluster.dir);
      await cluster.client.waitUntil(hasSpec, soon());
    }
    // Every cluster comes back to a node at least: what the dead have left keeps nobody from the room there is.
    let nodes = 0;
    for (const { client } of clusters.values())
      nodes += ready(
        await client.waitUntil((status) => status.state === 'converged' && ready(status) > 0, soon()),
      );
    expect(nodes).toBeLessThanOrEqual(CEILING);
    for (const { process: running } of clusters.values()) await running.stop(30_000);
    watching.abort();
    await watch;
    expect(looks).toBeGreaterThan(10);
    expect(most).toBeGreaterThan(2);
    expect(most).toBeLessThanOrEqual(CEILING);
    // What was just reserved when its agent was stopped lapses by the clock.
    const late = Date.now() + SPEND_TIMES.reserveMs;
    const { ledger } = applySpend((await store.read()).ledger, { kind: 'forget', cluster: 'none' }, late);
    expect(ledger.entries).toEqual([]);
  },
  120_000 + ROUNDS * 10_000,
);
