import { systemClock, type Clock } from '../clock.js';
import type { Logger } from '../log.js';
import { messageOf, throwIfAborted } from '../errors.js';
import { Child, type ChildExit, type ChildSpec } from './child.js';

/** Waits between restarts, ms: doubled from `first` up to `most`, and back to `first` after `stableAfter` of running. */
export interface Backoff {
  readonly first: number;
  readonly most: number;
  readonly stableAfter: number;
}

/** Fast enough that one crash is hardly seen, slow enough that a crash loop costs little. */
export const DEFAULT_BACKOFF: Backoff = { first: 100, most: 10_000, stableAfter: 10_000 };

export interface SupervisedOptions {
  /** Called before each start, so that a port or a file can be made anew. */
  readonly spec: () => ChildSpec | Promise<ChildSpec>;
  /** Called when a start has succeeded: wait here until it answers. A rejection counts as a crash. */
  readonly onStart?: (child: Child, signal: AbortSignal) => Promise<void> | void;
  readonly onExit?: (exit: ChildExit, restartInMs: number) => void;
  readonly log: Logger;
  readonly backoff?: Backoff;
  readonly clock?: Clock;
}

/** The wait before the next start, given how often it has crashed in a row and how long it ran. Pure. */
export function nextBackoff(backoff: Backoff, crashesInRow: number): number {
  return Math.min(backoff.first * 2 ** Math.max(0, crashesInRow - 1), backoff.most);
}

/** A child that is started again whenever it ends, until `stop()`. */
export class Supervised {
  readonly #options: SupervisedOptions;
  readonly #abort = new AbortController();
  readonly #loop: Promise<void>;
  #child: Child | undefined;
  #replacing: Promise<unknown> | undefined;
  #restarts = 0;

  constructor(options: SupervisedOptions) {
    this.#options = options;
    this.#loop = this.#run();
  }

  get child(): Child | undefined {
    return this.#child?.exit === undefined ? this.#child : undefined;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /**
   * Starts another child beside the present one. When `ready` resolves it is the child from then on, and the one before,
   * which this resolves with, is the caller's to end. When `ready` rejects it is ended, and all is as it was.
   */
  async replace(
    spec: ChildSpec,
    ready: (child: Child, signal: AbortSignal) => Promise<void>,
  ): Promise<Child | undefined> {
    const work = this.#replace(spec, ready);
    this.#replacing = work.catch(() => undefined); // Our caller gets the error; others must only wait.
    return work.finally(() => (this.#replacing = undefined));
  }

  /** Ends the child and the restarting. Idempotent. */
  async stop(deadlineMs?: number): Promise<void> {
    this.#abort.abort(new Error('stopped'));
    await this.#replacing;
    await this.#child?.stop(deadlineMs);
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { log, clock = systemClock, backoff = DEFAULT_BACKOFF } = this.#options;
    const signal = this.#abort.signal;
    for (let crashes = 0; !signal.aborted;) {
      const startedAt = clock.monotonic();
      const exit = await this.#once();
      if (signal.aborted) break;
      crashes = clock.monotonic() - startedAt > backoff.stableAfter ? 1 : crashes + 1;
      const wait = nextBackoff(backoff, crashes);
      log.warn({ child: this.#child?.name, exit, restartInMs: wait }, 'ended; restarting');
      this.#options.onExit?.(exit, wait);
      await clock.sleep(wait, signal).catch(() => undefined); // The only rejection is our own stop().
      this.#restarts += 1;
    }
  }

  async #replace(
    spec: ChildSpec,
    ready: (child: Child, signal: AbortSignal) => Promise<void>,
  ): Promise<Child | undefined> {
    const { signal } = this.#abort;
    const next = await Child.start(spec);
    try {
      await ready(next, signal);
      throwIfAborted(signal);
    } catch (error) {
      await next.stop();
      throw error;
    }
    const before = this.child;
    this.#child = next;
    return before;
  }

  /** One life of the child, and of those that take its place, from start to end. */
  async #once(): Promise<ChildExit> {
    try {
      // It may have ended while another was about to take its place.
      await this.#replacing;
      if (this.child === undefined) await this.#start();
      for (;;) {
        const child = this.#child!;
        const exit = await child.exited;
        // What takes its place may be ready and not yet be told of here: then this was no crash.
        await this.#replacing;
        if (this.#child === child) return exit;
      }
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#options.log.error({ error: messageOf(error) }, 'did not start');
      await this.#child?.stop();
      return this.#child?.exit ?? { code: null, signal: null };
    }
  }

  async #start(): Promise<void> {
    const child = await Child.start(await this.#options.spec());
    this.#child = child;
    if (this.#abort.signal.aborted) await child.stop();
    else await this.#options.onStart?.(child, this.#abort.signal);
  }
}
