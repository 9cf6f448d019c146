/**
 * Preload for Node apps (`node --import`): carries the id of the exchange a request belongs to (header
 * `dharma-exchange`, set by the proxy or the replay) through everything the app does for it, and puts it on the HTTP
 * calls it makes to declared destinations, so that whoever records those calls knows what caused them.
 *
 * Runs inside other people's apps: no imports but Node's own, nothing thrown, and nothing done for a request that does
 * not carry the header. DHARMA_OUTBOUND lists the destinations, `host:port` with commas between.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';

/** What is known of the exchange that is being served. Other preloads keep their own state of it on the same object. */
export interface ExchangeContext {
  /** 16 hex digits. */
  readonly id: string;
  /** Milliseconds since 1970 at which live began the exchange; only in a shadow's arms. */
  readonly liveTime: number | undefined;
  /** When it began here, by `performance.now()`. */
  readonly beganAt: number;
}

const EXCHANGE = 'dharma-exchange';
const TIME = 'dharma-time';
/** Where other preloads find the context, since each of them stands alone. */
const SHARED = Symbol.for('dharma.exchange-context');
/** Events by which a server hands a request to the app. */
const REQUEST_EVENTS = new Set<unknown>(['request', 'checkContinue', 'checkExpectation', 'upgrade']);

const storage = new AsyncLocalStorage<ExchangeContext>();
const destinations = new Set((process.env.DHARMA_OUTBOUND ?? '').split(',').filter((d) => d !== ''));

interface Emitting {
  emit: (this: Emitting, event: string | symbol, ...args: unknown[]) => boolean;
}

function followRequests(prototype: Emitting): void {
  const emit = prototype.emit;
  prototype.emit = function (this: Emitting, event: string | symbol, ...args: unknown[]): boolean {
    const context = REQUEST_EVENTS.has(event) ? takeContext(args[0] as IncomingMessage) : undefined;
    if (context === undefined) return emit.call(this, event, ...args);
    for (const part of args.slice(0, 2)) bindEmitter(part as Emitting, context);
    return storage.run(context, () => emit.call(this, event, ...args));
  };
}

/** Reads the headers that are meant for us, and hides them from the app. */
function takeContext(request: IncomingMessage): ExchangeContext | undefined {
  const { headers } = request;
  const id = headers[EXCHANGE];
  if (typeof id !== 'string') return undefined;
  const time = headers[TIME];
  delete headers[EXCHANGE];
  delete headers[TIME];
  if (!/^[0-9a-f]{16}$/.test(id)) return undefined;
  const liveTime = typeof time === 'string' && /^\d{1,15}$/.test(time) ? Number(time) : undefined;
  return { id, liveTime, beganAt: performance.now() };
}

/** Events of a message (body, end, finish, close) come from the socket's own context: run them in the exchange's. */
function bindEmitter(emitter: Emitting, context: ExchangeContext): void {
  const emit = emitter.emit;
  emitter.emit = function (this: Emitting, event: string | symbol, ...args: unknown[]): boolean {
    return storage.run(context, () => emit.call(this, event, ...args));
  };
}

type RequestArguments = [string | URL | RequestOptions, ...unknown[]];

function tagRequests(
  module: { request: typeof http.request; get: typeof http.get },
  defaultPort: number,
): void {
  const original = module.request as (...args: unknown[]) => ClientRequest;
  const request = function (this: unknown, ...args: RequestArguments): ClientRequest {
    const context = storage.getStore();
    if (context === undefined || !destinations.has(destinationOf(args, defaultPort)))
      return original.apply(this, args);
    const outgoing = original.apply(this, withArrayHeader(args, context.id));
    if (!outgoing.headersSent) outgoing.setHeader(EXCHANGE, context.id);
    return outgoing;
  };
  module.request = request;
  module.get = function (this: unknown, ...args: RequestArguments): ClientRequest {
    const outgoing = request.apply(this, args);
    outgoing.end();
    return outgoing;
  };
}

/** `host:port` that a call of `http.request` goes to, or '' when it cannot be told. */
function destinationOf(args: RequestArguments, defaultPort: number): string {
  try {
    const [first, second] = args;
    const url = typeof first === 'string' ? new URL(first) : first instanceof URL ? first : undefined;
    const options = ((url === undefined ? first : second) ?? {}) as RequestOptions;
    const given = typeof options === 'object' ? options : {};
    const host = given.hostname ?? given.host ?? url?.hostname ?? 'localhost';
    const port = given.port ?? (url?.port === '' ? undefined : url?.port) ?? given.defaultPort ?? defaultPort;
    return `${host}:${port}`;
  } catch {
    return ''; // Node itself will say what is wrong with the arguments.
  }
}

/** Headers given as an array are sent as they are: no `setHeader` afterwards, so ours is added to the array. */
function withArrayHeader(args: RequestArguments, id: string): unknown[] {
  return args.map((arg) => {
    if (typeof arg !== 'object' || arg === null || !('headers' in arg)) return arg;
    const headers: unknown = arg.headers;
    if (!Array.isArray(headers)) return arg;
    const added = Array.isArray(headers[0]) ? [[EXCHANGE, id]] : [EXCHANGE, id];
    return { ...arg, headers: [...(headers as unknown[]), ...added] };
  });
}

/** `fetch`, and undici itself: they publish each request before it is written. */
function tagFetches(): void {
  interface UndiciRequest {
    readonly origin?: string | URL;
    addHeader?: (name: string, value: string) => void;
  }
  subscribe('undici:request:create', (message) => {
    const context = storage.getStore();
    if (context === undefined) return;
    const { request } = message as { request: UndiciRequest };
    try {
      const { hostname, port, protocol } = new URL(String(request.origin));
      if (destinations.has(`${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`))
        request.addHeader?.(EXCHANGE, context.id);
    } catch {
      // An origin that is no URL (a unix socket's) is none of the declared ones.
    }
  });
}

// Loaded twice (NODE_OPTIONS and a flag, say), it must not wrap twice.
if (!(SHARED in globalThis)) {
  Object.defineProperty(globalThis, SHARED, { value: storage });
  followRequests(http.Server.prototype as unknown as Emitting);
  followRequests(https.Server.prototype as unknown as Emitting);
  if (destinations.size > 0) {
    tagRequests(http, 80);
    tagRequests(https, 443);
    syncBuiltinESMExports();
    tagFetches();
  }
}
