import { describe, expect, it } from 'vitest';
import { redact } from '../../cluster-agent/redact.js';

describe('what errors show of a program', () => {
  it.each([
    ['GET https://user:hunter2@example.test/x', 'GET https://[redacted]@example.test/x'],
    [
      'cannot reach mongodb://app:hunter2@10.0.0.1:27017/app?x=1',
      'cannot reach mongodb://[redacted]@10.0.0.1:27017/app?x=1',
    ],
    ['//registry.test/:_authToken=hunter2', '//registry.test/:_authToken=[redacted]'],
    ['Authorization: Bearer hunter2', 'Authorization: Bearer [redacted]'],
    ['{"password":"hunter2","user":"ann"}', '{"password":[redacted]","user":"ann"}'],
    ['npm_abcdefghij0123456789', '[redacted]'],
    [
      'Error: listen EADDRINUSE 127.0.0.1:80 at /app/token.js:3',
      'Error: listen EADDRINUSE 127.0.0.1:80 at /app/token.js:3',
    ],
  ])('%s', (said, shown) => {
    expect(redact(said)).toBe(shown);
  });
});
