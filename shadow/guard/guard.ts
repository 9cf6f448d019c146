import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  causingExchange,
  closeServer,
  flatHeaders,
  messageOf,
  receivedHeaders,
  withoutHopByHop,
  type ArmName,
  type Clock,
  type Logger,
  type OutboundCall,
  type OutboundStub,
} from '../../common/index.js';
import { answerFor, type Answer } from './answer.js';
import type { RecordedCalls } from './recorded-calls.js';
import { stubFor } from './stub.js';

/**
 * How long an arm's call waits for the record of live's, ms. Live's call ended before its exchange did, which ended before
 * the arm began it, so that the record is normally there; this only covers its way through the recorder's queue.
 */
const RECORD_GRACE_MS = 300;

export interface GuardOptions {
  readonly arm: ArmName;
  /** Names of the destinations (env variables). Each gets a listener of its own, which tells them apart. */
  readonly destinations: readonly string[];
  /** Folder for unix sockets (a jail's bridges lead there); undefined: loopback ports. */
  readonly socketDir: string | undefined;
  readonly recorded: RecordedCalls;
  /** The app's own answers for calls that live did not make. */
  readonly stubs: readonly OutboundStub[];
  /** Says an arm's text in live's terms. */
  readonly canonical: (text: string) => string | Promise<string>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Where one destination's calls end. */
export interface GuardDoor {
  readonly destination: string;
  readonly socket: string | undefined;
  /** Undefined where it listens on a socket. */
  readonly port: number | undefined;
}

/**
 * Where an arm's outbound calls end. Each is recorded and answered with what live's own call got, else with the app's stub, or with an error;
 * nothing is ever passed on: there is no code here that connects to anything. The owner must `close()` it.
 */
export class ArmGuard {
  readonly #options: GuardOptions;
  readonly #servers: Server[] = [];
  readonly #counts = new Map<string, number>();
  #doors: readonly GuardDoor[] = [];
  #calls: OutboundCall[] = [];
  #answered = 0;
  #stubbed = 0;
  #refused = 0;
  #open = 0;

  private constructor(options: GuardOptions) {
    this.#options = options;
  }

  static async start(options: GuardOptions): Promise<ArmGuard> {
    const guard = new ArmGuard(options);
    try {
      guard.#doors = await Promise.all(options.destinations.map((name, index) => guard.#listen(name, index)));
    } catch (error) {
      await guard.close();
      throw error;
    }
    return guard;
  }

  get doors(): readonly GuardDoor[] {
    return this.#doors;
  }

  get answered(): number {
    return this.#answered;
  }

  get stubbed(): number {
    return this.#stubbed;
  }

  get refused(): number {
    return this.#refused;
  }

  /** Calls so far, by destination. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Calls that are being answered now. */
  get open(): number {
    return this.#open;
  }

  /** The calls since they were last taken, in the order they came. */
  takeCalls(): OutboundCall[] {
    const calls = this.#calls;
    this.#calls = [];
    return calls;
  }

  /** An attempt that was refused elsewhere (by the kernel, or the preload), counted and shown with the calls. */
  noteRefused(attempt: { at: number; exchange: string | undefined; kind: string; to: string }): void {
    this.#note({
      exchangeId: attempt.exchange,
      at: attempt.at,
      destination: attempt.to,
      method: attempt.kind.toUpperCase(),
      target: '',
      requestHeaders: [],
      requestBody: new Uint8Array(),
      response: undefined,
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => closeServer(server)));
  }

  async #listen(destination: string, index: number): Promise<GuardDoor> {
    const server = createServer((request, response) => {
      this.#open += 1;
      response.once('close', () => (this.#open -= 1));
      this.#handle(destination, request, response).catch((error: unknown) => {
        // The app ended the connection while it was read: its own affair.
        this.#options.log.debug({ destination, error: messageOf(error) }, 'a guarded call broke off');
        response.destroy();
      });
    });
    this.#servers.push(server);
    // What is no HTTP (a TLS handshake, another protocol) cannot be answered; it is still told.
    server.on('clientError', (_error, socket) => {
      socket.destroy();
      this.noteRefused({ at: this.#options.clock.now(), exchange: undefined, kind: 'tcp', to: destination });
    });
    const socket =
      this.#options.socketDir === undefined ? undefined : join(this.#options.socketDir, `g${index}`);
    if (socket === undefined) server.listen(0, '127.0.0.1');
    else server.listen(socket);
    await once(server, 'listening');
    const port = socket === undefined ? (server.address() as AddressInfo).port : undefined;
    return { destination, socket, port };
  }

  async #handle(destination: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const call = {
      exchangeId: causingExchange(request),
      at: this.#options.clock.now(),
      destination,
      method: request.method ?? 'GET',
      target: request.url ?? '/',
      requestHeaders: receivedHeaders(request),
      requestBody: Buffer.concat(chunks),
    };
    const live = await this.#recordOf(call);
    if (live === undefined) {
      const stub = stubFor(this.#options.stubs, call);
      this.#note({ ...call, response: stub }, stub !== undefined);
      if (stub === undefined) refuse(response, destination);
      else send(request, response, stub);
    } else if (live.response === undefined) {
      // Live's call got no answer, or none that was kept whole: the connection ends here as well.
      this.#note({ ...call, response: undefined });
      response.destroy();
    } else {
      const answer = answerFor({ ...live, response: live.response }, call);
      this.#note({ ...call, response: answer });
      send(request, response, answer);
    }
  }

  /** Live's call that this one is the arm's version of, waiting a moment for its record where it is not there yet. */
  async #recordOf(call: Omit<OutboundCall, 'response'>): Promise<OutboundCall | undefined> {
    const { arm, recorded, canonical, clock } = this.#options;
    const wanted = {
      ...call,
      target: await canonical(call.target),
      requestBody: Buffer.from(await canonical(Buffer.from(call.requestBody).toString('utf8'))),
    };
    const deadline = clock.monotonic() + RECORD_GRACE_MS;
    for (;;) {
      const found = recorded.take(arm, wanted);
      if (found !== undefined || clock.monotonic() >= deadline) return found;
      await clock.sleep(10);
    }
  }

  #note(call: OutboundCall, byStub = false): void {
    this.#calls.push(call);
    this.#counts.set(call.destination, (this.#counts.get(call.destination) ?? 0) + 1);
    if (call.response === undefined) this.#refused += 1;
    else if (byStub) this.#stubbed += 1;
    else this.#answered += 1;
  }
}

function refuse(response: ServerResponse, destination: string): void {
  const body = JSON.stringify({
    error: {
      code: 'NO_RECORDED_ANSWER',
      message: `live made no such call to ${destination}; a shadow's calls never leave it`,
    },
  });
  response
    .writeHead(504, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      'Dharma-Guard': 'refused',
    })
    .end(body);
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const headers = withoutHopByHop(answer.headers).filter(([name]) => name.toLowerCase() !== 'content-length');
  const bodiless = request.method === 'HEAD' || answer.status === 204 || answer.status === 304;
  const length: readonly [string, string][] = bodiless
    ? answer.headers.filter(([name]) => name.toLowerCase() === 'content-length').map(([n, v]) => [n, v])
    : [['Content-Length', String(answer.body.length)]];
  response.writeHead(answer.status, flatHeaders([...headers, ...length]));
  response.end(bodiless ? undefined : answer.body);
}
