import { isDeepStrictEqual } from 'node:util';
import {
  DharmaError,
  ProxyProcess,
  type ClusterSpec,
  type ClusterStatus,
  type Clock,
  type Logger,
  type ProxyIdentity,
  type ProxyNode,
  type ProxySettings,
  type TelemetryFrame,
} from '../../common/index.js';
import { RollingLimits } from '../telemetry/rolling-limits.js';
import { RollingTelemetry, type EndpointWindow } from '../telemetry/rolling.js';
import { TickTelemetry, type Tick } from '../telemetry/tick.js';
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
  #limits = new RollingLimits(0);
  #windowMs = 0;
  readonly #tick: TickTelemetry;
  #listed: readonly Listed[] = [];
  #generation = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: FrontOptions) {
    this.#options = options;
    this.#tick = new TickTelemetry(options.clock.monotonic());
  }

  get running(): boolean {
    return this.#proxy !== undefined;
  }

  /** The class of each node that the proxy goes by, where it has one. */
  get classes(): ReadonlyMap<string, string> {
    const nodes = this.#proxy?.settings.nodes ?? [];
    return new Map(
      nodes.flatMap((node): [string, string][] =>
        node.class === undefined ? [] : [[node.name, node.class]],
      ),
    );
  }

  /**
   * Starts the proxy where the spec wants it, with `settings`, unless it is there; one that is elsewhere, or has other
   * workers, is replaced without a connection lost. Errors: those of ProxyProcess.start and .replace.
   */
  async ensure(spec: ClusterSpec, settings: ProxySettings, signal: AbortSignal): Promise<void> {
    if (this.#windowMs !== spec.config.reconfigure) {
      this.#windowMs = spec.config.reconfigure;
      this.#telemetry = new RollingTelemetry(this.#windowMs);
      this.#limits = new RollingLimits(this.#windowMs);
    }
    const { workers } = spec.config.proxy;
    if (
      this.#proxy !== undefined &&
      isDeepStrictEqual(spec.listen, this.#listen) &&
      workers === this.#workers
    )
      return;
    if (this.#proxy !== undefined) await this.#proxy.replace({ listen: [spec.listen], workers });
    else
      this.#proxy = await ProxyProcess.start(
        {
          name: this.#options.name,
          runDir: this.#options.runDir,
          listen: [spec.listen],
          workers,
          settings,
          onTelemetry: (frame, pid) => this.#measured(frame, pid),
          onLimits: (frame, pid) => {
            this.#limits.add(frame, this.#options.clock.monotonic(), pid);
            this.#tick.addLimits(frame, pid);
          },
          onEnd: (pid) => {
            this.#telemetry.forget(pid);
            this.#limits.forget(pid);
            this.#tick.forget(pid);
          },
          log: this.#options.log,
        },
        signal,
      );
    this.#listen = spec.listen;
    this.#workers = workers;
  }

  /** Starts another process in its place, of the program as it now is. Errors: PROXY_NOT_RUNNING, those of ProxyProcess.replace. */
  async replace(): Promise<ProxyIdentity> {
    if (this.#proxy === undefined) throw notRunning(this.#options.name);
    return this.#proxy.replace();
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
    const now = this.#options.clock.monotonic();
    return {
      pid: this.#proxy?.pid,
      address,
      port,
      restarts: this.#proxy?.restarts ?? 0,
      ...this.#limits.window(now),
      glitches: this.#telemetry.glitches(now),
    };
  }

  windows(): EndpointWindow[] {
    return this.#telemetry.endpoints(this.#options.clock.monotonic());
  }

  /** What was told since the last decision on the cluster's size. */
  tick(): Tick {
    return this.#tick.read(this.#options.clock.monotonic());
  }

  nextTick(): void {
    this.#tick.next(this.#options.clock.monotonic());
  }

  /** Lets the proxy finish what it has. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const proxy = this.#proxy;
    this.#proxy = undefined;
    this.#listed = [];
    await proxy?.stop();
  }

  #measured(frame: TelemetryFrame, pid: number): void {
    const now = this.#options.clock.monotonic();
    this.#telemetry.add(frame, now, pid);
    this.#tick.add(frame, now, pid);
    if (this.#listed.some(({ state }) => state === 'drain')) this.#options.onProgress();
  }

  #lookAgainAt(inMs: number): void {
    clearTimeout(this.#timer);
    if (Number.isFinite(inMs)) this.#timer = setTimeout(this.#options.onProgress, Math.max(1, inMs));
  }
}

function notRunning(name: string): DharmaError {
  return new DharmaError({
    code: 'PROXY_NOT_RUNNING',
    message: `the proxy of ${name} does not run: none of its nodes has been ready yet`,
    remedy: 'Wait until the cluster serves; its proxy then starts as it is on disk.',
    httpStatus: 409,
  });
}
