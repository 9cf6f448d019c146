/** The client library of apps: `import { task, run, defineCron } from 'dharma/tasks'`. See README.md beside it. */
import {
  Tasks,
  type CronOptions,
  type RunOptions,
  type SentTask,
  type TaskHandler,
  type TaskOptions,
} from './runner.js';
import { settingsFrom } from './settings.js';

export { DharmaError } from '../common/errors.js';
export { runInCopy } from './copy.js';
export { readCron, type StandingCron } from './cron.js';
export { CLUSTERS_KEY, CRONS_KEY, NAMES_KEY } from './cron-key.js';
export { PREFIX } from './settings.js';
export { taskEndpoint } from './names.js';
export {
  Tasks,
  type CronOptions,
  type RunOptions,
  type SentTask,
  type TaskContext,
  type TaskHandler,
  type TaskOptions,
} from './runner.js';
export { checkSchedule, nextRun, runsBetween, type Schedule } from './schedule.js';
export type { TaskSettings } from './settings.js';
export { readTimings, timingsKey, timingSince, type TaskTiming } from './timings.js';

let shared: Tasks | undefined;

function tasks(): Tasks {
  if (shared !== undefined) return shared;
  const settings = settingsFrom(process.env);
  shared = new Tasks(settings, warnOnce());
  if (settings.role === 'worker') process.once('SIGTERM', stopProcess);
  return shared;
}

/** Says what happens when somebody runs the task `name`. Errors: see `Tasks.task`. */
export function task<Payload = unknown, Result = unknown>(
  name: string,
  handler: TaskHandler<Payload, Result>,
  options?: TaskOptions,
): void {
  tasks().task(name, handler, options);
}

/** Sends a task. Errors: see `Tasks.run`. */
export function run(name: string, payload?: unknown, options?: RunOptions): Promise<SentTask> {
  return tasks().run(name, payload, options);
}

/** Says what is to happen whenever `schedule` comes due, once in the whole federation. Errors: see `Tasks.defineCron`. */
export function defineCron(
  name: string,
  schedule: string,
  handler: TaskHandler<null>,
  options?: CronOptions,
): void {
  tasks().defineCron(name, schedule, handler, options);
}

/** Waits for tasks under way and leaves Redis. A process of the role `worker` does so by itself at SIGTERM. */
export async function closeTasks(): Promise<void> {
  await shared?.close();
}

/** A worker ends when its tasks have; where the app listens for SIGTERM too, the app says when. */
function stopProcess(): void {
  const alone = process.listenerCount('SIGTERM') === 0;
  closeTasks()
    .catch((error: unknown) => process.emitWarning(error instanceof Error ? error : String(error)))
    .finally(() => {
      if (alone) process.exit();
    });
}

/** The same trouble is said once, until another comes: a Redis that is away is told of many times a second. */
function warnOnce(): (error: Error) => void {
  let last = '';
  return (error) => {
    if (error.message !== last) process.emitWarning(error.message, 'TasksWarning');
    last = error.message;
  };
}
