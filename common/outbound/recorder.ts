import { once } from 'node:events';
import http, { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { HeaderField } from '../domain/exchange.js';
import { messageOf } from '../errors.js';
import type { OutboundSource } from '../domain/shadow.js';
import type { Logger } from '../log.js';
import { CallQueue } from './call-queue.js';
import {
  BodyCollector,
  causingExchange,
  flatHeaders,
  receivedHeaders,
  withoutHopByHop,
} from './http-call.js';

/** Bodies beyond this are passed on but not kept: such a call cannot be answered again from the record. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

export interface RecorderOptions {
  /** Env variable → the live URL it held; undefined: there is none, so that every call is answered 200 `{"ok":true}`. */
  readonly destinations: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  /** Whether it records from the start; default true. Calls are passed on either way. */
  readonly recording?: boolean;
}

/** Stands between an app and what it calls out to, passes everything on and tells what it saw. The owner must `close()` it. */
export interface OutboundRecorder {
  /** Env variable → the recorder's address for it, with the path of the live URL. */
  readonly env: Readonly<Record<string, string>>;
  /** `host:port` of each, for the context preload's DHARMA_OUTBOUND. */
  readonly addresses: readonly string[];
  /** Calls in the order they ended. */
  readonly source: OutboundSource;
  /** Switches the recording on or off for calls that begin from now on. Off, no body is kept. */
  record(on: boolean): void;
  /** Calls given up because nobody read them in time. */
  lost(): number;
  close(): Promise<void>;
}

/** Starts a recorder with one loopback port a destination. */
export async function startRecorder(options: RecorderOptions): Promise<OutboundRecorder> {
  const queue = new CallQueue();
  const state = { recording: options.recording ?? true };
  const agents = { http: new http.Agent({ keepAlive: true }), https: new https.Agent({ keepAlive: true }) };
  const destinations = await Promise.all(
    Object.entries(options.destinations).map(async ([name, url]) => {
      const destination = new Destination(
        name,
        url === undefined ? undefined : new URL(url),
        agents,
        options.log,
      );
      const server = createServer((request, response) =>
        destination.handle(request, response, state.recording ? queue : undefined),
      );
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      return { name, server, address, env: recordedUrl(address, url) };
    }),
  );
  return {
    env: Object.fromEntries(destinations.map(({ name, env }) => [name, env])),
    addresses: destinations.map(({ address }) => address),
    source: queue,
    record: (on) => (state.recording = on),
    lost: () => queue.lost,
    close: async () => {
      await Promise.all(destinations.map(({ server }) => closeServer(server)));
      agents.http.destroy();
      agents.https.destroy();
      await queue.close();
    },
  };
}

/** The live URL with another authority: what the app puts behind it stays the same. */
export function recordedUrl(address: string, url: string | undefined): string {
  if (url === undefined) return `http://${address}`;
  const { pathname, search } = new URL(url);
  // An app that joins paths by text must not meet a slash that live's URL did not end in.
  const path = pathname === '/' && !url.endsWith('/') ? '' : pathname;
  return `http://${address}${path}${search}`;
}

export async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

type Agents = { readonly http: http.Agent; readonly https: https.Agent };

/** Tells how a call ended; a body that is undefined was cut off or too large to keep. */
type Finish = (status: number, headers: readonly HeaderField[], body: Buffer | undefined) => void;

class Destination {
  readonly #name: string;
  readonly #upstream: URL | undefined;
  readonly #agents: Agents;
  readonly #log: Logger;

  constructor(name: string, upstream: URL | undefined, agents: Agents, log: Logger) {
    this.#name = name;
    this.#upstream = upstream;
    this.#agents = agents;
    this.#log = log;
  }

  /** `queue`: where to tell of it; undefined: nowhere. */
  handle(request: IncomingMessage, response: ServerResponse, queue: CallQueue | undefined): void {
    const finish = queue === undefined ? undefined : this.#record(request, queue);
    if (this.#upstream === undefined) answerOk(request, response, finish);
    else this.#passOn(this.#upstream, request, response, finish);
  }

  #record(request: IncomingMessage, queue: CallQueue): Finish {
    const call = {
      exchangeId: causingExchange(request),
      at: Date.now(),
      destination: this.#name,
      method: request.method ?? 'GET',
      target: request.url ?? '/',
      requestHeaders: receivedHeaders(request),
    };
    const sent = new BodyCollector(MAX_BODY_BYTES);
    request.on('data', (chunk: Buffer) => sent.add(chunk));
    return (status, headers, body) =>
      queue.push({
        ...call,
        requestBody: sent.body() ?? Buffer.alloc(0),
        response: body === undefined ? undefined : { status, headers, body },
      });
  }

  #passOn(
    upstream: URL,
    request: IncomingMessage,
    response: ServerResponse,
    finish: Finish | undefined,
  ): void {
    const secure = upstream.protocol === 'https:';
    const headers = withoutHopByHop(receivedHeaders(request)).filter(
      ([name]) => name.toLowerCase() !== 'host',
    );
    const onward = (secure ? https : http).request({
      host: upstream.hostname,
      port: upstream.port === '' ? undefined : upstream.port,
      agent: secure ? this.#agents.https : this.#agents.http,
      method: request.method,
      path: request.url,
      headers: ['Host', upstream.host, ...flatHeaders(headers), ...bodyFraming(request)],
    });
    // A connection that fails or breaks is one that breaks for the app as well, as it would without a recorder.
    const broken = (error: Error): void => {
      this.#log.debug({ destination: this.#name, error: messageOf(error) }, 'an outbound call failed');
      finish?.(0, [], undefined);
      finish = undefined;
      response.destroy();
    };
    onward.on('error', broken);
    onward.on('response', (answer) => {
      const status = answer.statusCode ?? 502;
      const answerHeaders = withoutHopByHop(receivedHeaders(answer));
      response.writeHead(status, flatHeaders(answerHeaders));
      if (finish !== undefined) {
        const got = new BodyCollector(MAX_BODY_BYTES);
        answer.on('data', (chunk: Buffer) => got.add(chunk));
        answer.on('end', () => finish?.(status, answerHeaders, got.body()));
      }
      answer.on('error', broken);
      answer.pipe(response);
    });
    response.on('close', () => {
      if (!response.writableFinished) onward.destroy();
    });
    request.pipe(onward);
  }
}

/** With headers given as an array Node adds no framing of its own. */
function bodyFraming(request: IncomingMessage): string[] {
  return request.headers['transfer-encoding'] === undefined ? [] : ['Transfer-Encoding', 'chunked'];
}

function answerOk(request: IncomingMessage, response: ServerResponse, finish: Finish | undefined): void {
  const body = Buffer.from('{"ok":true}');
  const headers: HeaderField[] = [
    ['Content-Type', 'application/json'],
    ['Content-Length', String(body.length)],
  ];
  request.on('end', () => {
    response.writeHead(200, flatHeaders(headers)).end(body);
    finish?.(200, headers, body);
  });
  request.resume();
}
