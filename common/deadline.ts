import { setMaxListeners } from 'node:events';
import { throwIfAborted } from './errors.js';

/**
 * Does `work` with a signal that aborts after `ms` (reason: a `TimeoutError`), and when `outer` does (its reason).
 *
 * Not `AbortSignal.any([outer, AbortSignal.timeout(ms)])`: up to Node 20 such a timeout is collected as garbage while it
 * is waited for and then never fires, and every call leaves something behind on `outer`.
 */
export async function withDeadline<T>(
  ms: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  throwIfAborted(outer);
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(timeoutError(ms)), ms);
  const pass = (): void => controller.abort(outer?.reason);
  if (outer !== undefined) setMaxListeners(0, outer); // As many as wait at once; each takes its own away again.
  outer?.addEventListener('abort', pass, { once: true });
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', pass);
  }
}

/** Whether it was a deadline of `withDeadline` that aborted the signal. */
export function isLate(signal: AbortSignal): boolean {
  return signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError';
}

function timeoutError(ms: number): DOMException {
  return new DOMException(`not done within ${ms} ms`, 'TimeoutError');
}
