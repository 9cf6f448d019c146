import type { Exchange } from '../../../common/index.js';

/** What live answered to the `n`th request, a GET, just now. */
export function getExchange(target: string, n: number): Exchange {
  const now = process.hrtime.bigint();
  return {
    ...{ id: n.toString(16).padStart(16, '0'), startedNs: now, firstByteNs: now, finishedNs: now },
    ...{ startedAt: Date.now(), endpoint: '*', node: 'n', client: '127.0.0.1:1' },
    ...{ method: 'GET', target, status: 200 },
    flags: {
      ...{ requestTruncated: false, responseTruncated: false, clientAborted: false },
      ...{ upstreamFailed: false, upgraded: false, retried: false, tls: false },
    },
    ...{ requestBodyLength: 0, responseBodyLength: 0, requestHeaders: [['Host', 'shop.example']] },
    responseHeaders: [['content-type', 'application/json']],
    requestBody: new Uint8Array(),
    responseBody: Buffer.from(JSON.stringify({ url: target })),
  };
}
