import { setImmediate } from 'node:timers/promises';
import { DharmaError, type Exchange, type HeaderField, type RunningApp } from '../../common/index.js';
import type { PushSource } from '../capture/push-source.js';
import type { Request } from '../correlate/rewrite.js';
import { Sender, type Sent } from '../replay/sender.js';
import type { PlayedRequest } from './requests.js';
import { captureFrom, fillIn, pathIn, type Variables } from './variables.js';

/** What a request names when it names no host. */
const DEFAULT_HOST = 'app.example.test';

/** Live must answer within this, ms. */
const LIVE_DEADLINE_MS = 60_000;

export interface PlayOptions {
  readonly requests: readonly PlayedRequest[];
  readonly target: RunningApp['target'];
  /** Requests under way at once; 1 plays them one after the other. */
  readonly concurrency: number;
  readonly source: PushSource;
  readonly signal: AbortSignal;
  readonly onPlayed?: (played: number) => void;
}

/** Plays requests at live as a client would, and records each exchange as a proxy would. */
export async function play(options: PlayOptions): Promise<void> {
  const sender = new Sender(options.target);
  const variables: Variables = new Map();
  let next = 0;
  let played = 0;
  const client = async (): Promise<void> => {
    for (let index = next++; index < options.requests.length; index = next++) {
      options.signal.throwIfAborted();
      const exchange = await playOne(sender, options.requests[index]!, index, variables, options.signal);
      // What live called out to meanwhile is told first.
      await setImmediate();
      options.source.push({ kind: 'exchange', exchange });
      options.onPlayed?.(++played);
    }
  };
  try {
    await Promise.all(Array.from({ length: options.concurrency }, client));
  } finally {
    await sender.close();
  }
}

async function playOne(
  sender: Sender,
  played: PlayedRequest,
  index: number,
  variables: Variables,
  signal: AbortSignal,
): Promise<Exchange> {
  const request = requestOf(played, variables);
  const id = index.toString(16).padStart(16, '0');
  const startedAt = Date.now();
  const startedNs = process.hrtime.bigint();
  const sent = await sender.send(
    { ...request, headers: [...request.headers, ['dharma-exchange', id]] },
    { deadlineMs: LIVE_DEADLINE_MS, chunked: false, announceEmpty: hasBodyByCustom(played.method), signal },
  );
  const finishedNs = process.hrtime.bigint();
  if (sent.kind === 'answered')
    for (const [name, expression] of Object.entries(played.capture)) {
      const value = captureFrom(sent.answer, expression);
      if (value !== undefined) variables.set(name, value);
    }
  return { ...exchangeOf(request, sent), id, startedAt, startedNs, firstByteNs: finishedNs, finishedNs };
}

function requestOf(played: PlayedRequest, variables: Variables): Request {
  const headers: HeaderField[] = Object.entries(played.headers).map(([name, value]) => [
    name,
    fillIn(value, variables),
  ]);
  if (!headers.some(([name]) => name.toLowerCase() === 'host')) headers.unshift(['host', DEFAULT_HOST]);
  const body =
    played.body === undefined
      ? ''
      : typeof played.body === 'string'
        ? played.body
        : JSON.stringify(played.body);
  return {
    method: played.method.toUpperCase(),
    target: encodeTarget(pathIn(played.path, variables)),
    headers: headers.filter(([name]) => name.toLowerCase() !== 'content-length'),
    body: Buffer.from(fillIn(body, variables)),
  };
}

/** Characters that cannot stand in a request line are encoded; all others are sent as written. */
function encodeTarget(path: string): string {
  return path.replace(/[^\x21-\x7e]/g, (character) => encodeURIComponent(character));
}

function hasBodyByCustom(method: string): boolean {
  return /^(POST|PUT|PATCH)$/i.test(method);
}

type Recorded = Omit<Exchange, 'id' | 'startedAt' | 'startedNs' | 'firstByteNs' | 'finishedNs'>;

function exchangeOf(request: Request, sent: Sent): Recorded {
  if (sent.kind === 'failed' && sent.how === 'refused')
    throw new DharmaError({
      code: 'REQUEST_CANNOT_BE_SENT',
      message: `a request cannot be sent: ${sent.reason}`,
      found: `${request.method} ${request.target}`,
      remedy: 'Correct the line in the requests file.',
    });
  const answer = sent.kind === 'answered' ? sent.answer : undefined;
  const announced = request.body.length > 0 || hasBodyByCustom(request.method);
  return {
    endpoint: '*',
    node: 'live',
    client: '127.0.0.1:0',
    method: request.method,
    target: request.target,
    status: answer?.status ?? 0,
    flags: {
      requestTruncated: false,
      responseTruncated: false,
      clientAborted: false,
      upstreamFailed: answer === undefined,
      upgraded: false,
      retried: false,
      tls: false,
    },
    requestBodyLength: request.body.length,
    responseBodyLength: answer?.body.length ?? 0,
    requestHeaders: announced
      ? [...request.headers, ['content-length', String(request.body.length)]]
      : request.headers,
    responseHeaders: answer?.headers ?? [],
    requestBody: request.body,
    responseBody: answer?.body ?? new Uint8Array(),
  };
}
