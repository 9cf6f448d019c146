import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  sizingBounds,
  workersConfig,
  type Clock,
  type ClusterConfig,
  type Logger,
  type SizingExplanation,
  type SizingStatus,
} from '../../common/index.js';
import { SizingLoop, type Money, type SizingLoopOptions } from '../sizing/loop.js';
import type { WorkersWanted } from './workers.js';

export interface SizingPairOptions {
  readonly cluster: string;
  /** The cluster's folder. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly money: (config: ClusterConfig, signal: AbortSignal) => Promise<Money>;
  /** Another number of nodes or workers is wanted. */
  readonly onChange: () => void;
  readonly nodes: Seen;
  readonly workers: Seen & {
    /** The app has tasks: there is something to be told of its workers. */
    readonly any: () => boolean;
  };
}

/** What one of the loops sees of the cluster. */
type Seen = Pick<SizingLoopOptions, 'sight' | 'nextTick'>;

/** How many nodes and how many workers a cluster has: one loop for each, of the same kind. The owner must `close()` it. */
export class SizingPair {
  readonly nodes: SizingLoop;
  readonly workers: SizingLoop;
  readonly #hasWorkers: () => boolean;

  private constructor(nodes: SizingLoop, workers: SizingLoop, hasWorkers: () => boolean) {
    this.nodes = nodes;
    this.workers = workers;
    this.#hasWorkers = hasWorkers;
  }

  static async open(options: SizingPairOptions): Promise<SizingPair> {
    const { cluster, dir, clock, log, money, onChange } = options;
    const common = { cluster, clock, log, money, onChange };
    const workersDir = join(dir, 'workers');
    await mkdir(workersDir, { recursive: true, mode: 0o700 });
    const nodes = await SizingLoop.open({ ...common, dir, ...options.nodes });
    const { any, ...workers } = options.workers;
    return new SizingPair(nodes, await SizingLoop.open({ ...common, dir: workersDir, ...workers }), any);
  }

  follow(config: ClusterConfig): void {
    this.nodes.follow(config);
    this.workers.follow(workersConfig(config));
  }

  /** The nodes', with what keeps workers from being sized. */
  status(config: ClusterConfig): SizingStatus {
    const status = this.nodes.status(config);
    const { problems } = this.workers.status(workersConfig(config));
    const others = problems.filter(({ code }) => !status.problems.some((one) => one.code === code));
    return { ...status, problems: [...status.problems, ...others] };
  }

  /** Why there are so many; undefined before it was decided once. */
  explanation(config: ClusterConfig): SizingExplanation | undefined {
    return this.#together(this.nodes.explanation(config), this.workers.explanation(workersConfig(config)));
  }

  /** What would be decided now, touching nothing; undefined while nothing serves. */
  async preview(signal: AbortSignal): Promise<SizingExplanation | undefined> {
    return this.#together(await this.nodes.preview(signal), await this.workers.preview(signal));
  }

  wantedWorkers(cluster: ClusterConfig): WorkersWanted {
    const config = workersConfig(cluster);
    const { count, spares } = this.workers.wanted(config);
    return {
      // A spare worker need not wait: it takes tasks until one is lost, and is one of those there may be.
      count: Math.min(count + spares, sizingBounds(config)?.most ?? count),
      settleFor: (have, error) => this.workers.settleFor(have, config, error),
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.nodes.close(), this.workers.close()]);
  }

  #together(
    nodes: SizingExplanation | undefined,
    workers: SizingExplanation | undefined,
  ): SizingExplanation | undefined {
    return nodes === undefined || workers === undefined || !this.#hasWorkers()
      ? nodes
      : { ...nodes, workers };
  }
}
