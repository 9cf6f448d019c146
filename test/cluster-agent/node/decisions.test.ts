import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MOST_NODE_NUMBER, nextNodeNumber, nodeAddress } from '../../../cluster-agent/node/address.js';
import { afterLife } from '../../../cluster-agent/node/crash-policy.js';

const backoff = { first: 100, most: 10_000, stableAfter: 5000 };

describe('what follows the end of a node', () => {
  it('a node that never worked is failed at once; one that did gets three tries', () => {
    expect(afterLife({ crashesInRow: 0, everReady: false }, 0, backoff).failed).toBe(true);
    let history = { crashesInRow: 0, everReady: false };
    const failed = [100, 100, 100].map((readyMs) => {
      const next = afterLife(history, readyMs, backoff);
      history = next.history;
      return next.failed;
    });
    expect(failed).toEqual([false, false, true]);
  });

  it('waits longer with every crash, never longer than the most, and begins anew after a stable time', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 1, maxLength: 40 }), (lives) => {
        let history = { crashesInRow: 0, everReady: false };
        let before = 0;
        for (const readyMs of lives) {
          const next = afterLife(history, readyMs, backoff);
          expect(next.waitMs).toBeLessThanOrEqual(backoff.most);
          if (readyMs > backoff.stableAfter) expect(next.waitMs).toBe(backoff.first);
          else expect(next.waitMs).toBeGreaterThanOrEqual(before);
          before = next.waitMs;
          history = next.history;
        }
      }),
    );
  });
});

describe('addresses of local nodes', () => {
  it('lie in 127/8, outside of 127.0/16, stable per cluster', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: MOST_NODE_NUMBER }), (cluster, number) => {
        const address = nodeAddress(cluster, number);
        expect(address).toMatch(/^127\.([1-9]\d?|1\d\d|2[0-4]\d|25[0-4])\.\d{1,3}\.\d{1,3}$/);
        expect(nodeAddress(cluster, number)).toBe(address);
      }),
    );
  });

  it('never gives a number twice, and does not reuse one soon', () => {
    expect(nextNodeNumber(MOST_NODE_NUMBER, new Set())).toBe(1);
    expect(nextNodeNumber(3, new Set([4, 5]))).toBe(6);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: MOST_NODE_NUMBER }),
        fc.uniqueArray(fc.integer({ min: 1, max: 250 })),
        (last, taken) => {
          expect(taken).not.toContain(nextNodeNumber(last, new Set(taken)));
        },
      ),
    );
    const all = new Set(Array.from({ length: MOST_NODE_NUMBER }, (_, i) => i + 1));
    expect(() => nextNodeNumber(1, all)).toThrow(RangeError);
  });
});
