import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, ManualClock, parseDuration } from '../../common/index.js';

describe('a duration', () => {
  it.each([
    ['250ms', 250],
    ['60s', 60_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '5', 's', '-1s', '5 s', '1e3s', '5x'])('%j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it('is written with two units at most', () => {
    expect(formatDuration(90_061_000)).toBe('1d 1h');
    expect(formatDuration(90_000)).toBe('1m 30s');
    expect(formatDuration(12)).toBe('12ms');
  });

  it('of whole seconds below a minute is read back as written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 59 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds * 1000))).toBe(seconds * 1000);
      }),
    );
  });
});

describe('the manual clock', () => {
  it('wakes sleepers in the order of their times, and only when due', async () => {
    const clock = new ManualClock(1000);
    const woken: string[] = [];
    const late = clock.sleep(20).then(() => woken.push('late'));
    const soon = clock.sleep(10).then(() => woken.push('soon'));
    clock.advance(9);
    await Promise.resolve();
    expect(woken).toEqual([]);
    clock.advance(11);
    await Promise.all([late, soon]);
    expect(woken).toEqual(['soon', 'late']);
    expect(clock.now()).toBe(1020);
  });

  it('lets a sleep be aborted', async () => {
    const abort = new AbortController();
    const sleeping = new ManualClock().sleep(10, abort.signal);
    abort.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
  });
});
