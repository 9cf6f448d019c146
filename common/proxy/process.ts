import type { ProxyConfig } from '../config/proxy.js';
import { DharmaError, messageOf } from '../errors.js';
import type { HelloFrame } from '../frames/index.js';
import { findNative } from '../paths.js';
import { baseEnv, type Child, type ChildExit, type ChildSpec } from '../process/child.js';
import { Supervised } from '../process/supervise.js';
import type { ControlConnection } from './connection.js';
import { ProxyControl } from './control.js';
import {
  ANSWER_DEADLINE_MS,
  checkSocketPath,
  notAnswering,
  notBuilt,
  notStarted,
  refused,
} from './errors.js';
import { ProxyExchangeSource } from './exchange-source.js';
import type {
  ProxyFixed,
  ProxyIdentity,
  ProxyProcessOptions,
  ProxyReplacement,
  ProxySettings,
} from './options.js';
import { ProxyRunDir } from './run-dir.js';
import { serving } from './serving.js';

/** As in the proxy, where `drainTimeout` is left out, ms. */
const DEFAULT_DRAIN_MS = 10_000;

/**
 * A dharma-proxy as a process of its own: started again when it ends, with the last config that it accepted. The owner
 * must `stop()` it.
 */
export class ProxyProcess {
  readonly #options: ProxyProcessOptions;
  readonly #dir: ProxyRunDir;
  readonly #supervised: Supervised;
  readonly #control: ProxyControl;
  readonly #leaving = new Set<Child>();
  #listen: ProxyConfig['listen'];
  #workers: number | undefined;
  /** As the process that started last was told: with port 0, say, not the port it got. */
  #told: ProxyFixed;
  /** The same, by pid of the processes that are connected. */
  readonly #toldTo = new Map<number, ProxyFixed>();
  #settings: ProxySettings;
  #generation = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #firstExit: (exit: ChildExit) => void = () => undefined;

  private constructor(options: ProxyProcessOptions) {
    this.#options = options;
    this.#dir = new ProxyRunDir(options.runDir);
    this.#listen = options.listen;
    this.#workers = options.workers;
    this.#told = { listen: options.listen, workers: options.workers };
    this.#settings = options.settings;
    this.#supervised = new Supervised({
      spec: () => this.#freshSpec(),
      onExit: (exit) => this.#firstExit(exit),
      log: options.log,
    });
    this.#control = new ProxyControl({
      path: this.controlPath,
      subscribe: {
        telemetry: [options.onTelemetry, options.onLimits, options.onCache].some((on) => on !== undefined),
        exchanges: false,
      },
      onFrame: (frame, pid) => {
        if (frame.kind === 'Telemetry') options.onTelemetry?.(frame, pid);
        if (frame.kind === 'Limits') options.onLimits?.(frame, pid);
        if (frame.kind === 'Cache') options.onCache?.(frame);
        if (frame.kind === 'Hello') this.#greeted(frame);
      },
      onEnd: (pid) => {
        this.#toldTo.delete(pid);
        options.onEnd?.(pid);
      },
      log: options.log,
    });
  }

  /**
   * Resolves when the proxy listens. Errors: NATIVE_NOT_BUILT, PROXY_CONFIG_REFUSED, PROXY_NOT_STARTED (a port that is
   * taken, for example), PATH_TOO_LONG.
   */
  static async start(options: ProxyProcessOptions, signal: AbortSignal): Promise<ProxyProcess> {
    findProgram();
    const dir = new ProxyRunDir(options.runDir);
    checkSocketPath(dir.controlPath);
    await dir.make();
    const logStart = await dir.logEnd();
    const proxy = new ProxyProcess(options);
    try {
      await proxy.#started(signal);
      await proxy.#learnPorts(logStart);
      return proxy;
    } catch (error) {
      await proxy.stop();
      throw error;
    }
  }

  get pid(): number | undefined {
    return this.#supervised.child?.pid;
  }

  get restarts(): number {
    return this.#supervised.restarts;
  }

  /** Where it listens, with the ports it really got. */
  get listen(): ProxyConfig['listen'] {
    return this.#listen;
  }

  get controlPath(): string {
    return this.#dir.controlPath;
  }

  get logFile(): string {
    return this.#dir.logFile;
  }

  /** The settings it last accepted. */
  get settings(): ProxySettings {
    return this.#settings;
  }

  /**
   * Puts `settings` into force: when this resolves, every request that starts goes by them. Resolves with the generation
   * that telemetry names once it does. Pushes take effect in the order they were made. Errors: PROXY_CONFIG_REFUSED (the old ones stay in force), PROXY_NOT_ANSWERING.
   */
  async push(settings: ProxySettings): Promise<number> {
    return this.#inTurn(() => this.#push(settings));
  }

  /**
   * Starts another process in the place of the one that runs: of the program as it now is on disk, with `change`. No
   * connection is refused or cut: the one before hands its listening sockets over, answers what it has, and lives as long
   * as its WebSockets do. Errors leave it as it was: NATIVE_NOT_BUILT, PROXY_CONFIG_REFUSED, PROXY_NOT_STARTED,
   * PROXY_NOT_ANSWERING.
   */
  async replace(change: ProxyReplacement = {}): Promise<ProxyIdentity> {
    return this.#inTurn(() => this.#replace(change));
  }

  /**
   * Forgets stored answers whose URL begins so, see the frame. Resolves with how many went. Errors: PROXY_NOT_ANSWERING,
   * PROXY_CONTROL_LOST.
   */
  async purge(prefix: string): Promise<number> {
    const deadline = AbortSignal.timeout(ANSWER_DEADLINE_MS);
    try {
      await this.#control.connected(deadline);
      return await this.#control.purge(prefix, deadline);
    } catch (error) {
      if (deadline.aborted) throw notAnswering(this.#options.name, this.logFile);
      throw error;
    }
  }

  /** The exchanges it captures from now on, for one reader. Close it before the proxy. */
  exchanges(): ProxyExchangeSource {
    return new ProxyExchangeSource({ path: this.controlPath, log: this.#options.log });
  }

  /** Lets it finish what it has, for as long as its drainTimeout allows. Idempotent. */
  async stop(): Promise<void> {
    // They end by themselves within drainTimeout; only one that hangs needs to be killed.
    const deadlineMs = (this.#settings.drainTimeout ?? DEFAULT_DRAIN_MS) + ANSWER_DEADLINE_MS;
    await Promise.all([this.#supervised, ...this.#leaving].map((process) => process.stop(deadlineMs)));
    await this.#control.close();
    await this.#dir.removeSocket();
  }

  async #push(settings: ProxySettings): Promise<number> {
    const deadline = AbortSignal.timeout(ANSWER_DEADLINE_MS);
    const generation = ++this.#generation;
    for (;;) {
      try {
        const { pid } = await this.#control.connected(deadline);
        const ack = await this.#control.configure(generation, this.#configOf(pid, settings), deadline);
        if (!ack.ok) throw refused(this.#options.name, ack.path, ack.message);
        break;
      } catch (error) {
        if (deadline.aborted) throw notAnswering(this.#options.name, this.logFile);
        // It restarts: try again with the new one.
        if (!(error instanceof DharmaError) || error.code !== 'PROXY_CONTROL_LOST') throw error;
      }
    }
    await Promise.all(
      this.#control.leaving.map((connection) => this.#pushTo(connection, generation, settings, deadline)),
    );
    this.#settings = settings;
    await this.#writeConfig();
    return generation;
  }

  /** To a process that finishes what it has: its clients may ask once more before they go. */
  async #pushTo(
    connection: ControlConnection,
    generation: number,
    settings: ProxySettings,
    deadline: AbortSignal,
  ): Promise<void> {
    const pid = connection.hello!.pid;
    try {
      const ack = await connection.configure(generation, this.#configOf(pid, settings), deadline);
      if (!ack.ok) throw refused(this.#options.name, ack.path, ack.message);
    } catch (error) {
      if (error instanceof DharmaError && error.code === 'PROXY_CONTROL_LOST') return; // It has ended.
      this.#options.log.warn({ pid, error: messageOf(error) }, 'a proxy that leaves goes by an older config');
    }
  }

  async #replace(change: ProxyReplacement): Promise<ProxyIdentity> {
    const deadline = AbortSignal.timeout(REPLACE_DEADLINE_MS);
    const program = findProgram();
    const before = await this.#control.connected(deadline).catch((error: unknown) => {
      throw deadline.aborted ? notAnswering(this.#options.name, this.logFile) : error;
    });
    const was = { listen: this.#listen, workers: this.#workers, settings: this.#settings, told: this.#told };
    const logStart = await this.#dir.logEnd();
    this.#listen = change.listen ?? this.#listen;
    this.#workers = change.workers ?? this.#workers;
    this.#settings = change.settings ?? this.#settings;
    try {
      await this.#writeConfig();
      this.#told = { listen: this.#listen, workers: this.#workers };
      const left = await this.#supervised.replace(this.#spec(program, ['--take-over']), (child, signal) =>
        this.#tookOver(child, before.pid, logStart, AbortSignal.any([signal, deadline])),
      );
      if (left !== undefined) this.#leave(left);
    } catch (error) {
      this.#listen = was.listen;
      this.#workers = was.workers;
      this.#settings = was.settings;
      this.#told = was.told;
      await this.#writeConfig();
      throw error;
    }
    await this.#learnPorts(logStart);
    const { pid, version } = await this.#control.connected(deadline);
    this.#options.log.info({ before: before.pid, pid, version }, 'replaced');
    return { pid, version };
  }

  /** Resolves when it serves. */
  async #tookOver(child: Child, before: number, logStart: number, signal: AbortSignal): Promise<void> {
    await serving(
      (until) => this.#control.replaced(before, until),
      child.exited,
      (code) => this.#startError(code, logStart),
      signal,
    ).catch((error: unknown) => {
      throw signal.aborted ? notAnswering(this.#options.name, this.logFile) : error;
    });
  }

  #leave(child: Child): void {
    this.#leaving.add(child);
    void child.exited.then(() => this.#leaving.delete(child));
  }

  /** A proxy that has restarted, or taken over, runs by the file, which may be one push behind. */
  #greeted(hello: HelloFrame): void {
    if (!this.#toldTo.has(hello.pid)) this.#toldTo.set(hello.pid, this.#told);
    if (hello.generation >= this.#generation) return;
    // What is in force when its turn comes: a push may be on its way already.
    this.#inTurn(() => this.#push(this.#settings)).catch((error: unknown) => {
      this.#options.log.error({ error: messageOf(error) }, 'the restarted proxy did not take its config');
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined); // Whoever waits for `turn` hears of it; the next must only wait.
    return turn;
  }

  async #started(signal: AbortSignal): Promise<void> {
    const exited = new Promise<ChildExit>((resolve) => (this.#firstExit = resolve));
    try {
      await serving(
        (until) => this.#control.connected(until),
        exited,
        (code) => this.#startError(code, 0),
        signal,
      );
    } finally {
      this.#firstExit = () => undefined;
    }
  }

  async #startError(code: number | null, logStart: number): Promise<DharmaError> {
    const said = await this.#dir.lastWord(logStart);
    return code === 2
      ? refused(this.#options.name, '', said)
      : notStarted(this.#options.name, said === '' ? `exit code ${code}` : said, this.#listen);
  }

  async #freshSpec(): Promise<ChildSpec> {
    await this.#dir.removeSocket();
    await this.#writeConfig();
    this.#told = { listen: this.#listen, workers: this.#workers };
    return this.#spec(findProgram(), []);
  }

  #spec(program: string, more: readonly string[]): ChildSpec {
    return {
      name: `proxy ${this.#options.name}`,
      command: program,
      args: ['--config', this.#dir.configFile, ...more],
      env: baseEnv(),
      logFile: this.logFile,
    };
  }

  #configOf(pid: number, settings: ProxySettings): ProxyConfig {
    return this.#config(settings, this.#toldTo.get(pid) ?? this.#told);
  }

  #config(settings: ProxySettings, { listen, workers }: ProxyFixed): ProxyConfig {
    return {
      ...settings,
      listen,
      control: this.controlPath,
      ...(workers === undefined ? {} : { workers }),
    };
  }

  async #writeConfig(): Promise<void> {
    const fixed = { listen: this.#listen, workers: this.#workers };
    await this.#dir.writeConfig(this.#config(this.#settings, fixed));
  }

  /** Where a port was left to the system, the proxy tells which it got; a restarted one must get the same. */
  async #learnPorts(logStart: number): Promise<void> {
    if (this.#listen.every(({ port }) => port !== 0)) return;
    const ports = await this.#dir.ports(logStart);
    this.#listen = this.#listen.map((wanted, index) => ({ ...wanted, port: ports[index] ?? wanted.port }));
    if (this.#listen.some(({ port }) => port === 0)) throw new Error('the proxy did not tell its ports');
    await this.#writeConfig();
  }
}

/** Longer than what the two processes give each other for a step. */
const REPLACE_DEADLINE_MS = 30_000;

/** Looked for at each start: it may have been built anew. Error: NATIVE_NOT_BUILT. */
function findProgram(): string {
  const program = findNative('dharma-proxy');
  if (program === undefined) throw notBuilt();
  return program;
}
