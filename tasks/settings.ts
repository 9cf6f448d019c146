import { taskError } from './errors.js';

export interface TaskSettings {
  readonly redis: string;
  readonly role: 'worker' | 'router' | undefined;
  /** Whose tasks and crons these are, where several apps share a Redis. */
  readonly app?: string;
  /** The cluster whose telemetry counts what this process does. */
  readonly cluster: string;
  /** Where a worker shows that it is up; undefined: nowhere. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  /** How long a worker's claim on a task outlives the worker, ms. */
  readonly claimMs: number;
  /**
   * This process is a copy, with a copy of the Redis: it takes only tasks that copies sent, and runs no cron, as the real ones
   * do live's.
   */
  readonly isCopy?: boolean;
}

/** With the look for dead workers every half of it, a task is taken over within 10 s; a loaded machine's pauses are shorter. */
export const CLAIM_MS = 6000;

/** Everything of this library in Redis stands under it. */
export const PREFIX = 'dharma-tasks';

/** Error: TASKS_NO_REDIS. */
export function settingsFrom(env: Readonly<Record<string, string | undefined>>): TaskSettings {
  const redis = env.DHARMA_TASKS_REDIS ?? env.REDIS_URL;
  if (redis === undefined || redis === '')
    throw taskError(
      'TASKS_NO_REDIS',
      'tasks need a Redis, and none is named',
      undefined,
      'Set REDIS_URL, such as redis://127.0.0.1:6379.',
    );
  const role = env.DHARMA_ROLE;
  const port = Number(env.PORT);
  return {
    redis,
    role: role === 'worker' || role === 'router' ? role : undefined,
    app: env.DHARMA_APP ?? '-',
    cluster: env.DHARMA_CLUSTER ?? '-',
    listen: role === 'worker' && port > 0 ? { host: env.HOST ?? '127.0.0.1', port } : undefined,
    isCopy: env.DHARMA_TASKS_COPY === '1',
    claimMs: Number(env.DHARMA_TASKS_CLAIM_MS) > 0 ? Number(env.DHARMA_TASKS_CLAIM_MS) : CLAIM_MS,
  };
}

/** Marks a job that a copy sent; no name of a task. */
export const COPY = ':copy';
