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

export interface ArmRequestOptions {
  /** Add what the proxy before the node adds: X-Forwarded-For, -Proto, -Host. */
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
  const value = (name: string): string | undefined =>
    headers.find(([field]) => field.toLowerCase() === name)?.[1];
  const address = exchange.client.replace(/:\d+$/, '');
  const before = value('x-forwarded-for');
  const kept = headers.filter(([name]) => name.toLowerCase() !== 'x-forwarded-for');
  const added: HeaderField[] = [
    ['x-forwarded-for', before === undefined ? address : `${before}, ${address}`],
  ];
  if (value('x-forwarded-proto') === undefined) added.push(['x-forwarded-proto', 'http']);
  const host = value('host');
  if (value('x-forwarded-host') === undefined && host !== undefined) added.push(['x-forwarded-host', host]);
  return [...kept, ...added];
}

/** Whether the original announced a body, so that an empty one is announced again. */
export function announcesBody(exchange: Exchange): boolean {
  return exchange.requestHeaders.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name));
}

/** Whether the original body came in chunks. */
export function isChunked(exchange: Exchange): boolean {
  return exchange.requestHeaders.some(([name]) => name.toLowerCase() === 'transfer-encoding');
}
