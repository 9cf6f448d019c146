import { join } from 'node:path';
import {
  DharmaError,
  EXCHANGE_HEADER,
  freePort,
  messageOf,
  ProxyProcess,
  type Logger,
  type ProxyIdentity,
  type ProxyListen,
  type ProxySettings,
} from '../../common/index.js';
import type { Home } from '../home/home.js';
import { portTaken } from '../home/port-owner.js';
import type { EdgeAssetSettings, EdgeLimitSettings, EdgeTlsSettings } from '../home/settings.js';
import { addAssets, NO_ASSET_COUNTS, withAssets, type AssetCounts } from './edge-assets.js';
import { addCounts, type EdgeCounts } from './edge-counts.js';
import { EdgeFiles } from './edge-files.js';
import { addLimits, NO_LIMIT_COUNTS, type LimitCounts } from './limit-counts.js';
import { OriginAddresses } from './origin-addresses.js';
import type { EdgeConfig, SupervisorState } from './protocol.js';

/** Without clusters the edge answers that there is no node. */
const NO_CLUSTERS: EdgeConfig = { nodes: [], routes: [], capture: { enabled: false } };

/** What the operator decides about the edge. */
export interface EdgeListen {
  readonly address: string;
  readonly port: number;
  readonly tls?: EdgeTlsSettings | undefined;
  readonly limits?: EdgeLimitSettings | undefined;
  readonly assets?: EdgeAssetSettings | undefined;
  readonly proxyProtocol?: readonly string[] | undefined;
  readonly trusted?: readonly string[] | undefined;
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
  #listen: EdgeListen;
  readonly #log: Logger;
  #files: EdgeFiles;
  #origins: OriginAddresses;
  #config: EdgeConfig = NO_CLUSTERS;
  #proxy: ProxyProcess | undefined;
  #counts: LimitCounts = NO_LIMIT_COUNTS;
  #glitches = 0;
  #assets: AssetCounts = NO_ASSET_COUNTS;
  #clusters: EdgeCounts = { since: Date.now(), clusters: {} };

  constructor(home: Home, listen: EdgeListen, log: Logger) {
    this.#home = home;
    this.#listen = listen;
    this.#log = log.child({ child: 'edge' });
    this.#files = this.#filesOf(listen);
    this.#origins = this.#originsOf(listen);
  }

  /** Errors: PORT_TAKEN, NATIVE_NOT_BUILT, PROXY_CONFIG_REFUSED, PROXY_NOT_STARTED. */
  async start(signal: AbortSignal): Promise<EdgeAddress> {
    // A port is chosen once: a proxy that restarts must be where clients know it.
    const port = this.#listen.port === 0 ? await freePort(this.#listen.address) : this.#listen.port;
    await this.#files.open();
    await this.#origins.open();
    try {
      this.#proxy = await ProxyProcess.start(
        {
          name: 'edge',
          runDir: this.#home.edgeDir,
          listen: listensOf(this.#listen, port),
          settings: await this.#settings(),
          onTelemetry: (frame) => {
            this.#glitches += frame.glitches;
            this.#clusters = addCounts(this.#clusters, frame);
          },
          onLimits: (frame) => (this.#counts = addLimits(this.#counts, frame)),
          onCache: (frame) => (this.#assets = addAssets(this.#assets, frame)),
          log: this.#log,
        },
        signal,
      );
    } catch (error) {
      if (error instanceof DharmaError && /in use|EADDRINUSE/i.test(error.message))
        throw this.#taken(error.message);
      throw error;
    }
    return this.address();
  }

  /** Errors: PROXY_CONFIG_REFUSED (what was in force stays), PROXY_NOT_ANSWERING. */
  async configure(config: EdgeConfig): Promise<void> {
    this.#config = config;
    await this.#proxy?.push(await this.#settings());
  }

  /**
   * Puts another process in the proxy's place, of the program as it now is on disk and by what the operator decides now.
   * No connection is lost at a port that stays. Errors leave all as it was: those of ProxyProcess.replace, PROXY_NOT_RUNNING.
   */
  async replace(wanted: EdgeListen): Promise<ProxyIdentity> {
    if (this.#proxy === undefined) throw notStarted();
    const port = wanted.port === 0 ? this.address().port : wanted.port;
    const before = { listen: this.#listen, files: this.#files, origins: this.#origins };
    this.#listen = wanted;
    this.#files = this.#filesOf(wanted);
    this.#origins = this.#originsOf(wanted);
    try {
      await this.#files.open();
      await this.#origins.open();
      const settings = await this.#settings();
      const identity = await this.#proxy.replace({ listen: listensOf(wanted, port), settings });
      before.files.close();
      before.origins.close();
      return identity;
    } catch (error) {
      this.#files.close();
      this.#origins.close();
      this.#listen = before.listen;
      this.#files = before.files;
      this.#origins = before.origins;
      throw error;
    }
  }

  /**
   * Forgets what is stored of URLs that begin so: a path on any host, or a whole URL. Resolves with how many answers went.
   * Errors: NO_ASSET_CACHE, PROXY_NOT_ANSWERING.
   */
  async purgeAssets(prefix: string): Promise<number> {
    if (this.#listen.assets === undefined || this.#proxy === undefined)
      throw new DharmaError({
        code: 'NO_ASSET_CACHE',
        message: 'the edge has no cache for assets',
        remedy: `Set edge.assets in ${join(this.#home.dir, 'federation.json')} ({} will do), then run: federate replace-proxy edge`,
        httpStatus: 409,
      });
    return this.#proxy.purge(prefix);
  }

  /** Another release serves: what is stored of the app's own assets goes. A store's (`origins`) are no part of a release. */
  async forgetAppAssets(): Promise<void> {
    const { assets } = this.#listen;
    if (assets !== undefined && assets.origins === undefined) await this.purgeAssets('/');
  }

  async stop(): Promise<void> {
    this.#files.close();
    this.#origins.close();
    await this.#proxy?.stop();
  }

  /** What clients saw of each cluster. */
  get counts(): EdgeCounts {
    return this.#clusters;
  }

  state(): SupervisorState['edge'] {
    const pid = this.#proxy?.pid;
    return {
      ...this.address(),
      ...(pid === undefined ? {} : { pid }),
      restarts: this.#proxy?.restarts ?? 0,
      // By the settings: a proxy that leaves goes on telling its own.
      limits: { measure: this.#listen.limits?.measure ?? false, ...this.#counts },
      glitches: this.#glitches,
      ...(this.#listen.assets === undefined ? {} : { assets: this.#assets }),
    };
  }

  #filesOf({ tls }: EdgeListen): EdgeFiles {
    return new EdgeFiles({
      certificates: (tls?.certificates ?? []).flatMap(({ certificate, key }) => [certificate, key]),
      webroot: this.#home.acmeDir,
      onChange: () => void this.#refresh(),
    });
  }

  #originsOf({ assets }: EdgeListen): OriginAddresses {
    return new OriginAddresses({
      origins: assets?.origins ?? [],
      onChange: () => void this.#refresh(),
      log: this.#log,
    });
  }

  /** Which of its ports the proxy says it could not have. */
  #taken(said: string): DharmaError {
    const { port, tls } = this.#listen;
    const file = join(this.#home.dir, 'federation.json');
    if (tls !== undefined && said.includes('listen[1]'))
      return portTaken('https at the edge', tls.port, `Set edge.tls.port in ${file} to another port.`);
    return portTaken('the edge', port, `Take another port with --edge-port N, or set edge.port in ${file}.`);
  }

  address(): EdgeAddress {
    const { address, port } = this.#proxy?.listen[0] ?? this.#listen;
    const tlsPort = this.#listen.tls?.port;
    return { address, port, ...(tlsPort === undefined ? {} : { tlsPort }) };
  }

  async #settings(): Promise<ProxySettings> {
    const acme = await this.#files.challenges();
    const { tls, limits, trusted, assets } = this.#listen;
    return {
      ...this.#config,
      ...(assets === undefined
        ? {}
        : withAssets(this.#config, assets, join(this.#home.edgeDir, 'assets'), this.#origins.servers)),
      exchangeHeader: EXCHANGE_HEADER,
      // Here ids begin: who is trusted with a client's address may pass on any header its client sends.
      ...(trusted === undefined ? {} : { trusted, exchangeHeaderTrusted: false }),
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
      this.#log.warn({ error: messageOf(error) }, 'the edge did not take what has changed');
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

function limitsOf({ client, measure, minRate }: EdgeLimitSettings): NonNullable<ProxySettings['limits']> {
  return {
    measure,
    ...(client === undefined ? {} : { client }),
    ...(minRate === undefined ? {} : { minRate }),
  };
}

function notStarted(): DharmaError {
  return new DharmaError({
    code: 'PROXY_NOT_RUNNING',
    message: 'the edge does not run yet',
    remedy: 'Wait until the federation is up: federate status',
    httpStatus: 409,
  });
}
