import type { CaptureEvent, Exchange, ExchangeSource } from '../domain/exchange.js';
import { exchangeFlags } from '../frames/index.js';
import type { ExchangeFrame, Frame } from '../frames/index.js';
import type { Logger } from '../log.js';
import { ProxyControl } from './control.js';
import { parseHeaderFields } from './header-fields.js';

/**
 * The exchanges a proxy captures, for one reader. While the reader is busy nothing is read: what the proxy then cannot
 * hold it drops and counts, so that a slow reader costs neither memory here nor time on the live path.
 */
export class ProxyExchangeSource implements ExchangeSource {
  readonly #control: ProxyControl;
  #queue: CaptureEvent[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(options: { readonly path: string; readonly log: Logger }) {
    this.#control = new ProxyControl({
      ...options,
      subscribe: { telemetry: false, exchanges: true },
      onFrame: (frame) => this.#received(frame),
    });
  }

  /** Resolves when the proxy is connected: it captures for this reader from then on. */
  async connected(signal: AbortSignal): Promise<void> {
    await this.#control.connected(signal);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<CaptureEvent, void, undefined> {
    for (;;) {
      const batch = this.#queue;
      this.#queue = [];
      yield* batch;
      if (this.#queue.length > 0) continue;
      if (this.#closed) return;
      const more = new Promise<void>((resolve) => (this.#wake = resolve));
      this.#control.resume();
      await more;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    await this.#control.close();
  }

  #received(frame: Frame): void {
    if (frame.kind === 'Exchange') this.#queue.push({ kind: 'exchange', exchange: exchangeOf(frame) });
    else if (frame.kind === 'Dropped') this.#queue.push({ kind: 'dropped', count: frame.count });
    else return;
    // The reader takes what has come before more is read.
    this.#control.pause();
    this.#wake?.();
  }
}

/** A frame as the rest of dharma knows an exchange. */
export function exchangeOf(frame: ExchangeFrame): Exchange {
  const has = (bit: number): boolean => (frame.flags & bit) !== 0;
  return {
    id: frame.id.toString(16).padStart(16, '0'),
    startedNs: frame.startedNs,
    firstByteNs: frame.firstByteNs,
    finishedNs: frame.finishedNs,
    startedAt: Math.floor(frame.wallUs / 1000),
    endpoint: frame.endpoint,
    node: frame.node,
    client: frame.client,
    method: frame.method,
    target: frame.target,
    status: frame.status,
    flags: {
      requestTruncated: has(exchangeFlags.requestTruncated),
      responseTruncated: has(exchangeFlags.responseTruncated),
      clientAborted: has(exchangeFlags.clientAborted),
      upstreamFailed: has(exchangeFlags.upstreamFailed),
      upgraded: has(exchangeFlags.upgraded),
      retried: has(exchangeFlags.retried),
      tls: has(exchangeFlags.tls),
    },
    requestBodyLength: frame.requestBodyLength,
    responseBodyLength: frame.responseBodyLength,
    ...(frame.requestBodyHash.length === 0 ? {} : { requestBodyHash: frame.requestBodyHash.toString('hex') }),
    ...(frame.responseBodyHash.length === 0
      ? {}
      : { responseBodyHash: frame.responseBodyHash.toString('hex') }),
    requestHeaders: parseHeaderFields(frame.requestHead),
    responseHeaders: parseHeaderFields(frame.responseHead),
    requestBody: owned(frame.requestBody),
    responseBody: owned(frame.responseBody),
  };
}

/** A body that keeps no much larger chunk alive: exchanges are kept for long, the chunks they came in need not be. */
function owned(body: Buffer): Uint8Array {
  return body.length * 2 < body.buffer.byteLength ? Buffer.from(body) : body;
}
