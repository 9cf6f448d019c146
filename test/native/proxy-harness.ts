import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server as HttpServer, ServerResponse } from 'node:http';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { FrameDecoder, encodeFrame } from '../../common/frames/index.js';
import type { ConfigAckFrame, ExchangeFrame, Frame, TelemetryFrame } from '../../common/frames/index.js';

/** The proxy under test; DHARMA_PROXY names another build (the sanitizers'). */
export const proxyBinary = resolve(process.env['DHARMA_PROXY'] ?? 'native/build/dharma-proxy');
if (!existsSync(proxyBinary)) throw new Error(`${proxyBinary} is missing: npm run build:native`);

export type ProxyConfig = Record<string, unknown>;
export interface NodeConfig {
  name: string;
  address: string;
  port: number;
  weight?: number;
  state?: string;
  tls?: boolean;
  serverName?: string;
  class?: string;
  maxRequests?: number;
}

const cleanups: (() => Promise<void> | void)[] = [];

/** Ends everything this file's tests started; call it in afterEach. */
export async function cleanUp(): Promise<void> {
  for (const clean of cleanups.splice(0).reverse()) await clean();
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dharma-proxy-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export const delay = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Polls until `probe` gives a value; the test's own deadline ends what never comes. */
export async function eventually<T>(probe: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    await delay(10);
  }
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
}

/** Runs the binary to its end. */
export async function runProxy(args: readonly string[]): Promise<Ended & { stdout: string }> {
  const child = spawn(proxyBinary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (d: Buffer) => (stdout += d.toString()));
  child.stderr.on('data', (d: Buffer) => (stderr += d.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

/** A proxy that runs. */
export class Proxy {
  readonly ended: Promise<Ended>;
  stderr = '';
  /** The test killed it: how it ended says nothing. */
  killed = false;

  constructor(
    readonly child: ChildProcess,
    readonly folder: string,
    readonly file: string,
    readonly controlPath: string,
    public config: ProxyConfig,
  ) {
    child.stderr?.on('data', (d: Buffer) => (this.stderr += d.toString()));
    this.ended = once(child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      stderr: this.stderr,
    }));
  }

  /** The port it listens on; rejects with what it said when it ends instead. */
  async port(): Promise<number> {
    const found = await Promise.race([
      eventually(() => /"event":"listening".*"port":(\d+)/.exec(this.stderr)?.[1]),
      this.ended.then((ended) => Promise.reject(new Error(`proxy ended: ${JSON.stringify(ended)}`))),
    ]);
    return Number(found);
  }

  /** Replaces keys of the config file and asks for a reload by signal. */
  async reload(change: ProxyConfig): Promise<void> {
    this.config = { ...this.config, ...change };
    await writeFile(this.file, JSON.stringify(this.config));
    this.child.kill('SIGHUP');
  }

  /** As when the machine's owner loses patience: nothing is tidied up. */
  async kill(): Promise<void> {
    this.killed = true;
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** Drains; the account's own assertions make a leak a crash. */
  async stop(): Promise<Ended> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM');
    return this.ended;
  }
}

/** Starts a proxy on a free port with a control socket; it must end by exit 0 at clean-up. `shell`: commands before it, the last of which is exec "$@". */
export async function startProxy(
  nodes: readonly NodeConfig[],
  more: ProxyConfig = {},
  shell?: string,
): Promise<Proxy & { at: number }> {
  const folder = await temporaryFolder();
  const controlPath = join(folder, 'control.sock');
  const config: ProxyConfig = {
    listen: [{ address: '127.0.0.1', port: 0 }],
    control: controlPath,
    nodes,
    telemetry: { interval: 50 },
    drainTimeout: 500,
    ...more,
  };
  const file = join(folder, 'proxy.json');
  await writeFile(file, JSON.stringify(config));
  return launch(folder, file, controlPath, config, [], shell);
}

/** Another process takes the place of a proxy that runs, with its config but for `change`. */
export async function takeOver(old: Proxy, change: ProxyConfig = {}): Promise<Proxy & { at: number }> {
  const config = { ...old.config, ...change };
  await writeFile(old.file, JSON.stringify(config));
  return launch(old.folder, old.file, old.controlPath, config, ['--take-over']);
}

async function launch(
  folder: string,
  file: string,
  controlPath: string,
  config: ProxyConfig,
  more: readonly string[],
  shell = 'exec "$@"',
): Promise<Proxy & { at: number }> {
  const command = [proxyBinary, '--config', file, ...more];
  const child = spawn('/bin/sh', ['-c', shell, 'sh', ...command], { stdio: ['ignore', 'ignore', 'pipe'] });
  const proxy = new Proxy(child, folder, file, controlPath, config);
  cleanups.push(async () => {
    const ended = await proxy.stop();
    if (ended.code !== 0 && !proxy.killed) throw new Error(`the proxy ended badly: ${JSON.stringify(ended)}`);
  });
  return Object.assign(proxy, { at: await proxy.port() });
}

function portOf(server: Server | HttpServer): number {
  return (server.address() as AddressInfo).port;
}

export interface Upstream {
  port: number;
  node: NodeConfig;
  connections: number;
  requests: number;
  close: () => Promise<void>;
}

async function listen(server: Server | HttpServer, name: string, port: number): Promise<Upstream> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new Set<Socket>();
  const upstream: Upstream = {
    port: portOf(server),
    node: { name, address: '127.0.0.1', port: portOf(server) },
    connections: 0,
    requests: 0,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      if (server.listening) await new Promise<void>((done) => server.close(() => done()));
    },
  };
  server.on('connection', (socket: Socket) => {
    upstream.connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  cleanups.push(upstream.close);
  return upstream;
}

/** A node that speaks HTTP properly. */
export async function startNode(
  handler: RequestListener,
  name = 'app-1',
  port = 0,
): Promise<Upstream & { server: HttpServer }> {
  const server = createHttpServer({ keepAliveTimeout: 60_000 }, handler);
  const upstream = await listen(server, name, port);
  server.on('request', () => upstream.requests++);
  return Object.assign(upstream, { server });
}

/** A node whose bytes the test writes itself. */
export async function startRawNode(
  handler: (socket: Socket) => void,
  name = 'app-1',
  allowHalfOpen = false,
): Promise<Upstream> {
  return listen(createServer({ allowHalfOpen }, handler), name, 0);
}

/** A port nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  await new Promise<void>((done) => server.close(() => done()));
  return port;
}

/** Answers with what arrived, as JSON. */
export function echo(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (d: Buffer) => chunks.push(d));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString('latin1');
    response.end(
      JSON.stringify({
        method: request.method,
        url: request.url,
        headers: request.headers,
        trailers: request.trailers,
        body,
      }),
    );
  });
}

/** A connection to the proxy on which the test writes bytes. */
export async function open(
  port: number,
  allowHalfOpen = false,
): Promise<Socket & { received: () => string }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen });
  let text = '';
  socket.on('data', (d: Buffer) => (text += d.toString('latin1')));
  socket.on('error', () => undefined);
  cleanups.push(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  return Object.assign(socket, { received: () => text });
}

/** Resolves when the socket is closed, in good order or by a reset. */
export const closedOf = (socket: Socket): Promise<void> =>
  new Promise((done) => socket.once('close', () => done()));

/** Sends bytes; everything the proxy answers until it closes. */
export async function exchange(port: number, bytes: string | Buffer): Promise<string> {
  const socket = await open(port);
  const closed = closedOf(socket);
  socket.write(bytes);
  await closed;
  return socket.received();
}

export const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: test\r\n${more}\r\n`;
export const lastGet = (path: string, more = ''): string => get(path, `Connection: close\r\n${more}`);

/** An agent's side of the control socket. */
export class ControlPeer {
  readonly frames: Frame[] = [];
  readonly socket: Socket;
  private readonly decoder = new FrameDecoder();

  constructor(path: string) {
    this.socket = connect(path);
    this.socket.on('error', () => undefined);
    this.socket.on('data', (d: Buffer) => this.frames.push(...this.decoder.push(d)));
    cleanups.push(() => {
      this.socket.destroy();
    });
  }

  send(frame: Frame): void {
    this.socket.write(encodeFrame(frame));
  }

  subscribe(what: { telemetry?: boolean; exchanges?: boolean }): void {
    this.send({ kind: 'Subscribe', telemetry: what.telemetry ?? false, exchanges: what.exchanges ?? false });
  }

  of<K extends Frame['kind']>(kind: K): Extract<Frame, { kind: K }>[] {
    return this.frames.filter((f): f is Extract<Frame, { kind: K }> => f.kind === kind);
  }

  async configure(generation: number, config: unknown): Promise<ConfigAckFrame> {
    this.send({
      kind: 'Config',
      generation,
      json: Buffer.from(typeof config === 'string' ? config : JSON.stringify(config)),
    });
    return eventually(() => this.of('ConfigAck').find((ack) => ack.generation === generation));
  }

  /** The next Telemetry frame, from now on, that satisfies the condition. */
  async telemetry(when: (t: TelemetryFrame) => boolean = () => true): Promise<TelemetryFrame> {
    const from = this.frames.length;
    return eventually(() =>
      this.frames.slice(from).find((f): f is TelemetryFrame => f.kind === 'Telemetry' && when(f)),
    );
  }

  async exchanges(count: number): Promise<ExchangeFrame[]> {
    return eventually(() => (this.of('Exchange').length >= count ? this.of('Exchange') : undefined));
  }

  /** Sums of one node's counters over all Telemetry frames so far. */
  totals(node: string): { count: number; errors: number; clientAborts: number } {
    const entries = this.of('Telemetry').flatMap((t) => t.entries.filter((e) => e.node === node));
    const sum = (pick: (e: (typeof entries)[number]) => number): number =>
      entries.reduce((n, e) => n + Number(pick(e)), 0);
    return {
      count: sum((e) => e.count),
      errors: sum((e) => e.errors),
      clientAborts: sum((e) => e.clientAborts),
    };
  }
}

/** A peer that has subscribed; what follows is captured or counted. */
export async function subscribe(
  proxy: Proxy,
  what: { telemetry?: boolean; exchanges?: boolean },
): Promise<ControlPeer> {
  const peer = new ControlPeer(proxy.controlPath);
  await eventually(() => peer.of('Hello')[0]);
  peer.subscribe({ telemetry: true, ...what });
  // Orders reach a worker in order: the first telemetry frame comes after the subscription has taken effect.
  await peer.telemetry();
  await peer.telemetry();
  return peer;
}

/**
 * Waits until nothing is open any more, and gives the frame that says so last. A frame tells of one worker's requests and
 * of all workers' account: each worker must have said it, twice in a row, so that what it had yet to accept is in it.
 */
export async function settled(peer: ControlPeer): Promise<TelemetryFrame> {
  const { workers } = peer.of('Hello')[0]!;
  const from = peer.of('Telemetry').length;
  return eventually(() => {
    const frames = peer.of('Telemetry').slice(from);
    const isIdle = (worker: number): boolean => {
      const last = frames.filter((frame) => frame.worker === worker).slice(-2);
      return last.length === 2 && last.every(({ openRequests }) => openRequests === 0);
    };
    return Array.from({ length: workers }, (_, worker) => worker).every(isIdle) ? frames.at(-1) : undefined;
  });
}
