import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { ProxyConfig } from '../config/proxy.js';
import { DharmaError, throwIfAborted } from '../errors.js';
import { FrameDecoder, FrameError, encodeFrame } from '../frames/index.js';
import type { ConfigAckFrame, Frame, HelloFrame } from '../frames/index.js';
import type { Logger } from '../log.js';

export interface ControlConnectionOptions {
  readonly path: string;
  readonly subscribe: { readonly telemetry: boolean; readonly exchanges: boolean };
  /** Every frame that is not the answer to a `configure` or a `purge`. */
  readonly onFrame: (frame: Frame, connection: ControlConnection) => void;
  readonly log: Logger;
}

/** One connection to one process' control socket, from connect to end. The owner must `close()` it. */
export class ControlConnection {
  readonly #options: ControlConnectionOptions;
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder();
  readonly #acks = new Map<
    number,
    { resolve: (ack: ConfigAckFrame) => void; reject: (error: Error) => void }
  >();
  /** The proxy answers in the order it was asked. */
  #purges: { resolve: (count: number) => void; reject: (error: Error) => void }[] = [];
  #hello: HelloFrame | undefined;
  #tellHandedOver: () => void = () => undefined;
  /** Resolves when it is closed, by either side. */
  readonly ended: Promise<void>;
  /** Resolves when another process has taken the place of this one, which goes on with what it has; or with `ended`. */
  readonly left: Promise<void>;

  private constructor(options: ControlConnectionOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    this.ended = new Promise((resolve) => socket.once('close', () => (this.#lost(), resolve())));
    const handedOver = new Promise<void>((resolve) => (this.#tellHandedOver = resolve));
    this.left = Promise.race([this.ended, handedOver]);
    socket.on('error', (error) => options.log.debug({ error: error.message }, 'control connection'));
    socket.on('data', (chunk) => this.#read(chunk));
    socket.write(encodeFrame({ kind: 'Subscribe', ...options.subscribe }));
  }

  /** Rejects when nobody listens there, or when the signal aborts. */
  static async open(options: ControlConnectionOptions, signal: AbortSignal): Promise<ControlConnection> {
    const socket = connect(options.path);
    try {
      await once(socket, 'connect', { signal });
      return new ControlConnection(options, socket);
    } catch (error) {
      socket.on('error', () => undefined); // Told already.
      socket.destroy();
      throw error;
    }
  }

  /** What the process said of itself when the connection opened. */
  get hello(): HelloFrame | undefined {
    return this.#hello;
  }

  get closed(): boolean {
    return this.#socket.destroyed;
  }

  /**
   * Hands the process a config document and waits for its answer. Errors: PROXY_CONTROL_LOST when the connection ends
   * before the answer; the signal's reason.
   */
  async configure(generation: number, config: ProxyConfig, signal: AbortSignal): Promise<ConfigAckFrame> {
    throwIfAborted(signal);
    if (this.#hello === undefined || this.closed) throw controlLost(this.#options.path);
    return new Promise((resolve, reject) => {
      const giveUp = (): void => settle(() => reject(signal.reason as Error));
      const settle = (how: () => void): void => {
        this.#acks.delete(generation);
        signal.removeEventListener('abort', giveUp);
        how();
      };
      this.#acks.set(generation, {
        resolve: (ack) => settle(() => resolve(ack)),
        reject: (error) => settle(() => reject(error)),
      });
      signal.addEventListener('abort', giveUp, { once: true });
      this.#socket.write(
        encodeFrame({ kind: 'Config', generation, json: Buffer.from(JSON.stringify(config)) }),
      );
    });
  }

  /** Forgets stored answers by prefix; resolves with how many went. Errors: as of `configure`. */
  async purge(prefix: string, signal: AbortSignal): Promise<number> {
    throwIfAborted(signal);
    if (this.#hello === undefined || this.closed) throw controlLost(this.#options.path);
    return new Promise((resolve, reject) => {
      // It keeps its place in the order when nobody waits for it any more.
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      this.#purges.push({ resolve, reject });
      this.#socket.write(encodeFrame({ kind: 'Purge', prefix }));
    });
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    try {
      for (const frame of this.#decoder.push(chunk)) this.#received(frame);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#options.log.error({ error: error.message }, 'the proxy broke the control protocol');
      this.#socket.destroy();
    }
  }

  #received(frame: Frame): void {
    if (frame.kind === 'ConfigAck') {
      this.#acks.get(frame.generation)?.resolve(frame);
      return;
    }
    if (frame.kind === 'Purged') {
      this.#purges.shift()?.resolve(frame.count);
      return;
    }
    if (frame.kind === 'Hello') this.#hello = frame;
    if (frame.kind === 'HandedOver') this.#tellHandedOver();
    this.#options.onFrame(frame, this);
  }

  #lost(): void {
    for (const { reject } of [...this.#acks.values(), ...this.#purges.splice(0)])
      reject(controlLost(this.#options.path));
  }
}

export function controlLost(path: string): DharmaError {
  return new DharmaError({
    code: 'PROXY_CONTROL_LOST',
    message: 'the connection to the proxy was lost',
    found: path,
    remedy: 'It is made again by itself when the proxy is back; see its log.',
    httpStatus: 503,
  });
}
