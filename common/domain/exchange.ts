/**
 * One finished HTTP exchange as a proxy captured it. Heads are the raw bytes as received; bodies have the transfer
 * coding undone and the content coding kept.
 */
export interface Exchange {
  /** Unique in the capturing proxy's life; 16 hex digits, also the value of the exchange header the node saw. */
  readonly id: string;
  /** CLOCK_MONOTONIC of the capturing machine, ns. `finishedNs` is taken before the write that ends the answer. */
  readonly startedNs: bigint;
  readonly firstByteNs: bigint;
  readonly finishedNs: bigint;
  /** Milliseconds since 1970 at `startedNs`. */
  readonly startedAt: number;
  readonly endpoint: string;
  readonly node: string;
  /** address:port of the client. */
  readonly client: string;
  readonly method: string;
  readonly target: string;
  /** 0: no answer was begun. */
  readonly status: number;
  readonly flags: ExchangeFlags;
  /** True lengths, also where the body kept here is truncated. */
  readonly requestBodyLength: number;
  readonly responseBodyLength: number;
  /** SHA-256, hex, of all of a body that came, where what is kept here is truncated. */
  readonly requestBodyHash?: string;
  readonly responseBodyHash?: string;
  /** Header fields in the order received, names as received. */
  readonly requestHeaders: readonly HeaderField[];
  readonly responseHeaders: readonly HeaderField[];
  readonly requestBody: Uint8Array;
  readonly responseBody: Uint8Array;
}

export type HeaderField = readonly [name: string, value: string];

export interface ExchangeFlags {
  readonly requestTruncated: boolean;
  readonly responseTruncated: boolean;
  readonly clientAborted: boolean;
  readonly upstreamFailed: boolean;
  readonly upgraded: boolean;
  readonly retried: boolean;
  /** The client asked by https. */
  readonly tls: boolean;
}

/** What a captured stream yields: exchanges in the order they finished, and how many were lost where. */
export type CaptureEvent =
  | { readonly kind: 'exchange'; readonly exchange: Exchange }
  | { readonly kind: 'dropped'; readonly count: number };

/** Where captured exchanges come from. `close()` ends the iteration. */
export interface ExchangeSource extends AsyncIterable<CaptureEvent> {
  close(): Promise<void>;
}

/** One outbound call that the app made, as the recorder (at live) or the guard (in an arm) saw it. */
export interface OutboundCall {
  /** The exchange that caused it, where the app's context told; undefined where it could not be told. */
  readonly exchangeId: string | undefined;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The manifest's name of the destination (the env variable), or `host:port` for one that was not declared. */
  readonly destination: string;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly requestHeaders: readonly HeaderField[];
  readonly requestBody: Uint8Array;
  /** What live got. Undefined for a call of an arm's that nothing answered. */
  readonly response:
    | { readonly status: number; readonly headers: readonly HeaderField[]; readonly body: Uint8Array }
    | undefined;
}
