import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { getEventListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { isLate, withDeadline } from '../../common/index.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Ends only by the signal, which nobody but its listener holds. */
const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
  );

describe('a deadline', () => {
  it('comes, however often garbage is collected meanwhile', async () => {
    const outer = new AbortController();
    let seen: AbortSignal | undefined;
    const late = withDeadline(200, outer.signal, (signal) => {
      setTimeout(() => (seen = signal), 0);
      return never(signal);
    });
    late.catch(() => undefined);
    for (let i = 0; i < 5; i++) {
      collectGarbage();
      await delay(10);
    }
    await expect(late).rejects.toMatchObject({ name: 'TimeoutError', message: 'not done within 200 ms' });
    expect(isLate(seen!)).toBe(true);
  });

  it("passes on the outer signal's reason, and leaves nothing behind on it", async () => {
    const outer = new AbortController();
    const reason = new Error('stopped');
    const stopped = withDeadline(60_000, outer.signal, never);
    expect(getEventListeners(outer.signal, 'abort')).toHaveLength(1);
    outer.abort(reason);
    await expect(stopped).rejects.toBe(reason);
    expect(isLate(outer.signal)).toBe(false);
    expect(getEventListeners(outer.signal, 'abort')).toHaveLength(0);
    await expect(withDeadline(60_000, outer.signal, () => Promise.resolve(1))).rejects.toBe(reason);
  });

  it('gives what the work gives', async () => {
    const outer = new AbortController();
    expect(await withDeadline(60_000, outer.signal, () => Promise.resolve(7))).toBe(7);
    expect(await withDeadline(60_000, undefined, () => Promise.resolve(8))).toBe(8);
    expect(getEventListeners(outer.signal, 'abort')).toHaveLength(0);
  });
});
