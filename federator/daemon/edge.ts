import { join } from 'node:path';
import {
  DharmaError,
  EXCHANGE_HEADER,
  freePort,
  ProxyProcess,
  type Logger,
  type ProxySettings,
} from '../../common/index.js';
import type { Home } from '../home/home.js';
import { portTaken } from '../home/port-owner.js';
import type { EdgeConfig, SupervisorState } from './protocol.js';

/** Without clusters the edge answers that there is no node. */
const NO_CLUSTERS: EdgeConfig = { nodes: [], routes: [], capture: { enabled: false } };

/** Where clients come in: a dharma-proxy whose nodes are the clusters' proxies. */
export class Edge {
  readonly #home: Home;
  readonly #listen: { readonly address: string; readonly port: number };
  readonly #log: Logger;
  #proxy: ProxyProcess | undefined;

  constructor(home: Home, listen: { address: string; port: number }, log: Logger) {
    this.#home = home;
    this.#listen = listen;
    this.#log = log.child({ child: 'edge' });
  }

  /** Errors: PORT_TAKEN, NATIVE_NOT_BUILT, PROXY_CONFIG_REFUSED, PROXY_NOT_STARTED. */
  async start(signal: AbortSignal): Promise<{ address: string; port: number }> {
    // A port is chosen once: a proxy that restarts must be where clients know it.
    const port = this.#listen.port === 0 ? await freePort(this.#listen.address) : this.#listen.port;
    try {
      this.#proxy = await ProxyProcess.start(
        {
          name: 'edge',
          runDir: this.#home.edgeDir,
          listen: [{ ...this.#listen, port }],
          settings: settingsOf(NO_CLUSTERS),
          log: this.#log,
        },
        signal,
      );
    } catch (error) {
      if (error instanceof DharmaError && /in use|EADDRINUSE/i.test(error.message))
        throw portTaken(
          'the edge',
          this.#listen.port,
          `Take another port with --edge-port N, or set edge.port in ${join(this.#home.dir, 'federation.json')}.`,
        );
      throw error;
    }
    return { ...this.#proxy.listen[0]! };
  }

  /** Errors: PROXY_CONFIG_REFUSED (what was in force stays), PROXY_NOT_ANSWERING. */
  async configure(config: EdgeConfig): Promise<void> {
    await this.#proxy?.push(settingsOf(config));
  }

  async stop(): Promise<void> {
    await this.#proxy?.stop();
  }

  state(): SupervisorState['edge'] {
    const { address, port } = this.#proxy?.listen[0] ?? this.#listen;
    const pid = this.#proxy?.pid;
    return { address, port, ...(pid === undefined ? {} : { pid }), restarts: this.#proxy?.restarts ?? 0 };
  }
}

function settingsOf(config: EdgeConfig): ProxySettings {
  return { ...config, exchangeHeader: EXCHANGE_HEADER };
}
