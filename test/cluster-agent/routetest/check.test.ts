import { describe, expect, it } from 'vitest';
import { checkAnswer } from '../../../cluster-agent/routetest/check.js';
import { median } from '../../../cluster-agent/routetest/measure.js';

const answer = {
  status: 200,
  headers: { location: '/x', 'set-cookie': ['a=1', 'b=2'] },
  body: 'hello world',
};

describe('route test', () => {
  it.each([
    [{ status: 200 }, undefined],
    [{ status: 204 }, { expected: 'status 204', found: 'status 200' }],
    [{ status: 200, contains: 'world' }, undefined],
    [
      { status: 200, contains: 'moon' },
      { expected: 'a body that contains "moon"', found: '"hello world"' },
    ],
    [{ status: 200, headers: { Location: '/x' } }, undefined],
    [
      { status: 200, headers: { location: '/y' } },
      { expected: 'header location: /y', found: 'location: /x' },
    ],
    [{ status: 200, headers: { 'set-cookie': 'b=2' } }, undefined],
    [
      { status: 200, headers: { etag: 'x' } },
      { expected: 'header etag: x', found: 'no header etag' },
    ],
  ])('expecting %j finds %j', (expected, mismatch) => {
    expect(checkAnswer(expected, answer)).toEqual(mismatch);
  });

  it('has the median of what it measured', () => {
    expect(median([])).toBeUndefined();
    expect(median([3])).toBe(3);
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 9, 2])).toBe(3);
  });
});
