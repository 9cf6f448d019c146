import {
  DEFAULT_BACKOFF,
  messageOf,
  nextBackoff,
  systemClock,
  type Logger,
  type StartedStore,
} from '../../common/index.js';
import type { ChildState } from './protocol.js';

/** A store's process that is started again, at the same port and with the same data, whenever it ends. */
export class KeptStore {
  readonly #name: string;
  readonly #start: (port: number, signal: AbortSignal) => Promise<StartedStore>;
  readonly #log: Logger;
  readonly #abort = new AbortController();
  #store: StartedStore;
  #restarts = 0;
  #lastExit: string | undefined;
  readonly #loop: Promise<void>;

  private constructor(
    name: string,
    store: StartedStore,
    start: (port: number, signal: AbortSignal) => Promise<StartedStore>,
    log: Logger,
  ) {
    this.#name = name;
    this.#store = store;
    this.#start = start;
    this.#log = log;
    this.#loop = this.#keep();
  }

  /** `port` 0: a free one. Errors: those of `start`. */
  static async open(
    name: string,
    port: number,
    start: (port: number, signal: AbortSignal) => Promise<StartedStore>,
    log: Logger,
    signal: AbortSignal,
  ): Promise<KeptStore> {
    return new KeptStore(name, await start(port, signal), start, log.child({ child: name }));
  }

  /** Does not change over restarts. */
  get uri(): string {
    return this.#store.uri;
  }

  get port(): number {
    return Number(new URL(this.#store.uri).port);
  }

  state(): ChildState {
    return {
      name: this.#name,
      pid: this.#store.pid,
      restarts: this.#restarts,
      ...(this.#lastExit === undefined ? {} : { lastExit: this.#lastExit }),
    };
  }

  async close(): Promise<void> {
    this.#abort.abort(new Error('closed'));
    await this.#store.close();
    await this.#loop;
  }

  async #keep(): Promise<void> {
    const { signal } = this.#abort;
    for (let crashes = 0; ;) {
      const exit = await this.#store.exited;
      if (signal.aborted) return;
      this.#lastExit = exit.signal ?? `exit ${exit.code}`;
      crashes += 1;
      this.#log.error({ exit, log: this.#store.logFile }, 'the store ended; restarting it');
      while (!(await this.#restart(crashes)))
        if (signal.aborted) return;
        else crashes += 1;
    }
  }

  async #restart(crashes: number): Promise<boolean> {
    const { signal } = this.#abort;
    try {
      await systemClock.sleep(nextBackoff(DEFAULT_BACKOFF, crashes), signal);
      this.#store = await this.#start(this.port, signal);
      this.#restarts += 1;
      // Closed while it started: nobody else will end it.
      if (signal.aborted) await this.#store.close();
      return true;
    } catch (error) {
      if (!signal.aborted)
        this.#log.error({ error: messageOf(error) }, 'the store did not start; trying again');
      return false;
    }
  }
}
