import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FingerprintMap } from '../../../shadow/correlate/fingerprint-map.js';

it('a map of fingerprints answers as a map of the words would', () => {
  const word = fc.oneof(fc.string({ maxLength: 3 }), fc.uuid());
  fc.assert(
    fc.property(fc.array(fc.tuple(word, fc.nat()), { maxLength: 3000, size: 'max' }), word, (sets, other) => {
      const map = new FingerprintMap<number>();
      const truth = new Map<string, number>();
      for (const [name, value] of sets) {
        map.set(name, value);
        truth.set(name, value);
        expect(map.get(name)).toBe(value);
      }
      expect(map.size).toBe(truth.size);
      for (const [name, value] of truth) expect(map.get(name)).toBe(value);
      expect(map.get(other)).toBe(truth.get(other));
    }),
    { numRuns: 20 },
  );
});
