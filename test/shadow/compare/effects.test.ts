import { describe, expect, it } from 'vitest';
import type { OutboundCall } from '../../../common/index.js';
import type { EffectDelta, EffectEntry, EffectValue } from '../../../shadow/arms-contract.js';
import { compareEffects } from '../../../shadow/compare/compare-effects.js';
import type { Comparison } from '../../../shadow/compare/comparison.js';
import { deltaOf } from '../../../shadow/compare/effect-delta.js';
import type { Four, Observation } from '../../../shadow/compare/observation.js';
import { Symbols } from '../../../shadow/compare/symbols.js';
import { partitionOf } from '../../../shadow/compare/partition.js';

const IDS = ['5f0c6a1e5b7d4c7e', 'a1b2c3d400004c7e', '99887766aabbccdd', '0123456789abcdef'];

function compare(deltas: Four<Partial<EffectDelta>>): string[] {
  const seen: Observation[] = [];
  const whole = deltas.map((delta) => ({ entries: [], calls: [], ...delta }));
  const symbols = new Symbols(false);
  const comparison: Comparison = {
    symbols,
    hasLive: false,
    nowMs: Date.now(),
    skewMs: 50,
    single: false,
    exactIndexes: false,
    markup: false,
    observe: (observation) => seen.push(observation),
  };
  compareEffects(whole as unknown as Four<EffectDelta>, symbols, () => comparison);
  return seen.map(
    ({ place, feature, labels, explained }) =>
      `${place.where} ${feature} ${explained ?? partitionOf(labels).pattern}`,
  );
}

const four = <T>(of: (side: number) => T): Four<T> => [of(0), of(1), of(2), of(3)];
const isNew = (side: number): boolean => side >= 2;

function written(key: string, after: EffectValue, before?: EffectValue, ttl?: number): EffectEntry {
  return { store: 'redis', key: [key], before, after, ...(ttl === undefined ? {} : { ttlAfterMs: ttl }) };
}

const entries = (of: (side: number) => EffectEntry): string[] =>
  compare(four((side) => ({ entries: [of(side)] })));

describe('comparing effects', () => {
  it('matches keys that hold an id nobody else has seen', () => {
    expect(entries((side) => written(`job:${IDS[side]!}`, { hash: { kind: 'mail' } }))).toEqual([]);
    expect(
      entries((side) => written(`job:${IDS[side]!}`, { hash: { kind: isNew(side) ? 'sms' : 'mail' } })),
    ).toEqual(['state:redis:job:*.hash.kind value change']);
  });

  it('matches keys whose ids read like words, for every arm has another', () => {
    const codes = ['gSdavlKR', 'Jk-_GCzl', 'lampshade', 'a1b2c3d4'];
    const link = (side: number, ttl: number): EffectEntry =>
      written(`link:${codes[side]!}`, 'https://x.test', undefined, ttl);
    expect(entries((side) => link(side, 60_000))).toEqual([]);
    expect(entries((side) => link(side, isNew(side) ? 90_000 : 60_000))).toEqual([
      'state:redis:link:*#ttl value change',
    ]);
  });

  it('does not match a key that a release repeats with the one that the other has instead', () => {
    expect(entries((side) => written(`cache:${isNew(side) ? 'fresh' : 'stale'}`, '1'))).toEqual([
      'state:redis:cache:stale type change',
      'state:redis:cache:fresh type change',
    ]);
  });

  it('takes a word or a hash that a release repeats for none that it drew', () => {
    const key = (side: number): string => `${isNew(side) ? 'session' : 'sess'}:${IDS[side]!}`;
    expect(entries((side) => written(key(side), '1'))).toEqual([
      'state:redis:sess:* type change',
      'state:redis:session:* type change',
    ]);
    expect(entries((side) => written(`cache:${IDS[isNew(side) ? 1 : 0]!}`, '1'))).toEqual([
      `state:redis:cache:${IDS[0]!} type change`,
      `state:redis:cache:${IDS[1]!} type change`,
    ]);
  });

  it('tells a text of JSON that is written again whole, and how it is written', () => {
    const json = (side: number, n: number): string =>
      `{"theme":"${isNew(side) ? 'dark' : 'light'}","n":${n}}`;
    expect(entries((side) => written('prefs', json(side, 2), json(side, 1)))).toEqual([
      'state:redis:prefs.json.theme value change',
    ]);
    const ordered = (side: number): string => (isNew(side) ? '{"b":2,"a":1}' : '{"a":1,"b":2}');
    expect(entries((side) => written('prefs', ordered(side)))).toEqual(['state:redis:prefs value change']);
    expect(entries((side) => written('prefs', { list: ['x', ordered(side)] }, { list: ['x'] }))).toEqual([
      'state:redis:prefs value change',
    ]);
  });

  it('tells what changed in a document, not what was different before', () => {
    const seen = entries((side) => {
      const state = isNew(side) ? 'x' : 'y';
      return written('order:1', { hash: { state, n: '2' } }, { hash: { state, n: '1' } });
    });
    expect(seen).toEqual([]);
  });

  it('tells of a file whose mode alone is another one', () => {
    const file = (side: number): EffectEntry => ({
      store: 'file',
      key: ['UPLOADS/a.txt'],
      before: undefined,
      after: { mode: isNew(side) ? '0600' : '0644', size: 2, sha256: 'x', text: 'hi' },
    });
    expect(entries(file)).toEqual(['file:UPLOADS/a.txt.mode value change']);
  });

  it('tells of a file that grew only what was appended', () => {
    const file = (before: string, after: string): EffectEntry => ({
      ...{ store: 'file', key: ['LOGS/a.log'] },
      before: { text: before, size: before.length, sha256: before },
      after: { text: after, size: after.length, sha256: after },
    });
    const earlier = (side: number): string => (isNew(side) ? 'b\n' : 'a\n');
    expect(entries((side) => file(earlier(side), `${earlier(side)}same\n`))).toEqual([]);
    expect(entries((side) => file('x\n', `x\n${earlier(side)}`))).toEqual([
      'file:LOGS/a.log.appended value change',
    ]);
  });

  it('tells of a JSON file only what was changed in it', () => {
    const file = (before: object, after: object): EffectEntry => ({
      ...{ store: 'file', key: ['DATA/db.json'] },
      before: { text: JSON.stringify(before) },
      after: { text: JSON.stringify(after) },
    });
    const earlier = (side: number): string => (isNew(side) ? 'b' : 'a');
    expect(entries((side) => file({ x: earlier(side), n: 1 }, { x: earlier(side), n: 2 }))).toEqual([]);
    expect(entries((side) => file({ n: 1 }, { n: isNew(side) ? 3 : 2 }))).toEqual([
      'file:DATA/db.json.text.json.n value change',
    ]);
  });

  it('takes the ids that Redis gives to entries of a stream for times', () => {
    const entry = (side: number): EffectValue => ({
      stream: [{ id: `${Date.now() + side}-0`, fields: [['n', isNew(side) ? '2' : '1']] }],
    });
    expect(entries((side) => written('events', entry(side)))).toEqual([
      'state:redis:events.stream[0].id value time',
      'state:redis:events.stream[0].fields[0][1] value change',
    ]);
  });

  it('looks into JSON that a store keeps as text', () => {
    expect(
      entries((side) => written('s', JSON.stringify({ user: 'ana', level: isNew(side) ? 2 : 1 }))),
    ).toEqual(['state:redis:s.json.level value change']);
  });

  it('tells another time to live, and not the moments in between', () => {
    expect(entries((side) => written('k', 'v', undefined, 60_000 - side * 200))).toEqual([]);
    expect(
      entries((side) => written('k', 'v', undefined, isNew(side) ? 120_000 - side : 60_000 - side)),
    ).toEqual(['state:redis:k#ttl value change']);
    expect(
      entries((side) => ({
        ...written('k', 'v', undefined),
        ...(isNew(side) ? {} : { ttlAfterMs: 60_000 }),
      })),
    ).toEqual(['state:redis:k#ttl type change']);
  });

  it('does not take a session that was touched a moment later for a change', () => {
    const touched = (ms: number): Partial<EffectDelta> => ({
      entries: [{ ...written('sess:1', { json: 1 }, { json: 1 }, 86_400_000), ttlBeforeMs: 86_400_000 - ms }],
    });
    expect(compare([{}, {}, touched(3100), touched(3200)])).toEqual([]);
    // A time to live where there was none is no touch, however short it is.
    const expiring = { entries: [written('sess:1', { json: 1 }, { json: 1 }, 5000)] };
    expect(compare([{}, {}, expiring, expiring])).toEqual(['state:redis:sess:1 type change']);
    expect(compare([{}, {}, touched(60_000), touched(60_000)])).toEqual(['state:redis:sess:1 type change']);
  });

  it('tells a document that only one release writes or removes', () => {
    const seen = compare(four((side) => ({ entries: isNew(side) ? [written('a', '1')] : [] })));
    expect(seen).toEqual(['state:redis:a type change']);
    const removed = entries((side) => ({
      store: 'redis',
      key: ['a'],
      before: 'x',
      after: isNew(side) ? undefined : 'y',
    }));
    expect(removed).toEqual(['state:redis:a value change']);
  });

  it('compares outbound calls by destination, in their order, ids and tracing aside', () => {
    const call = (side: number, body: string, trace: string): OutboundCall => ({
      exchangeId: undefined,
      at: 0,
      destination: 'PAY',
      method: 'POST',
      target: `/charge/${IDS[side]!}?v=1`,
      requestHeaders: [
        ['content-type', 'application/json'],
        ['traceparent', trace],
      ],
      requestBody: Buffer.from(body),
      response: undefined,
    });
    const seen = compare(
      four((side) => ({
        calls: [call(side, '{"n":1}', `t${side}`), call(side, `{"n":${isNew(side) ? 3 : 2}}`, '')],
      })),
    );
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatch(/^egress:PAY POST \/charge\/.* body:\$\.n value change$/);
    expect(compare(four((side) => ({ calls: isNew(side) ? [] : [call(side, '{}', '')] })))).toEqual([
      expect.stringMatching(/^egress:PAY POST .* type change$/),
    ]);
  });

  it('tells what was put at a list’s end, and a set’s members', () => {
    expect(deltaOf(written('l', { list: ['a', 'b'] }, { list: ['a'] }))).toEqual({
      list: { appended: ['b'] },
    });
    expect(deltaOf(written('l', { list: ['b', 'a'] }, { list: ['a'] }))).toEqual({
      list: { prepended: ['b'] },
    });
    expect(deltaOf(written('s', { set: ['a', 'b'] }, { set: ['a', 'c'] }))).toEqual({
      set: { b: true, c: '(removed)' },
    });
  });

  describe('calls of one name', () => {
    const call = (body: string): OutboundCall => ({
      exchangeId: '1',
      at: 0,
      response: undefined,
      destination: 'HOOK',
      method: 'POST',
      target: '/race',
      requestHeaders: [['content-type', 'application/json']],
      requestBody: Buffer.from(body),
    });
    const names = ['ash', 'birch', 'cedar'];
    const shuffled = (side: number, of: (name: string) => string): Partial<EffectDelta> => ({
      calls: [0, 1, 2].map((i) => call(of(names[(i + side) % 3]!))),
    });

    it('stand beside each other in whatever order they were made', () => {
      const calls = (side: number): Partial<EffectDelta> =>
        shuffled(side, (name) => JSON.stringify({ name, id: `${IDS[side]!}${name.length}` }));
      expect(compare(four(calls)).filter((one) => one.endsWith(' change'))).toEqual([]);
    });

    it('show what changed in one of them', () => {
      const calls = (side: number): Partial<EffectDelta> =>
        shuffled(side, (name) => JSON.stringify({ name, v: name === 'birch' && isNew(side) ? 2 : 1 }));
      expect(compare(four(calls)).filter((one) => one.endsWith(' change'))).toEqual([
        'egress:HOOK POST /race (2) body:$.v value change',
      ]);
    });

    it('show another order that each release keeps to', () => {
      const calls = (side: number): Partial<EffectDelta> =>
        shuffled(isNew(side) ? 1 : 0, (name) => JSON.stringify({ name }));
      expect(compare(four(calls))).toEqual(['egress:HOOK POST /race order change']);
    });

    it('show another order of keys', () => {
      const calls = (side: number): Partial<EffectDelta> => ({
        calls: [call(isNew(side) ? `{"b":1,"id":"${IDS[side]!}"}` : `{"id":"${IDS[side]!}","b":1}`)],
      });
      expect(compare(four(calls)).filter((one) => one.endsWith(' change'))).toEqual([
        'egress:HOOK POST /race body value change',
      ]);
    });
  });
});
