/** The config document of dharma-proxy, as its native/README.md describes it. Times in ms. */
export interface ProxyConfig {
  readonly listen: readonly { readonly address: string; readonly port: number }[];
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
    readonly connections?: number;
  };
  readonly telemetry?: { readonly interval: number };
  readonly capture?: {
    readonly enabled: boolean;
    readonly maxBodyBytes?: number;
    readonly queueBytes?: number;
  };
  readonly exchangeHeader?: string;
  /** CIDR blocks of peers whose X-Forwarded-* and exchange header are believed. */
  readonly trusted?: readonly string[];
  readonly drainTimeout?: number;
}

export interface ProxyNode {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly weight?: number;
  readonly state?: 'active' | 'drain';
}

export interface ProxyRoute {
  readonly pattern: string;
  readonly methods?: readonly string[];
  readonly endpoint?: string;
  readonly class?: 'app' | 'asset' | 'realtime';
  readonly sticky?: 'none' | 'ip';
}

/** Request header in which a proxy tells a node the id of the exchange, 16 hex digits. */
export const EXCHANGE_HEADER = 'dharma-exchange';
