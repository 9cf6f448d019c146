import { describe, expect, it } from 'vitest';
import { formatBytes, parseBytes } from '../../common/index.js';

describe('bytes', () => {
  it.each([
    ['1073741824', 2 ** 30],
    ['500MB', 500 * 2 ** 20],
    ['1.5 gb', 1.5 * 2 ** 30],
    ['0', 0],
    ['12 kB', 12 * 2 ** 10],
    ['2TB', 2 ** 41],
  ])('%s is %d', (text, bytes) => expect(parseBytes(text)).toBe(bytes));

  it.each(['', 'MB', '-1', '1e3', '10 apples', '1PB', '99999999999999999999'])('"%s" is not', (text) =>
    expect(parseBytes(text)).toBeUndefined(),
  );

  it('are told in megabytes, or in gigabytes where there are many', () => {
    expect(formatBytes(1)).toBe('1 MB');
    expect(formatBytes(2 ** 30)).toBe('1024 MB');
    expect(formatBytes(20 * 2 ** 30)).toBe('20.0 GB');
  });
});
