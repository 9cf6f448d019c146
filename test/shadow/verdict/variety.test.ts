import { describe, expect, it } from 'vitest';
import type { Feature, Four, Observation } from '../../../shadow/compare/observation.js';
import { decide } from '../../../shadow/verdict/decide.js';
import { Tallies } from '../../../shadow/verdict/tallies.js';
import { random } from '../support/random.js';

const ALPHA = 0.05;

type Show = (exchange: number, arm: number) => string;

function decided(exchanges: number, show: Show, feature: Feature = 'value', beside = 0): string[] {
  const tallies = new Tallies(true);
  for (let request = 0; request < exchanges; request += 1) {
    const seer = { request, exchange: 'x', method: 'GET', target: '/', endpoint: 'GET /' };
    const shown = [0, 1, 2, 3].map((arm) => show(request, arm)) as unknown as Four<string>;
    tallies.add(observation('body:$.a', shown, feature), seer);
    // Other places that are noise: the error rate is shared with them.
    for (let i = 0; i < beside; i += 1)
      tallies.add(observation(`body:$.noise${i}`, ['a', 'b', 'c', 'd'], 'value'), seer);
  }
  return decide(tallies.all(), new Map([['GET /', exchanges]]), ALPHA)
    .filter((decision) => decision.decided === 'change')
    .map((decision) => `${decision.tally.feature} ${decision.tally.sightings.length}`);
}

function observation(general: string, labels: Four<string>, feature: Feature): Observation {
  const raw = feature === 'order' ? [] : labels;
  const place = { where: general, general, inner: '' };
  return { place, feature, labels, liveAgrees: false, kind: 'changed', old: '', new: '', raw };
}

describe('how varied what each release shows is', () => {
  const hex = (next: () => number): string =>
    Array.from({ length: 16 }, () => Math.floor(next() * 16).toString(16)).join('');

  it('tells a token that became a constant, or ceased to be one', () => {
    const next = random(1);
    expect(decided(8, (_, arm) => (arm < 2 ? hex(next) : 'deadbeef'), 'value', 5)).toEqual(['variety 8']);
    expect(decided(8, (_, arm) => (arm < 2 ? 'deadbeef' : hex(next)), 'value', 5)).toEqual(['variety 8']);
  });

  it('tells an order that became fixed', () => {
    const next = random(2);
    const shuffled = (): string => [1, 2, 3, 4, 5, 6, 7, 8].sort(() => next() - 0.5).join();
    expect(decided(9, (_, arm) => (arm < 2 ? shuffled() : '1,2,3,4,5,6,7,8'), 'order', 5)).toEqual([
      'variety 9',
    ]);
  });

  it('tells it in three exchanges, where no other draws were ever alike', () => {
    const next = random(4);
    const shuffled = (): string => [1, 2, 3, 4, 5, 6, 7, 8].sort(() => next() - 0.5).join();
    const show = (_: number, arm: number): string => (arm < 2 ? shuffled() : '1,2,3,4,5,6,7,8');
    expect(decided(3, show, 'order', 20)).toEqual(['variety 3']);
    expect(decided(2, show, 'order', 20)).toEqual([]);
    // The old arms, too, are alike once: these values are few.
    expect(decided(4, (n, arm) => (n === 0 && arm < 2 ? 'x' : show(n, arm)), 'order', 20)).toEqual([]);
  });

  it('tells nothing of what each process drew once', () => {
    const next = random(3);
    const [a, b, c] = [hex(next), hex(next), hex(next)];
    expect(decided(40, (_, arm) => [a, b, c, c][arm]!)).toEqual([]);
    expect(decided(40, (n, arm) => `${[a, b, c, c][arm]!}-${n}`)).toEqual([]);
    expect(decided(40, (n, arm) => String([17, 3, 8, 8][arm]! + 500 * n))).toEqual([]);
  });

  it('seldom tells anything of draws from few values', () => {
    let told = 0;
    for (let seed = 0; seed < 300; seed += 1) {
      const next = random(seed + 10);
      told += decided(60, () => String(Math.floor(next() * 6))).length;
    }
    expect(told / 300).toBeLessThan(ALPHA);
  });
});
