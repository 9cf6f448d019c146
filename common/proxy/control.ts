import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { systemClock } from '../clock.js';
import type { ProxyConfig } from '../config/proxy.js';
import { DharmaError, messageOf, throwIfAborted } from '../errors.js';
import { FrameDecoder, FrameError, encodeFrame } from '../frames/index.js';
import type { ConfigAckFrame, Frame, HelloFrame } from '../frames/index.js';
import type { Logger } from '../log.js';

export interface ProxyControlOptions {
  /** The unix socket the proxy listens on. */
  readonly path: string;
  readonly subscribe: { readonly telemetry: boolean; readonly exchanges: boolean };
  /** Every frame that is not the answer to a `configure`: Hello at each connection, Telemetry, Exchange, Dropped. */
  readonly onFrame: (frame: Frame) => void;
  readonly log: Logger;
}

/** First and longest wait between attempts to connect, ms: a proxy that restarts is back within the first few. */
const RECONNECT_FIRST_MS = 10;
const RECONNECT_MOST_MS = 500;

/** A connection to a proxy's control socket, made again whenever it is lost. The owner must `close()` it. */
export class ProxyControl {
  readonly #options: ProxyControlOptions;
  readonly #abort = new AbortController();
  readonly #loop: Promise<void>;
  readonly #acks = new Map<
    number,
    { resolve: (ack: ConfigAckFrame) => void; reject: (error: Error) => void }
  >();
  #socket: Socket | undefined;
  #hello: HelloFrame | undefined;
  #waiting: (() => void)[] = [];
  #paused = false;

  constructor(options: ProxyControlOptions) {
    this.#options = options;
    this.#loop = this.#run();
  }

  /** What the proxy said when the present connection opened; undefined while there is none. */
  get hello(): HelloFrame | undefined {
    return this.#hello;
  }

  /** Resolves when the proxy has said hello; rejects with the signal's reason when that aborts first. */
  async connected(signal: AbortSignal): Promise<HelloFrame> {
    while (this.#hello === undefined) {
      throwIfAborted(signal);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        signal.addEventListener('abort', wake, { once: true });
        this.#waiting.push(wake);
      });
    }
    return this.#hello;
  }

  /**
   * Hands the proxy a config document and waits for its answer. Errors: PROXY_CONTROL_LOST when there is no connection or
   * it ends before the answer; the signal's reason.
   */
  async configure(generation: number, config: ProxyConfig, signal: AbortSignal): Promise<ConfigAckFrame> {
    throwIfAborted(signal);
    const socket = this.#socket;
    if (socket === undefined || this.#hello === undefined) throw controlLost(this.#options.path);
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
      socket.write(encodeFrame({ kind: 'Config', generation, json: Buffer.from(JSON.stringify(config)) }));
    });
  }

  /** Stops reading: the proxy then drops exchanges, and counts them, rather than wait. */
  pause(): void {
    this.#paused = true;
    this.#socket?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#socket?.resume();
  }

  async close(): Promise<void> {
    this.#abort.abort(new Error('closed'));
    this.#socket?.destroy();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    for (
      let pauseMs = RECONNECT_FIRST_MS;
      !signal.aborted;
      pauseMs = Math.min(pauseMs * 1.5, RECONNECT_MOST_MS)
    ) {
      const socket = connect(this.#options.path);
      this.#socket = socket;
      try {
        await once(socket, 'connect', { signal });
        pauseMs = RECONNECT_FIRST_MS;
        await this.#serve(socket);
      } catch (error) {
        this.#options.log.trace({ error: messageOf(error) }, 'no control connection');
      }
      socket.destroy();
      this.#lost();
      await systemClock.sleep(pauseMs, signal).catch(() => undefined); // Rejects only by our own close().
    }
  }

  /** One connection, until it ends. */
  async #serve(socket: Socket): Promise<void> {
    const decoder = new FrameDecoder();
    const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', (error) => this.#options.log.debug({ error: error.message }, 'control connection'));
    socket.on('data', (chunk) => {
      try {
        for (const frame of decoder.push(chunk)) this.#received(frame);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        this.#options.log.error({ error: error.message }, 'the proxy broke the control protocol');
        socket.destroy();
      }
    });
    if (this.#paused) socket.pause();
    socket.write(encodeFrame({ kind: 'Subscribe', ...this.#options.subscribe }));
    await ended;
  }

  #received(frame: Frame): void {
    if (frame.kind === 'ConfigAck') {
      this.#acks.get(frame.generation)?.resolve(frame);
      return;
    }
    if (frame.kind === 'Hello') {
      this.#hello = frame;
      for (const wake of this.#waiting.splice(0)) wake();
    }
    this.#options.onFrame(frame);
  }

  #lost(): void {
    this.#socket = undefined;
    this.#hello = undefined;
    for (const { reject } of this.#acks.values()) reject(controlLost(this.#options.path));
  }
}

function controlLost(path: string): DharmaError {
  return new DharmaError({
    code: 'PROXY_CONTROL_LOST',
    message: 'the connection to the proxy was lost',
    found: path,
    remedy: 'It is made again by itself when the proxy is back; see its log.',
    httpStatus: 503,
  });
}
