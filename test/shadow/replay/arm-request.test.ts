import { describe, expect, it } from 'vitest';
import type { Exchange, HeaderField } from '../../../common/index.js';
import { requestOf } from '../../../shadow/replay/arm-request.js';

const fields = (
  requestHeaders: readonly HeaderField[],
  client = '192.0.2.1:5000',
  tls = false,
): Record<string, string> => {
  const exchange = {
    requestHeaders,
    client,
    flags: { tls } as Exchange['flags'],
  } as Partial<Exchange> as Exchange;
  return Object.fromEntries(requestOf(exchange, { forwarded: true }).headers);
};

describe('what an arm is asked', () => {
  it('says who the client is as the edge does, whatever the client said', () => {
    const claims: readonly HeaderField[] = [
      ['Forwarded', 'for=6.6.6.6'],
      ['X-Forwarded-For', '6.6.6.6'],
      ['X_Forwarded_For', '6.6.6.6'],
      ['X-Forwarded-Port', '666'],
      ['X-Real-IP', '6.6.6.6'],
      ['Proxy', 'evil'],
    ];
    expect(fields([['Host', 'shop.test'], ...claims, ['X-Kept', '1']])).toEqual({
      Host: 'shop.test',
      'X-Kept': '1',
      'x-forwarded-for': '192.0.2.1',
      'x-forwarded-host': 'shop.test',
      'x-forwarded-proto': 'http',
      forwarded: 'for=192.0.2.1;host="shop.test";proto=http',
    });
  });

  it('says https where the client asked by it', () => {
    expect(fields([['Host', 'shop.test']], undefined, true)).toMatchObject({
      'x-forwarded-proto': 'https',
      forwarded: 'for=192.0.2.1;host="shop.test";proto=https',
    });
  });

  it('names a client of IPv6 without its port', () => {
    expect(fields([], '[2001:db8::1]:5000')).toEqual({
      'x-forwarded-for': '2001:db8::1',
      'x-forwarded-proto': 'http',
      forwarded: 'for="[2001:db8::1]";proto=http',
    });
  });
});
