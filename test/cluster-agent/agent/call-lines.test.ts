import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCallLine, encodeCallLine, type CallLine } from '../../../cluster-agent/api/call-lines.js';

const bytes = fc.uint8Array().map((value) => Buffer.from(value));
const headers = fc.array(fc.tuple(fc.string(), fc.string()));
const lines: fc.Arbitrary<CallLine> = fc.oneof(
  fc.record({ dropped: fc.nat() }),
  fc.record({
    call: fc.record({
      exchangeId: fc.option(fc.string(), { nil: undefined }),
      at: fc.nat(),
      destination: fc.string(),
      method: fc.string(),
      target: fc.string(),
      requestHeaders: headers,
      requestBody: bytes,
      response: fc.option(fc.record({ status: fc.nat(), headers, body: bytes }), { nil: undefined }),
    }),
  }),
);

describe('lines of recorded calls', () => {
  it('come back as they were sent, each on one line', () => {
    fc.assert(
      fc.property(lines, (line) => {
        const text = encodeCallLine(line);
        expect(text.indexOf('\n')).toBe(text.length - 1);
        expect(decodeCallLine(text)).toEqual(line);
      }),
    );
  });

  it('refuses what is no line', () => {
    for (const text of ['', '{', '{}', '{"call":{}}', '{"dropped":-1}'])
      expect(() => decodeCallLine(text)).toThrow();
  });
});
