import { describe, expect, it } from 'vitest';
import type { Four, Observation } from '../../../shadow/compare/observation.js';
import { decide } from '../../../shadow/verdict/decide.js';
import { Tallies } from '../../../shadow/verdict/tallies.js';

/** What is decided of the lengths of values that differ in every arm. */
function decided(exchanges: readonly (readonly [live: string, ...Four<string>])[]): string {
  const tallies = new Tallies(true);
  for (const [request, [live, ...raw]] of exchanges.entries()) {
    const observation: Observation = {
      place: { where: 'body:$.a', general: 'body:$.a', inner: '' },
      feature: 'length',
      labels: raw.map((text) => String(text.length)) as unknown as Four<string>,
      liveAgrees: live.length === raw[0].length,
      frail: true,
      kind: 'changed',
      old: '',
      new: '',
      raw,
    };
    tallies.add(observation, { request, exchange: 'x', method: 'GET', target: '/', endpoint: 'GET /' });
  }
  return decide(tallies.all(), new Map(), 0.05)[0]?.decided ?? 'nothing';
}

describe('lengths that may vary by themselves', () => {
  it('are believed when each release keeps to its own', () => {
    expect(
      decided([
        ['111111', '123456', '654321', '12345678', '87654321'],
        ['222222', '908070', '102030', '90807060', '10203040'],
        ['333333', '777111', '444999', '77711188', '44499955'],
      ]),
    ).toBe('change');
  });

  it('are not believed once, nor where a release has both', () => {
    expect(decided([['111111', '123456', '654321', '12345678', '87654321']])).toBe('noise');
    expect(
      decided([
        ['111111', '123456', '654321', '12345678', '87654321'],
        ['222222', '908070', '1020304', '90807060', '10203040'],
        ['333333', '777111', '444999', '77711188', '44499955'],
      ]),
    ).toBe('noise');
  });

  it('are not believed of what a process drew once', () => {
    const bases = ['98', '97', '101', '102'];
    expect(
      decided(
        Array.from({ length: 50 }, (_, n) => {
          const raw = bases.map((base) => `host-${base}-of-one-process-${100 + n}`);
          return [raw[0]!, ...raw] as unknown as readonly [string, ...Four<string>];
        }),
      ),
    ).toBe('noise');
  });
});
