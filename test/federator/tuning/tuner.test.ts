import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterConfigSchema, DharmaError, type ClusterStatus } from '../../../common/index.js';
import { addCounts, type EdgeCounts } from '../../../federator/daemon/edge-counts.js';
import { settingsSchema } from '../../../federator/home/settings.js';
import { ClusterStore } from '../../../federator/state/cluster-store.js';
import type { Database } from '../../../federator/state/database.js';
import { Fence } from '../../../federator/state/fence.js';
import { TuningStore } from '../../../federator/state/tuning-store.js';
import { pin, turnOff, turnOn, undo } from '../../../federator/tuning/orders.js';
import { isDue } from '../../../federator/tuning/state.js';
import { Tuner, type TunerOptions } from '../../../federator/tuning/tuner.js';
import { tuningView } from '../../../federator/tuning/view.js';
import { release, silent } from '../support/federation.js';
import { startTestStores, type TestStores } from '../support/stores.js';

let stores: TestStores;
beforeAll(async () => {
  stores = await startTestStores();
});
afterAll(() => stores.close());

const SETTINGS = settingsSchema.parse({
  id: 'f0123456789abcdef',
  tuning: { reconfigure: false, shortShare: false, grouping: false, waitMultiplier: [1.1, 16] },
}).tuning;
const LEDGER = { ceiling: null, monthly: null, spent: { usd: 0, at: 0 }, claims: {}, entries: [] };

const killed = (): DharmaError => new DharmaError({ code: 'LEASE_LOST', message: 'killed', remedy: 'none' });

/** Time that passes as fast as it is asked for. */
class FastClock {
  #now = 1_000_000;
  /** Called whenever time has passed. */
  onPassed: (ms: number) => void = () => undefined;
  readonly now = (): number => this.#now;
  readonly monotonic = (): number => this.#now;
  readonly sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    this.#now += ms;
    this.onPassed(ms);
  };
}

/** Two clusters, of which a lower waitMultiplier is better in every way, in a real database. */
class World {
  readonly clock = new FastClock();
  readonly clusters: ClusterStore;
  readonly store: TuningStore;
  counts: EdgeCounts = { since: 1, clusters: {} };
  busy = false;
  /** A mistake in the program. */
  isBroken = false;
  looks = 0;
  /** Writes until the process dies; undefined: it lives. */
  writesLeft: number | undefined;
  #configs = new Map<string, number>();
  #nudged = true;

  private constructor(database: Database) {
    const fence = new Fence({ epoch: 1 });
    this.clusters = new ClusterStore(database, fence);
    this.store = new TuningStore(database, fence);
    this.clock.onPassed = (ms) => this.#serve(ms);
  }

  static async of(database: Database): Promise<World> {
    const world = new World(database);
    await database.federation.insertOne({ _id: 'federation', live: 'r1', capture: false, epoch: 1 });
    for (const [name, waitMultiplier] of [
      ['blue', 8],
      ['green', 2],
    ] as const) {
      const config = clusterConfigSchema.parse({ minNodes: 1, waitMultiplier, reconfigure: '5s' });
      await world.clusters.insert({
        name,
        config,
        active: 'r1',
        listen: { address: '127.0.0.1', port: 1 },
        recordOutbound: false,
      });
      await world.clusters.setState(name, 'live');
    }
    return world;
  }

  /** A federator's life. */
  tuner(): Tuner {
    const dies =
      <A extends unknown[], R>(write: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        if (this.writesLeft === 0) throw killed();
        if (this.writesLeft !== undefined) this.writesLeft -= 1;
        return write(...args);
      };
    const { clusters, store } = this;
    this.#nudged = true;
    const options: TunerOptions = {
      store: { read: () => this.#read(), write: dies((...args) => store.write(...args)) } as TuningStore,
      clusters: {
        list: () => clusters.list(),
        federation: () => clusters.federation(),
        configureFrom: dies((...args: Parameters<ClusterStore['configureFrom']>) =>
          clusters.configureFrom(...args),
        ),
        setWeight: dies((...args: Parameters<ClusterStore['setWeight']>) => clusters.setWeight(...args)),
      } as ClusterStore,
      settings: async () => SETTINGS,
      status: (name) => this.#status(name),
      release: async () => release('r1'),
      counts: async () => {
        await this.#learnConfigs();
        return this.counts;
      },
      ledger: async () => LEDGER,
      upgrade: async () => undefined,
      operations: async () => (this.busy ? [{ kind: 'configure', subject: 'blue' } as never] : []),
      onChange: () => (this.#nudged = true),
      log: silent,
      clock: this.clock,
    };
    return new Tuner(options);
  }

  async until(what: (kinds: readonly string[]) => boolean | Promise<boolean>): Promise<void> {
    const giveUp = AbortSignal.timeout(30_000);
    while (!(await what((await this.store.read()).steps.map(({ kind }) => kind)))) {
      giveUp.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  async configs(): Promise<number[]> {
    return (await this.clusters.list()).map(({ config }) => config.waitMultiplier);
  }

  #read(): ReturnType<TuningStore['read']> {
    if (this.isBroken) throw new TypeError('undefined is not a function');
    this.looks += 1;
    return this.store.read();
  }

  #status(name: string): ClusterStatus {
    return {
      name,
      generation: Number.MAX_SAFE_INTEGER,
      state: 'converged',
      nodes: [{}],
      proxy: { port: 1 },
    } as unknown as ClusterStatus;
  }

  async #learnConfigs(): Promise<void> {
    if (!this.#nudged) return;
    this.#nudged = false;
    for (const { _id: name, config } of await this.clusters.list())
      this.#configs.set(name, config.waitMultiplier);
  }

  #serve(ms: number): void {
    const entries = [...this.#configs].map(([node, waitMultiplier]) => ({
      ...{ node, endpoint: 'GET /', errors: 0, clientAborts: 0, open: 0, averageNs: 0n, histogram: [] },
      count: 10,
      sumNs: BigInt(Math.round(1e6 * 10 * waitMultiplier * (1 + Math.random() / 10) * (ms / 1000))),
    }));
    this.counts = addCounts(this.counts, { entries });
  }
}

describe('the tuner', () => {
  it('has the better of two configs taken by both clusters, tells why, and undoes it', async () => {
    const world = await World.of(await stores.database());
    const tuner = world.tuner();
    await tuner.order(turnOn);
    await world.until((kinds) => kinds.includes('taken'));
    const view = tuningView(await tuner.look());
    expect(view.steps.find(({ kind }) => kind === 'taken')).toMatchObject({ what: 'waitMultiplier 8 → 2' });
    expect(view.undoable).toBe(true);
    await tuner.order((state, now, clusters) => undo(state, now, clusters));
    await world.until(async () => (await world.configs()).includes(8));
    await tuner.order((state, now, clusters) => turnOff(state, now, clusters, true));
    await world.until(async () => (await world.configs()).join() === '8,2');
    await tuner.close();
  });

  it('leaves everything as it is while an operation is under way, and a pinned cluster always', async () => {
    const world = await World.of(await stores.database());
    world.busy = true;
    const tuner = world.tuner();
    await tuner.order(turnOn);
    await world.until(
      async () => (await world.store.read()).state.hold?.includes('configure of blue') === true,
    );
    expect(await world.configs()).toEqual([8, 2]);
    await tuner.order((state, now, clusters) => pin(state, now, clusters, 'green'));
    world.busy = false;
    await world.until(async () => (await world.store.read()).state.hold?.includes('green: pinned') === true);
    expect(await world.configs()).toEqual([8, 2]);
    await tuner.close();
  });

  it('looks rarely while it is off, and at once when it is turned on', async () => {
    const world = await World.of(await stores.database());
    const tuner = world.tuner();
    await world.until(() => world.looks >= 3);
    expect(world.clock.now() - 1_000_000).toBeGreaterThanOrEqual(2 * 60_000);
    const sleeps: number[] = [];
    world.clock.onPassed = (ms) => sleeps.push(ms);
    await tuner.order(turnOn);
    await world.until(async () => sleeps.includes(1000));
    await tuner.close();
  });

  it('ends by a bug, and does not try again', async () => {
    const world = await World.of(await stores.database());
    const tuner = world.tuner();
    await world.until(() => world.looks > 0);
    const ended = expect(tuner.ended).rejects.toThrow(TypeError);
    world.isBroken = true;
    await ended;
  });

  it('killed after any of its writes, is gone on with by the next one: each config is one that was decided', async () => {
    for (let writes = 0; writes < 8; writes += 1) {
      const world = await World.of(await stores.database());
      const first = world.tuner();
      await first.order(turnOn);
      world.writesLeft = writes;
      await world.until(() => first.problem?.includes('killed') === true);
      await first.close();
      const { state } = await world.store.read();
      for (const cluster of await world.clusters.list()) {
        const point = { waitMultiplier: cluster.config.waitMultiplier };
        const wanted = state.assigned[cluster._id];
        // It has what it is to have, or will be given it.
        if (wanted !== undefined && wanted.waitMultiplier !== point.waitMultiplier)
          expect(isDue(state, { name: cluster._id, point })).toBe(true);
      }
      world.writesLeft = undefined;
      const second = world.tuner();
      await world.until(async () => ((await world.store.read()).state.trial?.compared ?? 0) >= 2);
      await second.close();
      const { steps, state: after } = await world.store.read();
      expect(steps.filter(({ kind }) => kind === 'began')).toHaveLength(1);
      expect(steps.map(({ id }) => id)).toEqual(steps.map((_, i) => i + 1));
      expect(after.trial?.better.wins).toBe(after.trial?.compared);
    }
  });
});
