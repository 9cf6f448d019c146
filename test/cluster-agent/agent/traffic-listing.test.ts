import { describe, expect, it } from 'vitest';
import { nextListing, type Listed } from '../../../cluster-agent/agent/traffic.js';

const base = { running: ['a', 'b'], isIdle: () => false, drainMs: 100, now: 1000 };

describe('node list of the proxy', () => {
  it('drains a node that loses the traffic until it is idle', () => {
    const first: Listed[] = [{ name: 'a', state: 'active' }];
    const flipped = nextListing(first, { ...base, traffic: ['b'], isIdle: () => true });
    expect(flipped).toEqual([
      { name: 'b', state: 'active' },
      { name: 'a', state: 'drain', until: 1100 },
    ]);
    const busy = nextListing(flipped, { ...base, traffic: ['b'], now: 1050 });
    expect(busy).toEqual(flipped);
    expect(nextListing(busy, { ...base, traffic: ['b'], isIdle: (n) => n === 'a' })).toEqual([
      { name: 'b', state: 'active' },
    ]);
  });

  it('ends the draining when its time is over, or the process is', () => {
    const draining: Listed[] = [{ name: 'a', state: 'drain', until: 1100 }];
    expect(nextListing(draining, { ...base, traffic: [], now: 1100 })).toEqual([]);
    expect(nextListing(draining, { ...base, traffic: [], running: [] })).toEqual([]);
    expect(nextListing([{ name: 'a', state: 'active' }], { ...base, traffic: [], running: [] })).toEqual([]);
  });

  it('gives a draining node the traffic back at once (a rollback)', () => {
    const draining: Listed[] = [{ name: 'a', state: 'drain', until: 1100 }];
    expect(nextListing(draining, { ...base, traffic: ['a'] })).toEqual([{ name: 'a', state: 'active' }]);
  });
});
