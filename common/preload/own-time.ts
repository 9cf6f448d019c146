/**
 * Preload for Node apps (`node --import`): a node answers for its own time. How long each request took from when the app was
 * handed it until its answer was written is told to the cluster's agent once a second, by endpoint: what the proxy measured
 * beyond that was waiting before the app, or the way to it.
 *
 * Runs inside other people's apps: no imports but Node's own, nothing thrown, nothing that keeps a process from ending.
 * DHARMA_OWN_TIMES is the agent's unix socket, DHARMA_NODE this node's name; without them nothing is done.
 */
import { subscribe } from 'node:diagnostics_channel';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';

/** How often it is told, ms. */
const TELL_EVERY_MS = 1000;
/** Durations are told in steps of 2^(1/16), 4.4%: bucket b is 2^(b/16) µs. */
const STEPS = 16;
const SHARED = Symbol.for('dharma.own-time');
/** The proxy sets it on each request. */
const EXCHANGE = 'dharma-exchange';

const BEGAN = Symbol('dharma.began');

/** `at`: by `performance.now()`. On the request itself: a map would cost more than all the rest. */
type Request = IncomingMessage & { [BEGAN]?: { readonly at: number; readonly url: string } };

/** An endpoint, its pattern, and its methods (null: all). */
type Route = readonly [endpoint: string, pattern: string, methods: readonly string[] | null];

/** Routes by the segments of their patterns. */
interface Place {
  readonly exact: Map<string, Place>;
  param?: Place;
  rest?: Route[];
  readonly here: Route[];
}

const place = (): Place => ({ exact: new Map(), here: [] });

function treeOf(routes: readonly Route[]): Place {
  const root = place();
  for (const route of routes) {
    let at = root;
    for (const segment of route[1].slice(1).split('/')) {
      if (segment.startsWith('*')) {
        (at.rest ??= []).push(route);
        at = place(); // Nothing stands behind it.
      } else if (segment.startsWith(':')) at = at.param ??= place();
      else {
        const next = at.exact.get(segment) ?? place();
        at.exact.set(segment, next);
        at = next;
      }
    }
    at.here.push(route);
  }
  return root;
}

/** As the proxy finds it: what is literal before what is not, and the rest of a path last. */
function find(at: Place, segments: readonly string[], i: number, method: string): string | undefined {
  const takes = (routes: readonly Route[] | undefined): string | undefined =>
    routes?.find(([, , methods]) => methods === null || methods.includes(method))?.[0];
  const segment = segments[i];
  if (segment === undefined) return takes(at.here);
  const exact = at.exact.get(segment);
  return (
    (exact && find(exact, segments, i + 1, method)) ??
    (segment === '' || at.param === undefined ? undefined : find(at.param, segments, i + 1, method)) ??
    takes(at.rest)
  );
}

function follow(socketPath: string, node: string): void {
  let routes: Place | undefined;
  let counts = new Map<string, Map<number, number>>();

  subscribe('http.server.request.start', (message) => {
    const { request } = message as { request: Request };
    // What comes by the proxy, which measures it too. Frameworks change `url` while they serve.
    if (routes !== undefined && request.headers[EXCHANGE] !== undefined)
      request[BEGAN] = { at: performance.now(), url: request.url ?? '' };
  });
  subscribe('http.server.response.finish', (message) => {
    const { request, response } = message as { request: Request; response: ServerResponse };
    const start = request[BEGAN];
    // Of successes, as the proxy's.
    if (start === undefined || routes === undefined || response.statusCode >= 500) return;
    const us = Math.max(1, (performance.now() - start.at) * 1000);
    const [path = ''] = start.url.split('?');
    const endpoint = find(routes, path.slice(1).split('/'), 0, request.method ?? '');
    if (endpoint === undefined) return;
    const bucket = Math.round(Math.log2(us) * STEPS);
    const own = counts.get(endpoint) ?? new Map<number, number>();
    counts.set(endpoint, own.set(bucket, (own.get(bucket) ?? 0) + 1));
  });

  const ask = (method: string, body: string | undefined, answered: (text: string) => void): void => {
    const request = http.request({ socketPath, method, path: '/', agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => answered(Buffer.concat(parts).toString()));
      response.on('error', () => undefined);
    });
    request.on('socket', (socket) => socket.unref());
    // An agent that is away is told the next time.
    request.on('error', () => undefined);
    request.end(body);
  };
  const learn = (text: string): void => {
    try {
      routes = treeOf(JSON.parse(text) as Route[]);
    } catch {
      // Asked again.
    }
  };
  const tell = (): void => {
    if (routes === undefined) return ask('GET', undefined, learn);
    if (counts.size === 0) return;
    const endpoints = Object.fromEntries([...counts].map(([name, buckets]) => [name, [...buckets]]));
    counts = new Map();
    ask('POST', JSON.stringify({ node, endpoints }), () => undefined);
  };
  tell();
  setInterval(tell, TELL_EVERY_MS).unref();
}

const { DHARMA_OWN_TIMES: socketPath, DHARMA_NODE: node } = process.env;
// Loaded twice (NODE_OPTIONS and a flag, say), it must not count twice.
if (socketPath !== undefined && node !== undefined && !(SHARED in globalThis)) {
  Object.defineProperty(globalThis, SHARED, { value: true });
  follow(socketPath, node);
}
