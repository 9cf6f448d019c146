import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HeaderField } from '../../../common/index.js';
import { Names } from '../../../shadow/correlate/names.js';
import { rewriteRequest, type Request } from '../../../shadow/correlate/rewrite.js';

const role = { key: 'id', resources: ['orders'] };
const LIVE = '5f0c6a1e-5b7d-4c7e-9d52-0f8f0f1b2c3d';
const ARM = 'a1b2c3d4-0000-4c7e-9d52-111111111111';

function bound(): Names {
  const names = new Names(1);
  names.bind(0, LIVE, ARM, role, true);
  return names;
}

function request(target: string, headers: readonly HeaderField[] = [], body = ''): Request {
  return { method: 'POST', target, headers, body: Buffer.from(body) };
}

function rewritten(original: Request, names = bound()): { target: string; headers: string; body: string } {
  const result = rewriteRequest(original, names)[0]!;
  return {
    target: result.target,
    headers: JSON.stringify(result.headers),
    body: Buffer.from(result.body).toString(),
  };
}

describe('rewriting a request into an arm’s words', () => {
  const cookie = encodeURIComponent(`s:${LIVE}.sig`);
  it.each<[string, Request, (r: ReturnType<typeof rewritten>) => string, string]>([
    ['a path segment', request(`/orders/${LIVE}/cancel`), (r) => r.target, `/orders/${ARM}/cancel`],
    ['a query value', request(`/x?a=1&id=${LIVE}`), (r) => r.target, `/x?a=1&id=${ARM}`],
    ['part of a query value', request(`/x?f=eq:${LIVE}`), (r) => r.target, `/x?f=eq%3A${ARM}`],
    [
      'a bearer token',
      request('/', [['authorization', `Bearer ${LIVE}`]]),
      (r) => r.headers,
      `Bearer ${ARM}`,
    ],
    [
      'basic credentials',
      request('/', [['authorization', `Basic ${btoa(`u:${LIVE}`)}`]]),
      (r) => r.headers,
      `Basic ${btoa(`u:${ARM}`)}`,
    ],
    [
      'a signed cookie',
      request('/', [['cookie', `a=1; sid=${cookie}`]]),
      (r) => r.headers,
      `a=1; sid=${encodeURIComponent(`s:${ARM}.sig`)}`,
    ],
    [
      'a JSON field',
      request('/', [['content-type', 'application/json']], `{"a":"${LIVE}"}`),
      (r) => r.body,
      `{"a":"${ARM}"}`,
    ],
    [
      'a form field',
      request('/', [['content-type', 'application/x-www-form-urlencoded']], `a=b&t=${LIVE}`),
      (r) => r.body,
      `a=b&t=${ARM}`,
    ],
    ['text', request('/', [['content-type', 'text/plain']], `see ${LIVE}.`), (r) => r.body, `see ${ARM}.`],
    [
      'an id inside a base64 cursor of the client’s own',
      request(`/x?after=${Buffer.from(`id:${LIVE}`).toString('base64url')}`),
      (r) => r.target,
      `/x?after=${Buffer.from(`id:${ARM}`).toString('base64url')}`,
    ],
  ])('replaces %s', (_, original, where, expected) => {
    expect(where(rewritten(original))).toContain(expected);
  });

  it('leaves every byte of a request alone that uses nothing live issued', () => {
    fc.assert(
      fc.property(
        fc.webPath(),
        fc.webQueryParameters(),
        fc.uint8Array({ maxLength: 200 }),
        (path, query, body) => {
          const target = `${path === '' ? '/' : path}?${query}`;
          const original: Request = { method: 'POST', target, headers: [['x-a', 'b']], body };
          const result = rewriteRequest(original, bound())[0]!;
          expect(result.target).toBe(target);
          expect(Buffer.from(result.body).equals(Buffer.from(body))).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('takes a small number for an id only where it plays the part it was issued for', () => {
    const names = new Names(1);
    names.bind(0, '17', '18', role, true);
    expect(rewritten(request('/orders/17'), names).target).toBe('/orders/18');
    expect(rewritten(request('/pages/17'), names).target).toBe('/pages/17');
    expect(rewritten(request('/x?orderId=17&limit=17'), names).target).toBe('/x?orderId=18&limit=17');
    const json = request('/', [['content-type', 'application/json']], '{"order_id":17,"qty":17}');
    expect(rewritten(json, names).body).toBe('{"order_id":18,"qty":17}');
  });

  it('replaces a short code only where it is the whole value', () => {
    const names = new Names(1);
    names.bind(0, '493021', '118204', { key: 'code', resources: ['otp'] }, true);
    const json = request(
      '/',
      [['content-type', 'application/json']],
      '{"code":"493021","note":"not 493021x"}',
    );
    expect(rewritten(json, names).body).toBe('{"code":"118204","note":"not 493021x"}');
  });

  it('keeps the first name of a value, and gives no name twice', () => {
    const names = new Names(1);
    names.bind(0, 'aaaa1111', 'bbbb1111', role, true);
    names.bind(0, 'aaaa1111', 'cccc1111', role, true);
    names.bind(0, 'dddd1111', 'bbbb1111', role, true);
    expect(names.inText('aaaa1111 dddd1111')).toEqual(['bbbb1111 dddd1111']);
    expect(names.toLive(0, 'bbbb1111')).toBe('aaaa1111');
  });
});
