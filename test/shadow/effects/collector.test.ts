import { describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../../common/index.js';
import { EffectCollector } from '../../../shadow/effects/collector.js';

/** A clock that moves by what is slept. */
function sleepingClock(): Clock {
  let now = 0;
  return {
    ...systemClock,
    now: () => now,
    monotonic: () => now,
    sleep: (ms) => {
      now += ms;
      return Promise.resolve();
    },
  };
}

describe('waiting for what an app does just after answering', () => {
  it('does not go on for long with an app that never lies still', async () => {
    const collector = new EffectCollector({
      sources: [],
      takeCalls: () => [],
      activity: () => Promise.resolve(undefined),
      clock: sleepingClock(),
    });
    const costs: number[] = [];
    for (let i = 0; i < 10; i += 1) {
      await collector.collect(AbortSignal.timeout(10_000));
      costs.push(collector.costMs);
    }
    expect(costs[0]).toBeGreaterThanOrEqual(500);
    expect(costs.at(-1)).toBeLessThan(100);
  });

  it('goes on for as long as effects of such an app were seen to come late', async () => {
    const clock = sleepingClock();
    let startedAt = 0;
    let told = true;
    const collector = new EffectCollector({
      sources: [
        {
          collect: () => {
            if (told || clock.monotonic() - startedAt < 60) return Promise.resolve([]);
            told = true;
            return Promise.resolve([{ store: 'redis', key: ['late'], before: undefined, after: '1' }]);
          },
        },
      ],
      takeCalls: () => [],
      activity: () => Promise.resolve(undefined),
      clock,
    });
    for (let i = 0; i < 10; i += 1) {
      told = false;
      startedAt = clock.monotonic();
      const { entries } = await collector.collect(AbortSignal.timeout(10_000));
      expect(entries).toHaveLength(1);
    }
  });
});
