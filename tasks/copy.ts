import { Queue } from 'bullmq';
import { KEEP } from './cron.js';
import { taskError } from './errors.js';
import { checkName } from './names.js';
import { COPY, PREFIX } from './settings.js';

/** How often it is looked whether it has ended, ms. */
const POLL_MS = 20;
/** A copy that runs takes a task within moments; one that has not by then does not define it. */
const TAKEN_MS = 30_000;

/**
 * Has the copy whose Redis this is do the task `name` once, with null as a cron's handler is called, and waits for its end,
 * however long that takes. Errors: TASK_NAME_INVALID, TASK_NOT_TAKEN after `takenWithinMs`, TASK_FAILED; the signal's reason.
 */
export async function runInCopy(
  redis: string,
  name: string,
  signal: AbortSignal,
  takenWithinMs = TAKEN_MS,
): Promise<void> {
  const connection = { url: redis, maxRetriesPerRequest: null };
  const queue = new Queue<string, null>(checkName(name), { connection, prefix: PREFIX });
  let trouble: Error | undefined;
  queue.on('error', (error) => (trouble = error));
  try {
    const job = await queue.add(COPY, 'null', { ...KEEP });
    const begunBy = performance.now() + takenWithinMs;
    for (;;) {
      signal.throwIfAborted();
      const state = await job.getState();
      if (state === 'completed') return;
      if (state === 'failed')
        throw failed(name, (await queue.getJob(job.id!))?.failedReason ?? trouble?.message);
      if (state === 'waiting' && performance.now() > begunBy) {
        await job.remove();
        throw notTaken(name);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    await queue.close();
  }
}

function failed(name: string, reason: string | undefined): Error {
  return taskError('TASK_FAILED', `the task ${name} failed`, reason, 'Mend what it says.');
}

function notTaken(name: string): Error {
  return taskError(
    'TASK_NOT_TAKEN',
    `no copy of the app takes the task ${name}`,
    undefined,
    'Name one that the app defines by defineCron or task, in the process that answers requests.',
  );
}
