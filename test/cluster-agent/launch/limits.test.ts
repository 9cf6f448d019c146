import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allowedCpus, limitedCommand } from '../../../cluster-agent/launch/limits.js';

describe('the command of a node of a size', () => {
  it('is left alone where nothing is said of it', () => {
    expect(limitedCommand(['node', 'a.js'], undefined, { cpus: [0, 1], nth: 3 })).toEqual(['node', 'a.js']);
  });

  it('has as many CPUs as the size, or the machine, and its memory', () => {
    const size = { cpus: 2, memory: 1024 };
    expect(limitedCommand(['node'], size, { cpus: [0, 1], nth: 0 })).toEqual([
      'prlimit',
      '--data=1024',
      'node',
    ]);
    expect(limitedCommand(['node'], size, { cpus: [4, 5, 6], nth: 1 })).toEqual([
      ...['taskset', '-c', '6,4', 'prlimit', '--data=1024', 'node'],
    ]);
  });

  it('spreads copies: of one that follows another, no CPU is used more than once more than the others', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 16 }),
        fc.nat(20),
        (own, all, many) => {
          fc.pre(own < all);
          const cpus = Array.from({ length: all }, (_, i) => i);
          const used = cpus.map(() => 0);
          for (let nth = 0; nth < many; nth += 1) {
            const [, , list] = limitedCommand(['x'], { cpus: own, memory: 1 }, { cpus, nth });
            const chosen = list!.split(',').map(Number);
            expect(new Set(chosen).size).toBe(own);
            for (const cpu of chosen) used[cpu]! += 1;
          }
          expect(Math.max(...used) - Math.min(...used)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});

it('reads which CPUs a process may use', () => {
  expect(allowedCpus('Name:\tnode\nCpus_allowed_list:\t0-2,5\nMems:\t0')).toEqual([0, 1, 2, 5]);
  expect(allowedCpus('Cpus_allowed_list:\t7\n')).toEqual([7]);
});
