import { systemClock } from '../clock.js';
import type { ProxyConfig } from '../config/proxy.js';
import { messageOf, throwIfAborted } from '../errors.js';
import type { ConfigAckFrame, Frame, HelloFrame } from '../frames/index.js';
import type { Logger } from '../log.js';
import { ControlConnection, controlLost } from './connection.js';

export interface ProxyControlOptions {
  /** The unix socket the proxy listens on. */
  readonly path: string;
  readonly subscribe: { readonly telemetry: boolean; readonly exchanges: boolean };
  /** Every frame that is not the answer to a `configure` or a `purge`, and the pid of the process it is from (0 before its Hello). */
  readonly onFrame: (frame: Frame, pid: number) => void;
  /** This process tells no more. */
  readonly onEnd?: (pid: number) => void;
  readonly log: Logger;
}

/** First and longest wait between attempts to connect, ms: a proxy that restarts is back within the first few. */
const RECONNECT_FIRST_MS = 10;
const RECONNECT_MOST_MS = 500;

/**
 * A connection to a proxy's control socket, made again whenever it is lost. When another process takes the proxy's place
 * it is made to that one, and the one before is heard until it ends. The owner must `close()` it.
 */
export class ProxyControl {
  readonly #options: ProxyControlOptions;
  readonly #abort = new AbortController();
  readonly #loop: Promise<void>;
  readonly #leaving = new Set<ControlConnection>();
  #current: ControlConnection | undefined;
  #waiting: (() => void)[] = [];
  #paused = false;

  constructor(options: ProxyControlOptions) {
    this.#options = options;
    this.#loop = this.#run();
  }

  /** What the proxy said when the present connection opened; undefined while there is none. */
  get hello(): HelloFrame | undefined {
    return this.#current?.hello;
  }

  /** To processes whose place another has taken, while they finish what they have. */
  get leaving(): readonly ControlConnection[] {
    return [...this.#leaving];
  }

  /** Resolves when the proxy has said hello; rejects with the signal's reason when that aborts first. */
  async connected(signal: AbortSignal): Promise<HelloFrame> {
    return this.hello ?? this.#until(() => true, signal);
  }

  /** Resolves when a process other than `pid` has said hello; rejects with the signal's reason when that aborts first. */
  async replaced(pid: number, signal: AbortSignal): Promise<HelloFrame> {
    return this.#until((hello) => hello.pid !== pid, signal);
  }

  /**
   * Hands the proxy a config document and waits for its answer. Errors: PROXY_CONTROL_LOST when there is no connection or
   * it ends before the answer; the signal's reason.
   */
  async configure(generation: number, config: ProxyConfig, signal: AbortSignal): Promise<ConfigAckFrame> {
    throwIfAborted(signal);
    if (this.#current === undefined) throw controlLost(this.#options.path);
    return this.#current.configure(generation, config, signal);
  }

  /** Forgets stored answers by prefix; resolves with how many went. Errors: as of `configure`. */
  async purge(prefix: string, signal: AbortSignal): Promise<number> {
    throwIfAborted(signal);
    if (this.#current === undefined) throw controlLost(this.#options.path);
    return this.#current.purge(prefix, signal);
  }

  /** Stops reading: the proxy then drops exchanges, and counts them, rather than wait. */
  pause(): void {
    this.#paused = true;
    for (const connection of this.#connections()) connection.pause();
  }

  resume(): void {
    this.#paused = false;
    for (const connection of this.#connections()) connection.resume();
  }

  async close(): Promise<void> {
    this.#abort.abort(new Error('closed'));
    const all = this.#connections();
    for (const connection of all) connection.close();
    await Promise.all([this.#loop, ...all.map(({ ended }) => ended)]);
  }

  #connections(): ControlConnection[] {
    return [...this.#leaving, ...(this.#current === undefined ? [] : [this.#current])];
  }

  async #until(fits: (hello: HelloFrame) => boolean, signal: AbortSignal): Promise<HelloFrame> {
    for (;;) {
      const hello = this.hello;
      if (hello !== undefined && fits(hello)) return hello;
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
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    for (
      let pauseMs = RECONNECT_FIRST_MS;
      !signal.aborted;
      pauseMs = Math.min(pauseMs * 1.5, RECONNECT_MOST_MS)
    ) {
      try {
        await this.#serve(signal);
        pauseMs = RECONNECT_FIRST_MS;
      } catch (error) {
        this.#options.log.trace({ error: messageOf(error) }, 'no control connection');
      }
      await systemClock.sleep(pauseMs, signal).catch(() => undefined); // Rejects only by our own close().
    }
  }

  /** One connection, until its end or until another process has taken its process' place. */
  async #serve(signal: AbortSignal): Promise<void> {
    const { path, subscribe, log } = this.#options;
    const connection = await ControlConnection.open(
      { path, subscribe, log, onFrame: (frame, from) => this.#received(frame, from) },
      signal,
    );
    this.#current = connection;
    if (signal.aborted) connection.close();
    if (this.#paused) connection.pause();
    await connection.left;
    this.#current = undefined;
    this.#leaving.add(connection);
    const leave = async (): Promise<void> => {
      await connection.ended;
      this.#leaving.delete(connection);
      if (connection.hello !== undefined) this.#options.onEnd?.(connection.hello.pid);
    };
    void leave();
  }

  #received(frame: Frame, from: ControlConnection): void {
    if (frame.kind === 'Hello') for (const wake of this.#waiting.splice(0)) wake();
    this.#options.onFrame(frame, from.hello?.pid ?? 0);
  }
}
