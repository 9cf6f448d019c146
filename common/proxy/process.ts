import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProxyConfig } from '../config/proxy.js';
import { DharmaError, messageOf, systemCode, throwIfAborted } from '../errors.js';
import type { HelloFrame, LimitsFrame, TelemetryFrame } from '../frames/index.js';
import type { Logger } from '../log.js';
import { findNative } from '../paths.js';
import { baseEnv, type ChildExit, type ChildSpec } from '../process/child.js';
import { Supervised } from '../process/supervise.js';
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

/** What of a proxy's config can change while it runs. */
export type ProxySettings = Omit<ProxyConfig, 'listen' | 'workers' | 'control'>;

export interface ProxyProcessOptions {
  /** For logs and errors: `edge`, `blue`. */
  readonly name: string;
  /** Folder for its config, control socket and log; made when it is not there. */
  readonly runDir: string;
  readonly listen: ProxyConfig['listen'];
  readonly workers?: number;
  readonly settings: ProxySettings;
  readonly onTelemetry?: (frame: TelemetryFrame) => void;
  readonly onLimits?: (frame: LimitsFrame) => void;
  readonly log: Logger;
}

/** As in the proxy, where `drainTimeout` is left out, ms. */
const DEFAULT_DRAIN_MS = 10_000;

/**
 * A dharma-proxy as a process of its own: started again when it ends, with the last config that it accepted. The owner
 * must `stop()` it.
 */
export class ProxyProcess {
  readonly #options: ProxyProcessOptions;
  readonly #supervised: Supervised;
  readonly #control: ProxyControl;
  #listen: ProxyConfig['listen'];
  /** As the running process was told: `listen` cannot change while it runs, not even from 0 to the port it got. */
  #told: ProxyConfig['listen'];
  #settings: ProxySettings;
  #generation = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #firstExit: (exit: ChildExit) => void = () => undefined;

  private constructor(options: ProxyProcessOptions, program: string) {
    this.#options = options;
    this.#listen = options.listen;
    this.#told = options.listen;
    this.#settings = options.settings;
    this.#supervised = new Supervised({
      spec: () => this.#childSpec(program),
      onExit: (exit) => this.#firstExit(exit),
      log: options.log,
    });
    this.#control = new ProxyControl({
      path: this.controlPath,
      subscribe: {
        telemetry: options.onTelemetry !== undefined || options.onLimits !== undefined,
        exchanges: false,
      },
      onFrame: (frame) => {
        if (frame.kind === 'Telemetry') options.onTelemetry?.(frame);
        if (frame.kind === 'Limits') options.onLimits?.(frame);
        if (frame.kind === 'Hello') this.#restored(frame);
      },
      log: options.log,
    });
  }

  /**
   * Resolves when the proxy listens. Errors: NATIVE_NOT_BUILT, PROXY_CONFIG_REFUSED, PROXY_NOT_STARTED (a port that is
   * taken, for example), PATH_TOO_LONG.
   */
  static async start(options: ProxyProcessOptions, signal: AbortSignal): Promise<ProxyProcess> {
    const program = findNative('dharma-proxy');
    if (program === undefined) throw notBuilt();
    checkSocketPath(join(options.runDir, CONTROL_SOCKET));
    await mkdir(options.runDir, { recursive: true, mode: 0o700 });
    const logStart = await sizeOf(join(options.runDir, LOG_FILE));
    const proxy = new ProxyProcess(options, program);
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
    return join(this.#options.runDir, CONTROL_SOCKET);
  }

  get logFile(): string {
    return join(this.#options.runDir, LOG_FILE);
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

  /** The exchanges it captures from now on, for one reader. Close it before the proxy. */
  exchanges(): ProxyExchangeSource {
    return new ProxyExchangeSource({ path: this.controlPath, log: this.#options.log });
  }

  /** Lets it finish what it has, for as long as its drainTimeout allows. Idempotent. */
  async stop(): Promise<void> {
    // It ends by itself within drainTimeout; only one that hangs needs to be killed.
    await this.#supervised.stop((this.#settings.drainTimeout ?? DEFAULT_DRAIN_MS) + ANSWER_DEADLINE_MS);
    await this.#control.close();
    await rm(this.controlPath, { force: true });
  }

  async #push(settings: ProxySettings): Promise<number> {
    const deadline = AbortSignal.timeout(ANSWER_DEADLINE_MS);
    const generation = ++this.#generation;
    for (;;) {
      try {
        await this.#control.connected(deadline);
        const ack = await this.#control.configure(generation, this.#config(settings, this.#told), deadline);
        if (!ack.ok) throw refused(this.#options.name, ack.path, ack.message);
        break;
      } catch (error) {
        if (deadline.aborted) throw notAnswering(this.#options.name, this.logFile);
        // It restarts: try again with the new one.
        if (!(error instanceof DharmaError) || error.code !== 'PROXY_CONTROL_LOST') throw error;
      }
    }
    this.#settings = settings;
    await this.#writeConfig();
    return generation;
  }

  /** A proxy that has restarted runs by the file, which may be one push behind. */
  #restored(hello: HelloFrame): void {
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
    const ended = new AbortController();
    const exit = new Promise<never>((_, reject) => {
      this.#firstExit = ({ code }) => {
        ended.abort(new Error('ended'));
        this.#startError(code).then(reject, reject);
      };
    });
    exit.catch(() => undefined); // Only told of when it comes first.
    try {
      const connected = this.#control.connected(AbortSignal.any([signal, ended.signal]));
      await Promise.race([connected.catch(() => (throwIfAborted(signal), exit)), exit]);
    } finally {
      this.#firstExit = () => undefined;
    }
  }

  async #startError(code: number | null): Promise<DharmaError> {
    const said = (await readFrom(this.logFile, 0)).trim().split('\n').at(-1) ?? '';
    return code === 2
      ? refused(this.#options.name, '', said)
      : notStarted(this.#options.name, said === '' ? `exit code ${code}` : said, this.#listen);
  }

  async #childSpec(program: string): Promise<ChildSpec> {
    await rm(this.controlPath, { force: true });
    await this.#writeConfig();
    this.#told = this.#listen;
    return {
      name: `proxy ${this.#options.name}`,
      command: program,
      args: ['--config', this.#configFile],
      env: baseEnv(),
      logFile: this.logFile,
    };
  }

  get #configFile(): string {
    return join(this.#options.runDir, 'proxy.json');
  }

  #config(settings: ProxySettings, listen: ProxyConfig['listen']): ProxyConfig {
    const { workers } = this.#options;
    return {
      ...settings,
      listen,
      control: this.controlPath,
      ...(workers === undefined ? {} : { workers }),
    };
  }

  async #writeConfig(): Promise<void> {
    const half = `${this.#configFile}.new`;
    await writeFile(half, JSON.stringify(this.#config(this.#settings, this.#listen), undefined, 2), {
      mode: 0o600,
    });
    await rename(half, this.#configFile);
  }

  /** Where a port was left to the system, the proxy tells which it got; a restarted one must get the same. */
  async #learnPorts(logStart: number): Promise<void> {
    if (this.#listen.every(({ port }) => port !== 0)) return;
    const events = (await readFrom(this.logFile, logStart)).split('\n').flatMap(listeningEvent);
    this.#listen = this.#listen.map((wanted, index) => ({
      ...wanted,
      port: events[index]?.port ?? wanted.port,
    }));
    if (this.#listen.some(({ port }) => port === 0)) throw new Error('the proxy did not tell its ports');
    await this.#writeConfig();
  }
}

const LOG_FILE = 'proxy.log';
const CONTROL_SOCKET = 'control.sock';

function listeningEvent(line: string): { readonly port: number }[] {
  if (!line.startsWith('{"event":"listening"')) return [];
  return [JSON.parse(line) as { readonly port: number }];
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0;
    throw error;
  }
}

async function readFrom(file: string, start: number): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(Math.max(0, size - start)),
      0,
      size - start,
      start,
    );
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
