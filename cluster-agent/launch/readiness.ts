import { request } from 'node:http';
import { systemClock, waitForAccept, type RunningApp } from '../../common/index.js';

type Target = RunningApp['target'];

/**
 * Resolves when the app at `target` is up: it accepts a connection (a jail's socket does so once the app does), and answers
 * its health path, where it declares one, with 2xx. An app without one is asked nothing: it might count it. Rejects with
 * the signal's reason when that aborts first.
 */
export async function waitUntilUp(
  target: Target,
  healthPath: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  await waitForAccept('socket' in target ? { path: target.socket } : target, signal);
  if (healthPath === undefined) return;
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 1.5, 250)) {
    const status = await statusOf(target, healthPath, signal);
    if (status !== undefined && status >= 200 && status < 300) return;
    await systemClock.sleep(pauseMs, signal);
  }
}

/** The status the path is answered with; undefined when there was no answer. */
function statusOf(target: Target, path: string, signal: AbortSignal): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const where = 'socket' in target ? { socketPath: target.socket } : target;
    const call = request(
      { ...where, path, agent: false, signal, headers: { connection: 'close' } },
      (answer) => {
        answer.resume();
        answer.once('end', () => resolve(answer.statusCode));
        answer.once('error', () => resolve(undefined));
      },
    );
    call.once('error', () => {
      if (signal.aborted) reject(signal.reason as Error);
      else resolve(undefined);
    });
    call.end();
  });
}
