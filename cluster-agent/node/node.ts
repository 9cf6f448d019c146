import {
  DEFAULT_BACKOFF,
  DharmaError,
  logTail,
  messageOf,
  systemClock,
  systemCode,
  throwIfAborted,
  type AppLauncher,
  type Backoff,
  type Clock,
  type DharmaErrorJson,
  type LaunchSpec,
  type Logger,
  type NodeState,
  type NodeStatus,
  type RunningApp,
} from '../../common/index.js';
import { redact } from '../redact.js';
import { afterLife, type LifeHistory } from './crash-policy.js';

export interface NodeOptions {
  readonly launch: LaunchSpec & { readonly host: string };
  readonly launcher: AppLauncher;
  /** Runs the route tests against the node, and tells when they have passed; a rejection keeps it from traffic. */
  readonly test: (
    target: { readonly host: string; readonly port: number },
    passed: () => void,
    signal: AbortSignal,
  ) => Promise<void>;
  /** When its host was asked for (monotonic, ms); default: now. */
  readonly askedAt?: number;
  /** Called when its first life has passed the route tests, with the time that took since `askedAt`, ms. */
  readonly onPassed?: (ms: number) => void;
  /** Called when it ended by itself after it was ready. */
  readonly onLost?: () => void;
  /** Called after every change of state. Must not throw. */
  readonly onChange: () => void;
  readonly log: Logger;
  readonly backoff?: Backoff;
  readonly clock?: Clock;
}

/**
 * One node of a cluster: a copy of a release, started, tested, and started again whenever it ends, until `stop()`.
 *
 *     starting → testing → ready → (ended) → starting …
 *                                  failed: does not start, fails its tests or crashes in a loop; still tried, slowly
 *     ready → draining → stopped
 */
export class Node {
  readonly #options: NodeOptions;
  readonly #abort = new AbortController();
  readonly #loop: Promise<void>;
  #state: NodeState = 'starting';
  #app: RunningApp | undefined;
  #port = 0;
  #restarts = 0;
  #error: DharmaError | undefined;
  #reason: string | undefined;
  #passed = false;
  readonly #askedAt: number;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#askedAt = options.askedAt ?? (options.clock ?? systemClock).monotonic();
    this.#loop = this.#run();
  }

  get name(): string {
    return this.#options.launch.name;
  }

  get state(): NodeState {
    return this.#state;
  }

  /** Why it is `failed`; undefined in any other state. */
  get error(): DharmaErrorJson | undefined {
    return this.#state === 'failed' ? this.#error?.toJSON() : undefined;
  }

  get status(): NodeStatus {
    return {
      name: this.name,
      release: this.#options.launch.release.id,
      state: this.#state,
      address: this.#options.launch.host,
      port: this.#port,
      pid: this.#app?.pid,
      restarts: this.#restarts,
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
    };
  }

  /** Says that it gets no more requests; it goes on with those it has. */
  drain(): void {
    if (this.#state === 'ready') this.#enter('draining');
  }

  /** SIGTERM, SIGKILL after `deadlineMs`. Idempotent. */
  async stop(deadlineMs?: number): Promise<void> {
    this.#abort.abort(new Error('stopped'));
    await this.#app?.stop(deadlineMs);
    await this.#loop;
    this.#enter('stopped');
  }

  async #run(): Promise<void> {
    const { clock = systemClock, backoff = DEFAULT_BACKOFF, log } = this.#options;
    let history: LifeHistory = { crashesInRow: 0, everReady: false };
    while (!this.#abort.signal.aborted) {
      const { readyMs, error } = await this.#live(clock);
      if (this.#abort.signal.aborted || this.#state === 'draining') break;
      const next = afterLife(history, readyMs, backoff);
      history = next.history;
      this.#error = error;
      this.#reason = error.message;
      log.warn({ node: this.name, error: error.toJSON(), restartInMs: next.waitMs }, 'node ended');
      if (readyMs > 0) this.#options.onLost?.();
      this.#enter(next.failed ? 'failed' : 'starting');
      await clock.sleep(next.waitMs, this.#abort.signal).catch(() => undefined); // Rejects only by our own stop().
      this.#restarts += 1;
    }
  }

  /** One life of the process, from its start to its end, and why it ended. */
  async #live(clock: Clock): Promise<{ readonly readyMs: number; readonly error: DharmaError }> {
    let readyAt: number | undefined;
    let error: DharmaError;
    const { signal } = this.#abort;
    try {
      this.#app = await this.#options.launcher.launch(this.#options.launch, signal);
      // Told to stop in the very moment it came up: `stop()` has not seen it.
      throwIfAborted(signal);
      const { target } = this.#app;
      if (!('port' in target)) throw new Error('a node of a cluster listens at an address');
      this.#port = target.port;
      if (this.#state !== 'failed') this.#enter('testing');
      await this.#testWhileRunning(this.#app, target);
      readyAt = clock.monotonic();
      this.#enter('ready');
      await this.#app.exited;
      error = await this.#crashed(this.#app);
    } catch (thrown) {
      error = asDharmaError(thrown, signal);
    }
    await this.#app?.stop();
    this.#app = undefined;
    return { readyMs: readyAt === undefined ? 0 : Math.max(1, clock.monotonic() - readyAt), error };
  }

  async #testWhileRunning(
    app: RunningApp,
    target: { readonly host: string; readonly port: number },
  ): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([this.#abort.signal, over.signal]);
    const ended = app.exited.then(async () => {
      throw await this.#crashed(app);
    });
    try {
      const tests = this.#options.test(target, () => this.#notePassed(), signal);
      tests.catch(() => undefined); // Heard below, unless the app ended first, which says more.
      await Promise.race([tests, ended]);
    } finally {
      ended.catch(() => undefined); // It ends some day; whoever waits for `exited` then deals with it.
      over.abort(new Error('the tests are over'));
    }
  }

  /** Later lives find their host there, so that they tell nothing of a new node. */
  #notePassed(): void {
    if (this.#passed) return;
    this.#passed = true;
    if (this.#restarts > 0) return;
    const { clock = systemClock, onPassed } = this.#options;
    onPassed?.(clock.monotonic() - this.#askedAt);
  }

  async #crashed(app: RunningApp): Promise<DharmaError> {
    const { code, signal } = await app.exited;
    return new DharmaError({
      code: 'NODE_CRASHED',
      message: `${this.name} ended by itself: ${signal ?? `exit code ${code}`}`,
      found: redact(await logTail(this.#options.launch.logFile)),
      remedy: `Read its log: federate logs, or ${this.#options.launch.logFile}`,
      httpStatus: 502,
    });
  }

  #enter(state: NodeState): void {
    if (state === this.#state) return;
    this.#state = state;
    if (state === 'ready') this.#reason = this.#restarts > 0 ? this.#reason : undefined;
    this.#options.log.debug({ node: this.name, state }, 'node');
    this.#options.onChange();
  }
}

/** What the launcher, a test or the system refuses is for the operator; anything else is a bug, unless it is our own stop. */
function asDharmaError(thrown: unknown, signal: AbortSignal): DharmaError {
  if (thrown instanceof DharmaError) return thrown;
  if (!signal.aborted && systemCode(thrown) === undefined) throw thrown;
  return new DharmaError({
    code: 'NODE_NOT_STARTED',
    message: `a node could not be started: ${messageOf(thrown)}`,
    remedy: 'Make room or give the rights that the message names.',
    cause: thrown,
  });
}
