import type { IncomingMessage } from 'node:http';
import { EXCHANGE_HEADER } from '../config/proxy.js';
import type { HeaderField } from '../domain/exchange.js';

/** Header fields as received, in order, without our own. */
export function receivedHeaders(message: IncomingMessage): HeaderField[] {
  const fields: HeaderField[] = [];
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2)
    if (message.rawHeaders[i]!.toLowerCase() !== EXCHANGE_HEADER)
      fields.push([message.rawHeaders[i]!, message.rawHeaders[i + 1]!]);
  return fields;
}

/** The exchange a call belongs to, where the app's context told it. */
export function causingExchange(message: IncomingMessage): string | undefined {
  const value = message.headers[EXCHANGE_HEADER];
  return typeof value === 'string' && /^[0-9a-f]{16}$/.test(value) ? value : undefined;
}

/** Fields that hold for one connection only. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export function withoutHopByHop(fields: readonly HeaderField[]): HeaderField[] {
  const named = new Set(
    fields
      .filter(([name]) => name.toLowerCase() === 'connection')
      .flatMap(([, value]) => value.toLowerCase().split(/\s*,\s*/)),
  );
  return fields.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && !named.has(name.toLowerCase()));
}

/** As `http` takes them: a flat array keeps order and repetition. */
export function flatHeaders(fields: readonly HeaderField[]): string[] {
  return fields.flat();
}

/** Collects the chunks of a body up to `limit` bytes; `body()` is undefined when there were more. */
export class BodyCollector {
  readonly #limit: number;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size <= this.#limit) this.#chunks.push(chunk);
    else this.#chunks.length = 0;
  }

  body(): Buffer | undefined {
    return this.#size <= this.#limit ? Buffer.concat(this.#chunks) : undefined;
  }
}
