/**
 * Resolves when `serving` does. When the process exits first, rejects with what `why` says of its code.
 * @param serving must end by its signal
 */
export async function serving<T>(
  serves: (signal: AbortSignal) => Promise<T>,
  exited: Promise<{ readonly code: number | null }>,
  why: (code: number | null) => Promise<Error>,
  signal: AbortSignal,
): Promise<T> {
  const ended = new AbortController();
  const exit = exited.then(async ({ code }) => {
    ended.abort(new Error('ended'));
    throw await why(code);
  });
  exit.catch(() => undefined); // Only told of when it comes first.
  const served = serves(AbortSignal.any([signal, ended.signal])).catch((error: unknown) => {
    if (ended.signal.aborted && !signal.aborted) return exit;
    throw error;
  });
  return Promise.race([served, exit]);
}
