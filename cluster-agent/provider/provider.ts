import { DharmaError } from '../../common/index.js';

/** A machine of its own that a provider keeps for us; locally, an address in 127/8. */
export interface Host {
  /** The provider's own id. */
  readonly id: string;
  readonly name: string;
  /** Where it is reached; undefined until the provider has given it one. */
  readonly address: string | undefined;
  readonly size: string;
  readonly state: 'new' | 'active' | 'off' | 'archived';
  /** The intent it was made for. */
  readonly intent: string;
}

/** A wish for one host. Two wishes of the same `intent` are one: whoever was cut short may ask again. */
export interface HostIntent {
  /** Unique per wanted host; letters, digits, `-` and `_`. */
  readonly intent: string;
  readonly name: string;
  readonly cluster: string;
  readonly size: string;
}

/** What one host of a size costs, in US dollars. */
export interface HostPrice {
  readonly size: string;
  readonly hourly: number;
  readonly monthly: number;
}

/** Where hosts come from. Calls end by their own deadline or by `signal`; errors are DharmaErrors with a PROVIDER_ code. */
export interface Provider {
  readonly name: string;
  /** A call to `create` makes its host within so long after it began, or never, ms. */
  readonly createWithinMs: number;
  /** The host of that intent, made unless it is there. It may not have its address yet. */
  create(intent: HostIntent, signal: AbortSignal): Promise<Host>;
  /** Nothing happens when it is not there. */
  destroy(hostId: string, signal: AbortSignal): Promise<void>;
  /** All hosts of a cluster. */
  list(cluster: string, signal: AbortSignal): Promise<readonly Host[]>;
  /** Error: PROVIDER_SIZE_UNKNOWN. */
  price(size: string, signal: AbortSignal): Promise<HostPrice>;
  /** Points a reserved address at a host. */
  moveAddress(address: string, hostId: string, signal: AbortSignal): Promise<void>;
}

/** What is promised but not built: said when it is called, with what will bring it. */
export function notBuiltYet(what: string, promise: string): DharmaError {
  return new DharmaError({
    code: 'NOT_BUILT_YET',
    message: `${what} is not built yet`,
    remedy: promise,
    httpStatus: 501,
  });
}
