import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Exchange, HeaderField } from '../../../common/index.js';
import { isSampled, SessionSample } from '../../../shadow/capture/sample.js';

const KEY = Buffer.from('a key of the tests');
const token = fc
  .uint8Array({ minLength: 12, maxLength: 12 })
  .map((b) => `t1a${Buffer.from(b).toString('hex')}`);
const share = fc.double({ min: 0, max: 1, noNaN: true });

function exchange(
  requestHeaders: readonly HeaderField[],
  more: {
    readonly responseHeaders?: readonly HeaderField[];
    readonly client?: string;
    readonly body?: string;
  } = {},
): Exchange {
  return {
    ...{
      requestHeaders,
      responseHeaders: more.responseHeaders ?? [],
      client: more.client ?? '10.0.0.1:5000',
    },
    responseBody: Buffer.from(more.body ?? ''),
  } as Partial<Exchange> as Exchange;
}

describe('a sample of sessions', () => {
  it('is of the share that was asked for, and is in every larger one', () => {
    const names = Array.from({ length: 4000 }, (_, n) => `client ${n}`);
    const count = (of: number): number => names.filter((name) => isSampled(name, of, KEY)).length;
    // The key is fixed: these are always the same clients.
    for (const of of [0.1, 0.5]) expect(Math.abs(count(of) - of * 4000)).toBeLessThan(150);
    expect(count(1)).toBe(4000);
    expect(count(0)).toBe(0);
    fc.assert(
      fc.property(fc.string(), share, share, (name, a, b) => {
        if (isSampled(name, Math.min(a, b), KEY)) expect(isSampled(name, Math.max(a, b), KEY)).toBe(true);
      }),
    );
  });

  it('has another choice with another key', () => {
    const names = Array.from({ length: 200 }, (_, n) => `client ${n}`);
    const chosen = (key: string): string => names.filter((n) => isSampled(n, 0.5, Buffer.from(key))).join();
    expect(chosen('one')).not.toBe(chosen('two'));
  });

  it('takes a session wholly or not at all, by cookie or authorization, wherever it comes from', () => {
    fc.assert(
      fc.property(
        token,
        fc.boolean(),
        fc.array(fc.tuple(fc.nat(250), token), { minLength: 1 }),
        (sid, bearer, others) => {
          const sample = new SessionSample(0.5, KEY);
          const own: HeaderField = bearer
            ? ['Authorization', `Bearer ${sid}`]
            : ['cookie', `theme=dark; sid=${sid}`];
          const first = sample.takes(exchange([own]));
          for (const [host, other] of others) {
            sample.takes(exchange([['cookie', `sid=${other}`]]));
            expect(sample.takes(exchange([own], { client: `10.0.0.${host}:77` }))).toBe(first);
          }
        },
      ),
    );
  });

  it('keeps a session whose cookie is made anew, and one that begins with its login', () => {
    fc.assert(
      fc.property(fc.array(token, { minLength: 2, maxLength: 8 }), token, (sids, bearer) => {
        const sample = new SessionSample(0.5, KEY);
        const set = (sid: string): readonly HeaderField[] => [['Set-Cookie', `sid=${sid}; HttpOnly`]];
        const first = sample.takes(exchange([], { responseHeaders: set(sids[0]!) }));
        for (const [i, sid] of sids.slice(1).entries())
          expect(sample.takes(exchange([['Cookie', `sid=${sids[i]}`]], { responseHeaders: set(sid) }))).toBe(
            first,
          );
        const login = exchange([['Cookie', `sid=${sids.at(-1)}`]], {
          responseHeaders: [['content-type', 'application/json']],
          body: JSON.stringify({ accessToken: bearer }),
        });
        expect(sample.takes(login)).toBe(first);
        expect(sample.takes(exchange([['authorization', `Bearer ${bearer}`]]))).toBe(first);
      }),
    );
  });

  it('goes by the address where a client shows nothing, through proxies that tell it', () => {
    const sample = new SessionSample(0.5, KEY);
    const from = (n: number): readonly HeaderField[] => [['X-Forwarded-For', `192.0.2.${n}, 10.0.0.9`]];
    const chosen = Array.from({ length: 60 }, (_, n) => sample.takes(exchange(from(n))));
    expect(new Set(chosen).size).toBe(2);
    for (const [n, was] of chosen.entries())
      expect(sample.takes(exchange(from(n), { client: `10.0.0.${n}:1` }))).toBe(was);
    const direct = sample.takes(exchange([], { client: '198.51.100.7:1' }));
    expect(sample.takes(exchange([['cookie', 'theme=dark']], { client: '198.51.100.7:2' }))).toBe(direct);
  });
});
