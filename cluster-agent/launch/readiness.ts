import { request } from 'node:http';
import { systemClock, waitForAccept, type RunningApp } from '../../common/index.js';

type Target = RunningApp['target'];

/**
 * Resolves when the app at `target` is up: it accepts a connection, and answers its health path, where it declares one,
 * with 2xx. Rejects with the signal's reason when that aborts first.
 */
export async function waitUntilUp(
  target: Target,
  healthPath: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  await waitForAccept('socket' in target ? { path: target.socket } : target, signal);
  const question = questionFor(target, healthPath);
  if (question === undefined) return;
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 1.5, 250)) {
    const status = await statusOf(target, question, signal);
    if (status !== undefined && (healthPath === undefined || (status >= 200 && status < 300))) return;
    await systemClock.sleep(pauseMs, signal);
  }
}

interface Question {
  readonly method: string;
  readonly path: string;
}

/**
 * Through a jail's socket a connection says little: it is the bridge that accepts it. `OPTIONS *`, HTTP's own "are you
 * there", asks the app itself and touches nothing; any answer will do.
 */
function questionFor(target: Target, healthPath: string | undefined): Question | undefined {
  if (healthPath !== undefined) return { method: 'GET', path: healthPath };
  return 'socket' in target ? { method: 'OPTIONS', path: '*' } : undefined;
}

/** The status a question is answered with; undefined when there was no answer. */
function statusOf(target: Target, question: Question, signal: AbortSignal): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const where = 'socket' in target ? { socketPath: target.socket } : target;
    const call = request(
      { ...where, ...question, agent: false, signal, headers: { connection: 'close' } },
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
