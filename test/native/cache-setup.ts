import type { IncomingMessage, ServerResponse } from 'node:http';
import { startNode, startProxy } from './proxy-harness.js';
import type { Proxy, ProxyConfig, Upstream } from './proxy-harness.js';

/** `count`: of the request at the origin, from 1. */
export type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;
export interface Setup {
  node: Upstream;
  proxy: Proxy & { at: number };
  seen: IncomingMessage[];
}

/** An origin, and a proxy that caches all of it. */
export async function setUp(
  handler: Handler,
  cache: ProxyConfig = {},
  more: ProxyConfig = {},
): Promise<Setup> {
  const seen: IncomingMessage[] = [];
  const node = await startNode((request, response) => {
    seen.push(request);
    handler(request, response, seen.length);
  });
  const proxy = await startProxy([node.node], {
    routes: [{ pattern: '/*rest', class: 'asset' }],
    cache,
    ...more,
  });
  return { node, proxy, seen };
}

/** Answers with a number that tells one answer from the next. */
export const counting =
  (fields: Record<string, string>): Handler =>
  (_, response, count) => {
    for (const [name, value] of Object.entries(fields)) response.setHeader(name, value);
    response.end(`answer ${count}`);
  };
