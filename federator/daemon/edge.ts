import { join } from 'node:path';
import {
  DharmaError,
  EXCHANGE_HEADER,
  freePort,
  messageOf,
  ProxyProcess,
  type Logger,
  type ProxyListen,
  type ProxySettings,
} from '../../common/index.js';
import type { Home } from '../home/home.js';
import { portTaken } from '../home/port-owner.js';
import type { EdgeLimitSettings, EdgeTlsSettings } from '../home/settings.js';
import { EdgeFiles } from './edge-files.js';
import { addLimits, NO_LIMIT_COUNTS, type LimitCounts } from './limit-counts.js';
import type { EdgeConfig, SupervisorState } from './protocol.js';

/** Without clusters the edge answers that there is no node. */
const NO_CLUSTERS: EdgeConfig = { nodes: [], routes: [], capture: { enabled: false } };

/** What the operator decides about the edge. */
export interface EdgeListen {
  readonly address: string;
  readonly port: number;
  readonly tls?: EdgeTlsSettings | undefined;
  readonly limits?: EdgeLimitSettings | undefined;
  readonly proxyProtocol?: readonly string[] | undefined;
}

/** Where the edge listens; `tlsPort` where it has https. */
export interface EdgeAddress {
  readonly address: string;
  readonly port: number;
  readonly tlsPort?: number;
}

/** Where clients come in: a dharma-proxy whose nodes are the clusters' proxies. */
export class Edge {
  readonly #home: Home;
  readonly #listen: EdgeListen;
  readonly #log: Logger;
  readonly #files: EdgeFiles;
  #config: EdgeConfig = NO_CLUSTERS;
  #proxy: ProxyProcess | undefined;
  #counts: LimitCounts = NO_LIMIT_COUNTS;

  constructor(home: Home, listen: EdgeListen, log: Logger) {
    this.#home = home;
    this.#listen = listen;
    this.#log = log.child({ child: 'edge' });
    this.#files = new EdgeFiles({
      certificates: (listen.tls?.certificates ?? []).flatMap(({ certificate, key }) => [certificate, key]),
      webroot: home.acmeDir,
      onChange: () => void this.#refresh(),
    });
  }

  /** Errors: PORT_TAKEN, NATIVE_NOT_BUILT, PROXY_CONFIG_REFUSED, PROXY_NOT_STARTED. */
  async start(signal: AbortSignal): Promise<EdgeAddress> {
    // A port is chosen once: a proxy that restarts must be where clients know it.
    const port = this.#listen.port === 0 ? await freePort(this.#listen.address) : this.#listen.port;
    await this.#files.open();
    try {
      this.#proxy = await ProxyProcess.start(
        {
          name: 'edge',
          runDir: this.#home.edgeDir,
          listen: listensOf(this.#listen, port),
          settings: await this.#settings(),
          onLimits: (frame) => (this.#counts = addLimits(this.#counts, frame)),
          log: this.#log,
        },
        signal,
      );
    } catch (error) {
      if (error instanceof DharmaError && /in use|EADDRINUSE/i.test(error.message))
        throw this.#taken(error.message);
      throw error;
    }
    return this.#address();
  }

  /** Errors: PROXY_CONFIG_REFUSED (what was in force stays), PROXY_NOT_ANSWERING. */
  async configure(config: EdgeConfig): Promise<void> {
    this.#config = config;
    await this.#proxy?.push(await this.#settings());
  }

  async stop(): Promise<void> {
    this.#files.close();
    await this.#proxy?.stop();
  }

  state(): SupervisorState['edge'] {
    const pid = this.#proxy?.pid;
    return {
      ...this.#address(),
      ...(pid === undefined ? {} : { pid }),
      restarts: this.#proxy?.restarts ?? 0,
      limits: this.#counts,
    };
  }

  /** Which of its ports the proxy says it could not have. */
  #taken(said: string): DharmaError {
    const { port, tls } = this.#listen;
    const file = join(this.#home.dir, 'federation.json');
    if (tls !== undefined && said.includes('listen[1]'))
      return portTaken('https at the edge', tls.port, `Set edge.tls.port in ${file} to another port.`);
    return portTaken('the edge', port, `Take another port with --edge-port N, or set edge.port in ${file}.`);
  }

  #address(): EdgeAddress {
    const { address, port } = this.#proxy?.listen[0] ?? this.#listen;
    const tlsPort = this.#listen.tls?.port;
    return { address, port, ...(tlsPort === undefined ? {} : { tlsPort }) };
  }

  async #settings(): Promise<ProxySettings> {
    const acme = await this.#files.challenges();
    const { tls, limits } = this.#listen;
    return {
      ...this.#config,
      exchangeHeader: EXCHANGE_HEADER,
      // The clusters' proxies have a cookie of their own: one says which cluster, the other which of its nodes.
      stickyCookie: 'dharma-cluster',
      ...(limits === undefined ? {} : { limits: limitsOf(limits) }),
      ...(tls === undefined ? {} : { tls: { certificates: tls.certificates } }),
      ...(acme.length === 0 ? {} : { acme }),
    };
  }

  /** A file has changed. While a certificate and its key are replaced they may not fit: the next change tries again. */
  async #refresh(): Promise<void> {
    try {
      await this.#proxy?.push(await this.#settings());
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'the edge did not take its changed files');
    }
  }
}

function listensOf({ address, tls, proxyProtocol }: EdgeListen, port: number): ProxyListen[] {
  const base = { address, ...(proxyProtocol === undefined ? {} : { proxyProtocol }) };
  if (tls === undefined) return [{ ...base, port }];
  return [
    { ...base, port, ...(tls.force ? { redirectPort: tls.port } : {}) },
    { ...base, port: tls.port, tls: true },
  ];
}

function limitsOf({ client, measure }: EdgeLimitSettings): NonNullable<ProxySettings['limits']> {
  return { measure, ...(client === undefined ? {} : { client }) };
}
