import type { Exchange, HeaderField } from '../../common/index.js';
import type { Request } from '../correlate/rewrite.js';

/** Fields of one connection, and those that are made anew for the body that is sent. */
const NOT_FORWARDED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'content-length',
]);

/** What the edge takes from every client: only a proxy may say it (native/src/claims.c, the ones an app may read). */
const CLAIM =
  /^(forwarded|x[-_]forwarded.*|proxy|(x[-_])?(true[-_]|cluster[-_])?client[-_]ip|x[-_]real[-_](ip|port)|cf[-_]connecting[-_]ip|x[-_]original[-_](for|host|proto|url)|x[-_]rewrite[-_]url|x[-_](url[-_])?scheme|front[-_]end[-_]https)$/;

export interface ArmRequestOptions {
  /** Write what the proxy before the node writes: X-Forwarded-For, -Proto, -Host and Forwarded. */
  readonly forwarded: boolean;
}

/** The request as live's node saw it, behind its proxy. */
export function requestOf(exchange: Exchange, options: ArmRequestOptions): Request {
  const named = exchange.requestHeaders
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) =>
      value
        .toLowerCase()
        .split(',')
        .map((token) => token.trim()),
    );
  const headers = exchange.requestHeaders.filter(([name]) => {
    const key = name.toLowerCase();
    return !NOT_FORWARDED.has(key) && !named.includes(key) && !key.startsWith('dharma-');
  });
  return {
    method: exchange.method,
    target: exchange.target,
    headers: options.forwarded ? withForwarded(headers, exchange) : headers,
    body: exchange.requestBody,
  };
}

function withForwarded(headers: readonly HeaderField[], exchange: Exchange): readonly HeaderField[] {
  const address = exchange.client.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const host = headers.find(([name]) => name.toLowerCase() === 'host')?.[1];
  const proto = exchange.flags.tls ? 'https' : 'http';
  const node = address.includes(':') ? `"[${address}]"` : address;
  return [
    ...headers.filter(([name]) => !CLAIM.test(name.toLowerCase())),
    ['x-forwarded-for', address],
    ...(host === undefined ? [] : [['x-forwarded-host', host] as const]),
    ['x-forwarded-proto', proto],
    ['forwarded', `for=${node}${host === undefined ? '' : `;host="${host}"`};proto=${proto}`],
  ];
}

/** Whether the original announced a body, so that an empty one is announced again. */
export function announcesBody(exchange: Exchange): boolean {
  return exchange.requestHeaders.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name));
}

/** Whether the original body came in chunks. */
export function isChunked(exchange: Exchange): boolean {
  return exchange.requestHeaders.some(([name]) => name.toLowerCase() === 'transfer-encoding');
}
