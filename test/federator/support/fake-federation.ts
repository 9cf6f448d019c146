import { randomUUID } from 'node:crypto';
import type { ShadowReport, ShadowStatus } from '../../../common/index.js';
import { FederationClient } from '../../../federator/client/client.js';
import type { Home } from '../../../federator/home/home.js';
import type { Runtime } from '../../../federator/home/runtime.js';
import { FederatorInstance } from '../../../federator/server/instance.js';
import { Database } from '../../../federator/state/database.js';
import { FakeMachine, FakeReleases, silent, temporaryHome } from './federation.js';
import type { TestStores } from './stores.js';

export const TOKEN = 'a token';

/** Real federators with real stores, over fakes of all that they steer. The owner must `close()` it. */
export class FakeFederation {
  readonly machine = new FakeMachine();
  readonly releases = new FakeReleases();
  /** Of one test: only what hangs waits for it. */
  readonly signal = AbortSignal.timeout(120_000);
  readonly #instances: FederatorInstance[] = [];
  readonly #removeHome: () => Promise<void>;

  private constructor(
    readonly home: Home,
    readonly runtime: Runtime,
    readonly database: Database,
    removeHome: () => Promise<void>,
  ) {
    this.#removeHome = removeHome;
  }

  /** With databases of its own in `stores`. */
  static async open(stores: TestStores): Promise<FakeFederation> {
    const { home, remove } = await temporaryHome();
    const name = randomUUID().slice(0, 8);
    const runtime: Runtime = {
      federation: name,
      stores: { mongo: `${stores.mongo}/${name}`, redis: stores.redis },
      app: { mongo: `${stores.mongo}/app`, redis: stores.redis },
      mongoKind: 'embedded',
      edge: { address: '127.0.0.1', port: 1 },
      api: { port: 0 },
      rollbackWindowMs: 60_000,
    };
    return new FakeFederation(home, runtime, await Database.open(runtime.stores.mongo), remove);
  }

  async close(): Promise<void> {
    for (const instance of this.#instances) await instance.close();
    await this.database.close();
    await this.#removeHome();
  }

  async start(name: string, leaseTtlMs = 5000): Promise<FederatorInstance> {
    const instance = await FederatorInstance.start({
      home: this.home,
      runtime: this.runtime,
      name,
      port: 0,
      token: TOKEN,
      supervisor: this.machine.supervisor,
      releases: this.releases,
      agent: (cluster) => this.machine.agent(cluster),
      agentSocket: () => '/nowhere',
      log: silent,
      signal: this.signal,
      leaseTtlMs,
    });
    this.#instances.push(instance);
    return instance;
  }

  /** Closes an instance, by default the one that was started last. */
  async stop(instance = this.#instances.at(-1)!): Promise<void> {
    this.#instances.splice(this.#instances.indexOf(instance), 1);
    await instance.close();
  }

  clientOf(instance: FederatorInstance): FederationClient {
    return new FederationClient(instance.url, TOKEN, this.home);
  }

  /** Follows an operation to its end. */
  async end(client: FederationClient, operation: Promise<string>): Promise<void> {
    await client.follow(await operation, () => undefined, this.signal);
  }

  /** From now on a shadow replays at once and has this verdict, with a difference where it differs. */
  shadowWith(verdict: ShadowReport['verdict'], ...changes: (readonly [old: string, fresh: string])[]): void {
    this.machine.onWorker = (upgrade) => {
      const status = { upgrade, phase: 'replaying', step: 'replaying', verdict } as ShadowStatus;
      const otherwise = { verdict: verdict === 'differs' ? 'identical' : verdict, because: 'it was told to' };
      const difference = {
        ...{ id: 'd1', endpoint: 'GET /orders/:id', where: 'body:$.total', kind: 'changed', count: 1 },
        changes: changes.map(([old, fresh]) => ({
          kind: 'changed',
          old,
          new: fresh,
          count: 1,
          accepted: false,
        })),
      };
      const report = {
        ...{ verdict, because: 'it was told to', otherwise, differing: [], requests: 1 },
        differences: verdict === 'differs' ? [difference] : [],
        coverage: { endpoints: [] },
      } as unknown as ShadowReport;
      void this.database.reports.updateOne(
        { _id: upgrade },
        { $set: { status, report, at: new Date() } },
        { upsert: true },
      );
    };
  }
}
