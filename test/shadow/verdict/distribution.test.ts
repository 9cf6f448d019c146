import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Four, Observation } from '../../../shadow/compare/observation.js';
import { decide } from '../../../shadow/verdict/decide.js';
import { NO_TRAIT, weighTrait } from '../../../shadow/verdict/distribution.js';
import { Tallies } from '../../../shadow/verdict/tallies.js';
import { random } from '../support/random.js';

const ALPHA = 0.05;

type Draw = (exchange: number, arm: number) => string;

/** What is decided, feature by feature, when each arm draws a value of its own in every exchange. */
function decided(exchanges: number, draw: Draw, more: Partial<Observation> = {}): string[] {
  const tallies = new Tallies(true);
  for (let request = 0; request < exchanges; request += 1) {
    const raw = [0, 1, 2, 3].map((arm) => draw(request, arm));
    const place = { where: 'body:$.a', general: 'body:$.a', inner: '' };
    const labels = raw as unknown as Four<string>;
    tallies.add(
      { place, feature: 'value', labels, liveAgrees: false, kind: 'changed', old: '', new: '', raw, ...more },
      { request, exchange: 'x', method: 'GET', target: '/', endpoint: 'GET /' },
    );
  }
  return decide(tallies.all(), new Map([['GET /', exchanges]]), ALPHA)
    .filter((decision) => decision.decided === 'change')
    .map((decision) => decision.tally.feature);
}

function token(next: () => number, alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[Math.floor(next() * alphabet.length)]!).join('');
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

describe('what random values show over many exchanges', () => {
  it('tells characters that one release never uses', () => {
    const next = random(1);
    const draw: Draw = (_, arm) => token(next, arm < 2 ? `${LETTERS}-_` : LETTERS, 32);
    expect(decided(14, draw)).toEqual(['character -', 'character _']);
  });

  it('tells numbers of another size', () => {
    const next = random(2);
    expect(decided(12, (_, arm) => String(next() * (arm < 2 ? 1 : 100)))).toEqual(['range']);
    expect(decided(12, (_, arm) => String(next() * (arm < 2 ? 1000 : 1)))).toEqual(['range']);
  });

  it('tells both of ids that stand under their names', () => {
    const next = random(3);
    const draw: Draw = (_, arm) => token(next, arm < 2 ? LETTERS : LETTERS.toLowerCase(), 6);
    expect(decided(20, draw, { explained: 'id' })).toContain('upper case');
  });

  it('does not take what a process drew once for a trait of its release', () => {
    // A random base that is counted up from, as request ids do; a base with a dash in some; when each process began.
    const bases = [100, 200, 3000, 4000];
    expect(decided(200, (exchange, arm) => String(bases[arm]! + exchange))).toEqual([]);
    const prefixes = ['k-f9', 'q_7d', 'zzzz', 'm3m3'];
    expect(decided(200, (exchange, arm) => `${prefixes[arm]!}/${exchange}`)).toEqual([]);
    expect(decided(200, (exchange, arm) => String(exchange + 50 - arm + 0.001 * arm))).toEqual([]);
  });

  it('seldom tells anything of draws from one distribution, whenever it is looked at', () => {
    const next = random(4);
    let told = 0;
    for (let run = 0; run < 400; run += 1)
      if (decided(40, () => token(next, `${LETTERS}-_`, 8)).length > 0) told += 1;
    expect(told / 400).toBeLessThan(ALPHA);
  });

  it('pays on average no more than was staked, however many draws bear the trait', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.boolean(), { minLength: 4, maxLength: 4 })), (past) => {
        const known = past.reduce(
          (evidence, borne) => weighTrait(evidence, borne as unknown as Four<boolean>),
          NO_TRAIT,
        );
        for (const bearers of [1, 2, 3]) {
          const deals = dealsOf(bearers);
          const after = deals.map((borne) => Math.exp(weighTrait(known, borne).log - known.log));
          expect(after.reduce((sum, x) => sum + x, 0) / deals.length).toBeCloseTo(1, 9);
        }
      }),
    );
  });
});

/** Every way in which so many of four can bear a trait. */
function dealsOf(bearers: number): readonly Four<boolean>[] {
  return Array.from({ length: 16 }, (_, bits) => [1, 2, 4, 8].map((bit) => (bits & bit) !== 0))
    .filter((borne) => borne.filter(Boolean).length === bearers)
    .map((borne) => borne as unknown as Four<boolean>);
}
