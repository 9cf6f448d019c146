import { isDeepStrictEqual } from 'node:util';
import {
  ProxyProcess,
  type ClusterSpec,
  type ClusterStatus,
  type Clock,
  type Logger,
  type ProxyNode,
  type ProxySettings,
  type TelemetryFrame,
} from '../../common/index.js';
import { RollingTelemetry, type EndpointWindow } from '../telemetry/rolling.js';
import { nextListing, type Listed } from './traffic.js';

export interface FrontOptions {
  readonly name: string;
  readonly runDir: string;
  /** Called when something that was draining may have drained. */
  readonly onProgress: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A cluster's proxy, its node list and what it measures. */
export class Front {
  readonly #options: FrontOptions;
  #proxy: ProxyProcess | undefined;
  #listen: ClusterSpec['listen'] | undefined;
  #workers = 0;
  #telemetry = new RollingTelemetry(0);
  #windowMs = 0;
  #listed: readonly Listed[] = [];
  #generation = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: FrontOptions) {
    this.#options = options;
  }

  get running(): boolean {
    return this.#proxy !== undefined;
  }

  /** Starts the proxy where the spec wants it, with `settings`, unless it is there. Errors: those of ProxyProcess.start. */
  async ensure(spec: ClusterSpec, settings: ProxySettings, signal: AbortSignal): Promise<void> {
    if (this.#windowMs !== spec.config.reconfigure) {
      this.#windowMs = spec.config.reconfigure;
      this.#telemetry = new RollingTelemetry(this.#windowMs);
    }
    const { workers } = spec.config.proxy;
    if (
      this.#proxy !== undefined &&
      isDeepStrictEqual(spec.listen, this.#listen) &&
      workers === this.#workers
    )
      return;
    await this.#stopProxy();
    this.#proxy = await ProxyProcess.start(
      {
        name: this.#options.name,
        runDir: this.#options.runDir,
        listen: [spec.listen],
        workers,
        settings,
        onTelemetry: (frame) => this.#measured(frame),
        log: this.#options.log,
      },
      signal,
    );
    this.#listen = spec.listen;
    this.#workers = workers;
  }

  /**
   * Gives `traffic` the requests; nodes that lose them finish what they have. Resolves with the nodes that are listed,
   * when the proxy goes by it. Errors: PROXY_CONFIG_REFUSED, PROXY_NOT_ANSWERING.
   */
  async direct(
    traffic: readonly string[],
    running: readonly string[],
    address: (name: string) => Pick<ProxyNode, 'name' | 'address' | 'port'>,
    settingsFor: (nodes: readonly ProxyNode[]) => ProxySettings,
  ): Promise<readonly string[]> {
    const proxy = this.#proxy!;
    const now = this.#options.clock.monotonic();
    const listed = nextListing(this.#listed, {
      traffic,
      running,
      isIdle: (name) => this.#telemetry.openOn(name, this.#generation) === 0,
      drainMs: proxy.settings.drainTimeout ?? 0,
      now,
    });
    const settings = settingsFor(listed.map(({ name, state }) => ({ ...address(name), state })));
    if (!isDeepStrictEqual(settings, proxy.settings)) this.#generation = await proxy.push(settings);
    this.#listed = listed;
    this.#lookAgainAt(Math.min(...listed.map(({ until }) => until ?? Infinity)) - now);
    return listed.map(({ name }) => name);
  }

  get status(): ClusterStatus['proxy'] {
    const { address, port } = this.#proxy?.listen[0] ?? this.#listen ?? { address: '', port: 0 };
    return { pid: this.#proxy?.pid, address, port, restarts: this.#proxy?.restarts ?? 0 };
  }

  windows(): EndpointWindow[] {
    return this.#telemetry.endpoints(this.#options.clock.monotonic());
  }

  /** Lets the proxy finish what it has. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#stopProxy();
  }

  async #stopProxy(): Promise<void> {
    const proxy = this.#proxy;
    this.#proxy = undefined;
    this.#listed = [];
    await proxy?.stop();
  }

  #measured(frame: TelemetryFrame): void {
    this.#telemetry.add(frame, this.#options.clock.monotonic());
    if (this.#listed.some(({ state }) => state === 'drain')) this.#options.onProgress();
  }

  #lookAgainAt(inMs: number): void {
    clearTimeout(this.#timer);
    if (Number.isFinite(inMs)) this.#timer = setTimeout(this.#options.onProgress, Math.max(1, inMs));
  }
}
