/** The config document of dharma-proxy, as its native/README.md describes it. Times in ms. */
export interface ProxyConfig {
  readonly listen: readonly ProxyListen[];
  readonly workers?: number;
  /** Unix socket the proxy listens on for control. */
  readonly control?: string;
  readonly nodes: readonly ProxyNode[];
  readonly routes?: readonly ProxyRoute[];
  readonly limits?: {
    readonly headerBytes?: number;
    readonly bodyBytes?: number;
    readonly headers?: number;
    readonly headerTimeout?: number;
    readonly idleTimeout?: number;
    readonly connectTimeout?: number;
    readonly upstreamTimeout?: number;
    readonly bodyTimeout?: number;
    /** Bytes a second a client must at least send of a body or take of an answer; 0: any progress will do. */
    readonly minRate?: number;
    readonly connections?: number;
    /** Streams that a client of HTTP/2 may have open at once. */
    readonly streams?: number;
    /** Requests of one class of nodes that may wait for a node with `maxRequests`, and for how long. */
    readonly queue?: number;
    readonly queueTimeout?: number;
    /** What one client may do; clients are told apart by this many bits of their address. */
    readonly client?: {
      readonly [K in 'rate' | 'burst' | 'connections' | 'prefix4' | 'prefix6']?: number | undefined;
    };
    /** Rates, connections per client and `maxRequests` are counted, and refuse nothing. */
    readonly measure?: boolean;
  };
  /** TLS towards clients; the first certificate is for those who name none that is known. */
  readonly tls?: {
    readonly certificates: readonly ProxyCertificate[];
    /** PEM: clients must have a certificate of one of these CAs. */
    readonly clientCa?: string;
    readonly ticketRotation?: number;
  };
  /** TLS towards nodes. Without `ca` the system's CAs are trusted; certificate and key are the proxy's own. */
  readonly upstreamTls?: { readonly ca?: string } & (ProxyCertificate | { readonly certificate?: never });
  /** http-01 challenges in progress (RFC 8555). */
  readonly acme?: readonly ProxyChallenge[];
  /** Asked of each node by GET; without a 2xx twice in a row it gets no requests until it answers so. */
  readonly health?: { readonly path: string; readonly interval?: number; readonly timeout?: number };
  readonly balance?: {
    /** Leaves a node out for a while that fails more than its peers; default true. */
    readonly eject?: boolean;
    /** For so long a node that is new, or back, counts for less than its weight; default 0. */
    readonly slowStart?: number;
  };
  readonly telemetry?: { readonly interval: number };
  readonly capture?: {
    readonly enabled: boolean;
    readonly maxBodyBytes?: number;
    readonly queueBytes?: number;
    /** Share of clients whose exchanges are recorded, 0..1, chosen by a hash of their address under the key (default: a random one). */
    readonly sample?: number;
    readonly sampleKey?: string;
  };
  readonly exchangeHeader?: string;
  /** Whether a trusted peer's exchange header is taken over; default true. */
  readonly exchangeHeaderTrusted?: boolean;
  /** CIDR blocks of peers whose claims (Forwarded, X-Forwarded-*, X-Real-IP, ...) and exchange header are believed. */
  readonly trusted?: readonly string[];
  readonly drainTimeout?: number;
  /** Routes of class `asset` are answered through a cache. Sizes in bytes. */
  readonly cache?: ProxyCache;
  /** Name of the cookie of routes that are sticky by one; each proxy a request passes needs its own. */
  readonly stickyCookie?: string;
}

export interface ProxyCache {
  readonly memoryBytes?: number;
  /** Of one answer's body in memory; default: a 16th of it. */
  readonly objectBytes?: number;
  /** Folder in which stored answers survive a restart, and the bytes its files may take; fixed while it runs. */
  readonly diskPath?: string;
  readonly diskBytes?: number;
  /** Of one answer's body on disk, where its length is told; default: a 16th of it. */
  readonly diskObjectBytes?: number;
  /** Host towards the origin, and what comes before each path there. */
  readonly originHost?: string;
  readonly originPath?: string;
  /** Requests that read an object of the origin are signed (AWS Signature Version 4); the file holds the secret, and only its owner may read it. */
  readonly signing?: { readonly region: string; readonly accessKeyId: string; readonly secretFile: string };
  /** Further request fields the origin gets to see. */
  readonly requestFields?: readonly string[];
}

export interface ProxyListen {
  readonly address: string;
  readonly port: number;
  readonly tls?: boolean;
  /** Default: with TLS (by ALPN), and not without (by prior knowledge). */
  readonly http2?: boolean;
  /** Without TLS: every request but an http-01 challenge is sent to https at this port. */
  readonly redirectPort?: number;
  /** CIDR blocks of balancers whose connections begin with a header of the PROXY protocol (v1 or v2). */
  readonly proxyProtocol?: readonly string[];
}

/** Absolute paths of PEM files: a chain, leaf first, and its key, which only its owner may read. */
export interface ProxyCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface ProxyChallenge {
  readonly token: string;
  readonly answer: string;
}

export interface ProxyNode {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly weight?: number;
  readonly state?: 'active' | 'drain';
  readonly tls?: boolean;
  /** Whom its certificate must be for; default: its address. */
  readonly serverName?: string;
  /** For routes that name it in `nodeClasses`. */
  readonly class?: string;
  /** Requests it has at once at most; the others wait. Default 0: any number. */
  readonly maxRequests?: number;
}

export interface ProxyRoute {
  readonly pattern: string;
  readonly methods?: readonly string[];
  readonly endpoint?: string;
  readonly class?: 'app' | 'asset' | 'realtime';
  readonly sticky?: 'none' | 'ip' | 'cookie';
  /** Classes of nodes that may serve it: its own, then those of which it only gets idle nodes. Default: all nodes. */
  readonly nodeClasses?: readonly string[];
  /** Of its endpoint, over all clients. */
  readonly limit?: ProxyRate;
  /** Share of clients whose exchanges of its endpoint are recorded; default: `capture.sample`. */
  readonly sample?: number;
}

/** Requests a second, of which `burst` (default: a second's worth) may come at once. */
export interface ProxyRate {
  readonly rate: number;
  readonly burst?: number;
}

/** Request header in which a proxy tells a node the id of the exchange, 16 hex digits. */
export const EXCHANGE_HEADER = 'dharma-exchange';
