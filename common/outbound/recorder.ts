import { once } from 'node:events';
import http, { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
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
}

/** Stands between an app and what it calls out to, passes everything on and tells what it saw. The owner must `close()` it. */
export interface OutboundRecorder {
  /** Env variable → the recorder's address for it, with the path of the live URL. */
  readonly env: Readonly<Record<string, string>>;
  /** `host:port` of each, for the context preload's DHARMA_OUTBOUND. */
  readonly addresses: readonly string[];
  /** Calls in the order they ended. */
  readonly source: OutboundSource;
  close(): Promise<void>;
}

/** Starts a recorder with one loopback port a destination. */
export async function startRecorder(options: RecorderOptions): Promise<OutboundRecorder> {
  const queue = new CallQueue();
  const agents = { http: new http.Agent({ keepAlive: true }), https: new https.Agent({ keepAlive: true }) };
  const destinations = await Promise.all(
    Object.entries(options.destinations).map(async ([name, url]) => {
      const recording = new Recording(
        name,
        url === undefined ? undefined : new URL(url),
        queue,
        agents,
        options.log,
      );
      const server = createServer((request, response) => recording.handle(request, response));
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

class Recording {
  readonly #name: string;
  readonly #upstream: URL | undefined;
  readonly #queue: CallQueue;
  readonly #agents: Agents;
  readonly #log: Logger;

  constructor(name: string, upstream: URL | undefined, queue: CallQueue, agents: Agents, log: Logger) {
    this.#name = name;
    this.#upstream = upstream;
    this.#queue = queue;
    this.#agents = agents;
    this.#log = log;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
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
    const finish = (
      status: number,
      headers: readonly (readonly [string, string])[],
      body: Buffer | undefined,
    ): void =>
      this.#queue.push({
        ...call,
        requestBody: sent.body() ?? Buffer.alloc(0),
        response: body === undefined ? undefined : { status, headers, body },
      });
    if (this.#upstream === undefined) answerOk(request, response, finish);
    else this.#passOn(this.#upstream, request, response, finish);
  }

  #passOn(
    upstream: URL,
    request: IncomingMessage,
    response: ServerResponse,
    finish: (
      status: number,
      headers: readonly (readonly [string, string])[],
      body: Buffer | undefined,
    ) => void,
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
    onward.on('response', (answer) => {
      const answerHeaders = withoutHopByHop(receivedHeaders(answer));
      const got = new BodyCollector(MAX_BODY_BYTES);
      response.writeHead(answer.statusCode ?? 502, flatHeaders(answerHeaders));
      answer.on('data', (chunk: Buffer) => got.add(chunk));
      answer.on('end', () => finish(answer.statusCode ?? 502, answerHeaders, got.body()));
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    });
    onward.on('error', (error) => {
      this.#log.debug({ destination: this.#name, error: messageOf(error) }, 'an outbound call failed');
      // As without a recorder: the app sees its connection end.
      finish(0, [], undefined);
      response.destroy();
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

function answerOk(
  request: IncomingMessage,
  response: ServerResponse,
  finish: (status: number, headers: readonly (readonly [string, string])[], body: Buffer) => void,
): void {
  const body = Buffer.from('{"ok":true}');
  const headers = [
    ['Content-Type', 'application/json'],
    ['Content-Length', String(body.length)],
  ] as const;
  request.on('end', () => {
    response.writeHead(200, flatHeaders(headers)).end(body);
    finish(200, headers, body);
  });
}
