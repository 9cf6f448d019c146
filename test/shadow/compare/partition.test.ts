import { describe, expect, it } from 'vitest';
import type { Four } from '../../../shadow/compare/observation.js';
import { partitionOf } from '../../../shadow/compare/partition.js';

describe('how four labels fall together', () => {
  it.each<[string, string, number]>([
    ['aaaa', 'same', 0],
    ['aabb', 'change', 0],
    ['abab', 'cross', 1],
    ['abba', 'cross', 2],
    ['baaa', 'single', 0],
    ['abaa', 'single', 1],
    ['aaba', 'single', 2],
    ['aaab', 'single', 3],
    ['aabc', 'pair', 0],
    ['bcaa', 'pair', 1],
    ['abac', 'pair', 2],
    ['abca', 'pair', 3],
    ['baac', 'pair', 4],
    ['baca', 'pair', 5],
    ['abcd', 'scattered', 0],
  ])('%s is %s, way %i', (labels, pattern, way) => {
    expect(partitionOf([...labels] as unknown as Four<string>)).toEqual({ pattern, way });
  });
});
