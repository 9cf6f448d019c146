import { Readable } from 'node:stream';
import { Pool } from 'undici';
import { systemCode, withDeadline, type HeaderField, type RunningApp } from '../../common/index.js';
import type { RawAnswer } from '../answer.js';
import type { Request } from '../correlate/rewrite.js';

/** A connection that was not used for so long is not used again. Opening one on this machine costs next to nothing. */
const KEEP_ALIVE_MS = 1000;

export interface SendOptions {
  /** The whole exchange must be over within this, ms. */
  readonly deadlineMs: number;
  readonly chunked: boolean;
  /** Say `content-length: 0` where there is no body. */
  readonly announceEmpty: boolean;
  readonly signal: AbortSignal;
}

/** What an arm made of a request. */
export type Sent =
  | {
      readonly kind: 'answered';
      readonly answer: RawAnswer;
      /** When it was asked, milliseconds since 1970. */
      readonly askedAt: number;
      readonly tookMs: number;
    }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      /** `unreached`: nobody took the connection; `cut`: it ended; `late`: the deadline passed; `refused`: it cannot be sent. */
      readonly how: 'unreached' | 'cut' | 'late' | 'refused';
    };

/** Sends requests to one arm over kept-alive connections. The owner must `close()` it. */
export class Sender {
  readonly #pool: Pool;
  readonly #origin: string;

  constructor(target: RunningApp['target']) {
    this.#origin = 'socket' in target ? 'http://arm' : `http://${hostOf(target.host)}:${target.port}`;
    this.#pool = new Pool(this.#origin, {
      ...('socket' in target ? { socketPath: target.socket } : {}),
      // What may overlap is the scheduler's to say; one request a connection, as behind a proxy.
      connections: null,
      pipelining: 1,
      // Given up long before an app's server does (Node's after 5 s): a request must not meet the end of its connection.
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      // The deadline below bounds the whole; these would only cut long answers short.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  async send(request: Request, options: SendOptions): Promise<Sent> {
    const startedAt = performance.now();
    try {
      const answer = await withDeadline(options.deadlineMs, options.signal, (signal) =>
        this.#exchange(request, options, signal),
      );
      return {
        kind: 'answered',
        answer,
        askedAt: performance.timeOrigin + startedAt,
        tookMs: performance.now() - startedAt,
      };
    } catch (error) {
      options.signal.throwIfAborted();
      return {
        kind: 'failed',
        reason: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
        how: howItFailed(error),
      };
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #exchange(request: Request, options: SendOptions, signal: AbortSignal): Promise<RawAnswer> {
    const { statusCode, headers, body } = await this.#pool.request({
      method: request.method,
      path: request.target,
      headers: headerList(request, options),
      body: bodyOf(request, options),
      signal,
      responseHeaders: 'raw',
    });
    return {
      status: statusCode,
      headers: pairs(headers as unknown as readonly string[]),
      body: new Uint8Array(await body.arrayBuffer()),
    };
  }
}

function howItFailed(error: unknown): 'unreached' | 'cut' | 'late' | 'refused' {
  if (error instanceof Error && error.name === 'TimeoutError') return 'late';
  const code = systemCode(error);
  if (code === 'ECONNREFUSED' || code === 'ENOENT') return 'unreached';
  return code === 'UND_ERR_INVALID_ARG' ? 'refused' : 'cut';
}

function hostOf(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function headerList(request: Request, options: SendOptions): string[] {
  const list = request.headers.flatMap(([name, value]) => [name, value]);
  if (request.body.length === 0 && options.announceEmpty) list.push('content-length', '0');
  return list;
}

function bodyOf(request: Request, options: SendOptions): Buffer | Readable | null {
  if (request.body.length === 0) return null;
  const bytes = Buffer.from(request.body.buffer, request.body.byteOffset, request.body.byteLength);
  return options.chunked ? Readable.from([bytes]) : bytes;
}

function pairs(flat: readonly string[]): readonly HeaderField[] {
  const fields: HeaderField[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) fields.push([String(flat[i]), String(flat[i + 1])]);
  return fields;
}
