import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createLogger,
  type ClusterSpec,
  type ClusterStatus,
  type Release,
  type ReleaseStore,
} from '../../../common/index.js';
import type { AgentPort } from '../../../federator/clusters/agent-port.js';
import type { SupervisorClient } from '../../../federator/daemon/client.js';
import type { EdgeCounts } from '../../../federator/daemon/edge-counts.js';
import type { EdgeConfig, SupervisorState } from '../../../federator/daemon/protocol.js';
import { Home } from '../../../federator/home/home.js';
import { manifestSchema } from '../../../common/index.js';

export const silent = createLogger('test', 'silent');

export function release(id: string, overrides: Partial<Release> = {}): Release {
  return {
    id,
    app: 'app',
    dir: `/nowhere/${id}`,
    manifest: manifestSchema.parse({ name: 'app', routes: [{ pattern: '/orders/:id', methods: ['GET'] }] }),
    packages: {},
    createdAt: 0,
    ...overrides,
  };
}

/** Releases in memory: the app's folder is the release's id, and an update appends its packages. */
export class FakeReleases implements ReleaseStore {
  readonly all = new Map<string, Release>();

  async create(appDir: string): Promise<Release> {
    return this.#add(release(appDir.slice(1)));
  }
  async update(base: Release, change: { packages?: readonly string[] }): Promise<Release> {
    return this.#add(
      release(`${base.id}+${(change.packages ?? []).join('+')}`, { base: { id: base.id, change: {} } }),
    );
  }
  async get(id: string): Promise<Release | undefined> {
    return this.all.get(id);
  }
  async list(): Promise<Release[]> {
    return [...this.all.values()];
  }
  async remove(id: string): Promise<void> {
    this.all.delete(id);
  }

  #add(made: Release): Release {
    this.all.set(made.id, made);
    return made;
  }
}

/** A machine in memory: its supervisor, and agents that do at once what they are told, unless a release is `broken`. */
export class FakeMachine {
  readonly running = new Set<string>();
  readonly workers = new Set<string>();
  readonly specs = new Map<string, ClusterSpec>();
  readonly broken = new Set<string>();
  edge: EdgeConfig | undefined;
  /** What served whenever the edge's stored assets were forgotten. */
  readonly assetsForgotten: string[][] = [];
  /** What clients saw of clusters. */
  counts: EdgeCounts = { since: 1, clusters: {} };
  /** Called when a shadow worker is started: stands for the worker. */
  onWorker: (upgrade: string) => void = () => undefined;

  readonly supervisor = {
    state: async () => this.#state(),
    runAgent: async (name: string) => void this.running.add(name),
    stopAgent: async (name: string) => {
      this.running.delete(name);
      this.specs.delete(name);
    },
    runWorker: async (upgrade: string) => {
      this.workers.add(upgrade);
      this.onWorker(upgrade);
    },
    stopWorker: async (upgrade: string) => void this.workers.delete(upgrade),
    edgeCounts: async () => this.counts,
    forgetAppAssets: async () =>
      void this.assetsForgotten.push([...this.specs.values()].map((spec) => spec.active.id)),
    configureEdge: async (config: EdgeConfig) => void (this.edge = config),
    // The rest of the client is not asked for.
  } as unknown as SupervisorClient;

  agent(name: string): AgentPort {
    return {
      putSpec: async (spec) => void this.specs.set(name, spec),
      status: async () => {
        if (!this.running.has(name)) throw new Error('the agent does not run');
        return this.#status(name);
      },
      explanation: async () => {
        throw new Error('no size is decided here');
      },
      replaceProxy: async () => ({ pid: 1, version: '0.0.0' }),
    };
  }

  #status(name: string): ClusterStatus {
    const spec = this.specs.get(name);
    const wanted = spec === undefined ? [] : [spec.active, ...spec.warm].map(({ id }) => id);
    const sizes = [spec?.config, ...Object.values(spec?.warmConfigs ?? {})].map((config) => config?.nodeSize);
    const failed = [...wanted, ...sizes].find((what) => what !== undefined && this.broken.has(what));
    return {
      name,
      generation: spec?.generation ?? 0,
      state: failed === undefined ? 'converged' : 'failed',
      ...(failed === undefined
        ? {}
        : { error: { code: 'ROUTE_TEST_FAILED', message: `${failed} fails its tests`, remedy: 'Mend it.' } }),
      activeRelease: spec?.active.id ?? '',
      readyReleases: wanted.filter((id) => !this.broken.has(id)),
      nodes: [],
      proxy: {
        pid: 1,
        address: '127.0.0.1',
        port: spec?.listen.port ?? 0,
        restarts: 0,
        measure: false,
        waiting: 0,
        queued: 0,
        refused: 0,
        glitches: 0,
        nodesOut: [],
      },
      endpoints: [],
    };
  }

  #state(): SupervisorState {
    const child = (name: string): { name: string; restarts: number } => ({ name, restarts: 0 });
    return {
      pid: 1,
      startedAt: 0,
      phase: 'up',
      edge: { address: '127.0.0.1', port: 1, restarts: 0 },
      federator: child('federator'),
      stores: [],
      agents: [...this.running].map(child),
      workers: [...this.workers].map(child),
    };
  }
}

/** A home of its own; removed by `remove()`. */
export async function temporaryHome(): Promise<{ home: Home; remove: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'dharma-h-'));
  const home = new Home(dir);
  await home.prepare();
  return { home, remove: () => rm(dir, { recursive: true, force: true }) };
}
