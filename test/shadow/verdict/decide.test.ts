import { describe, expect, it } from 'vitest';
import type { Four, Observation } from '../../../shadow/compare/observation.js';
import { decide } from '../../../shadow/verdict/decide.js';
import { Tallies } from '../../../shadow/verdict/tallies.js';
import type { Seer } from '../../../shadow/verdict/tally.js';

const ALPHA = 0.05;

function observed(labels: string, more: Partial<Observation> = {}): Observation {
  return {
    place: { where: 'body:$.a', general: 'body:$.a', inner: '' },
    feature: 'value',
    labels: [...labels] as unknown as Four<string>,
    liveAgrees: true,
    kind: 'changed',
    old: '1',
    new: '2',
    raw: [],
    ...more,
  };
}

function decided(observations: readonly Observation[], compared = 100): string {
  const tallies = new Tallies(true);
  for (const [request, observation] of observations.entries())
    tallies.add(observation, { request, exchange: 'x', method: 'GET', target: '/', endpoint: 'GET /' });
  return decide(tallies.all(), new Map([['GET /', compared]]), ALPHA)[0]?.decided ?? 'nothing';
}

const times = (n: number, labels: string, more?: Partial<Observation>): Observation[] =>
  Array.from({ length: n }, () => observed(labels, more));

describe('decisions', () => {
  it('believes one clear sighting where nothing was ever noisy', () => {
    expect(decided(times(1, 'aabb'))).toBe('change');
  });
  it('calls what differs within a release noise', () => {
    expect(decided(times(5, 'abcd'))).toBe('noise');
    expect(decided(times(5, 'abab'))).toBe('noise');
  });
  it('does not believe one sighting that live bears no witness to', () => {
    expect(decided(times(1, 'aabb', { liveAgrees: false }))).toBe('noise');
  });
  it('believes one sighting of hashes, which never coincide by chance, though live shows another', () => {
    const [old, fresh] = ['9f86d081884c7d65', 'b5bb9d8014a0f9b1'];
    const raw = [old, old, fresh, fresh];
    expect(decided(times(1, 'aabb', { liveAgrees: false, raw }))).toBe('change');
    const codes = ['481516', '481516', '234201', '234201'];
    expect(decided(times(1, 'aabb', { liveAgrees: false, raw: codes }))).toBe('noise');
    const moments = ['2026-05-01T10:00:00.123Z', '2026-05-01T10:00:02.481Z'];
    const shown = [moments[0]!, moments[0]!, moments[1]!, moments[1]!];
    expect(decided(times(1, 'aabb', { liveAgrees: false, raw: shown }))).toBe('noise');
  });
  it('believes of a place that changed what live was no witness to by itself', () => {
    const told = (value: Partial<Observation>): number => {
      const tallies = new Tallies(true);
      const seer = { exchange: 'x', method: 'GET', target: '/', endpoint: 'GET /' };
      tallies.add(observed('aabb', { feature: 'form' }), { ...seer, request: 0 });
      tallies.add(observed('aabb', { ...value, liveAgrees: false }), { ...seer, request: 1 });
      return decide(tallies.all(), new Map([['GET /', 2]]), ALPHA).filter(({ decided: d }) => d === 'change')
        .length;
    };
    expect(told({ feature: 'value' })).toBe(2);
    expect(told({ feature: 'length' })).toBe(1);
    expect(told({ place: { where: 'body:$.b', general: 'body:$.b', inner: '' } })).toBe(1);
  });
  it('believes what live bears no witness to when it comes again and again', () => {
    expect(decided(times(20, 'aabb', { liveAgrees: false }))).toBe('change');
  });
  it('waits in between', () => {
    expect(decided(times(3, 'aabb', { liveAgrees: false }))).toBe('undecided');
  });
  it('believes changes beside rare noise, which cannot imitate them so often', () => {
    expect(decided([...times(1, 'aaab'), ...times(3, 'aabb')], 100)).toBe('change');
  });
  it('believes one change that live bears witness to, of what is noisy otherwise and never the same twice', () => {
    const scattered = times(3, 'abcd');
    expect(decided([...scattered, ...times(1, 'aabb')], 10)).toBe('change');
    expect(decided([...scattered, ...times(1, 'aabb', { liveAgrees: false })], 10)).toBe('noise');
    expect(decided([...scattered, ...times(1, 'abac'), ...times(1, 'aabb')], 10)).toBe('noise');
    // Drawn from a seed for the arms `a` and another for the arms `b`.
    expect(decided([...times(12, 'abab'), ...times(1, 'aabb')], 20)).toBe('change');
    expect(decided([...times(12, 'abba'), ...times(1, 'aabb')], 20)).toBe('noise');
  });
  it('does not believe a few among much noise', () => {
    expect(decided([...times(20, 'abcd'), ...times(6, 'abab'), ...times(3, 'aabb')], 29)).toBe('noise');
  });
  it('says nothing of ids under their names', () => {
    expect(decided(times(3, 'abcd', { explained: 'id' }))).toBe('nothing');
  });

  it('does not believe one sighting of an effect that comes and goes by itself after other endpoints', () => {
    const place = { where: 'state:redis:beat', general: 'state:redis:beat', inner: '' };
    const beat = (labels: string): Observation =>
      observed(labels, { place, feature: 'type', liveAgrees: undefined });
    const tallies = new Tallies(true);
    const seer = (endpoint: string, request: number): Seer => ({
      ...{ request, exchange: 'x', method: 'GET' },
      target: '/',
      endpoint,
    });
    tallies.add(beat('aaba'), seer('GET /a', 1));
    tallies.add(beat('aabb'), seer('GET /b', 2));
    expect(decide(tallies.all(), new Map(), ALPHA).map(({ decided: one }) => one)).toEqual([
      'noise',
      'noise',
    ]);
  });

  it('does not believe again and again what a process shows for ever', () => {
    const started = times(50, 'aabb', {
      frail: true,
      liveAgrees: undefined,
      raw: ['100', '101', '190', '191'],
    });
    expect(decided(started)).toBe('noise');
  });
});
