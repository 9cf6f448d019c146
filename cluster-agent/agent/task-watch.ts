import type { Clock, ClusterSpec, Logger, Release } from '../../common/index.js';
import type { TaskTelemetry } from '../telemetry/tasks.js';

/** Reads how an app's tasks do, where it has workers, from the Redis that the spec names. The owner must `close()` it. */
export class TaskWatch {
  readonly #options: { readonly cluster: string; readonly clock: Clock; readonly log: Logger };
  #tasks: TaskTelemetry | undefined;
  /** What they were opened for. */
  #of: string | undefined;

  constructor(options: { readonly cluster: string; readonly clock: Clock; readonly log: Logger }) {
    this.#options = options;
  }

  /** Undefined while nothing is watched. */
  get telemetry(): TaskTelemetry | undefined {
    return this.#tasks;
  }

  /** Undefined where there are no workers. */
  tasks(): ReturnType<TaskTelemetry['tasks']> | undefined {
    return this.#tasks?.tasks();
  }

  async follow(spec: ClusterSpec, serving: Release | undefined): Promise<void> {
    const { redis } = spec.stores;
    const { reconfigure: windowMs } = spec.config;
    const of =
      serving?.manifest.worker === undefined ? undefined : `${redis} ${windowMs} ${serving.manifest.name}`;
    if (of === this.#of) return;
    this.#of = of;
    await this.#tasks?.close();
    this.#tasks = of === undefined ? undefined : await this.#open(redis, serving!.manifest.name, windowMs);
  }

  /** Most apps have no workers: their agents do without the libraries of tasks. */
  async #open(redis: string, app: string, windowMs: number): Promise<TaskTelemetry> {
    const { TaskTelemetry } = await import('../telemetry/tasks.js');
    const { cluster, clock, log } = this.#options;
    return new TaskTelemetry(redis, { cluster, app }, { windowMs, clock, log });
  }

  async close(): Promise<void> {
    await this.#tasks?.close();
  }
}
