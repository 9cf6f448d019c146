import type { Exchange, HeaderField } from '../../common/index.js';
import type { Sent } from '../../shadow/replay/sender.js';
import { Shop, type ShopRequest } from './shop.js';

/** An exchange that live has had, and what the arms are asked and answer if they are asked in their own words. */
export interface Rehearsed {
  readonly exchange: Exchange;
  readonly sent: readonly Sent[];
  /** The targets the arms must be asked by. */
  readonly targets: readonly string[];
}

/** A new order names the one made so many before it. */
const NAMED_BEFORE = 50;

/** Live's time between two exchanges, ms; an answer takes half of it. */
const STEP_MS = 2;

const CLIENT: readonly HeaderField[] = [
  ['host', 'shop.example'],
  ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36'],
  ['accept', 'application/json'],
  ['accept-language', 'en'],
];

const FLAGS = {
  requestTruncated: false,
  responseTruncated: false,
  clientAborted: false,
  upstreamFailed: false,
  upgraded: false,
  retried: false,
  tls: false,
};

/** Requests to a live shop, one after the other: an order is made, then looked at. Every answer has fresh ids. */
export class Traffic {
  readonly #live = new Shop(1);
  readonly #arms: readonly Shop[];
  readonly #startMs: number;
  #number = 0;

  constructor(startMs: number, arms: number) {
    this.#startMs = startMs;
    this.#arms = Array.from({ length: arms }, (_, arm) => new Shop(arm + 2));
  }

  next(): Rehearsed {
    const number = this.#number++;
    const nowMs = this.#startMs + number * STEP_MS;
    const asked = requestTo(this.#live, number);
    const answer = this.#live.answer(asked, nowMs);
    const requests = this.#arms.map((arm) => requestTo(arm, number));
    const sent = this.#arms.map((arm, i): Sent => ({
      kind: 'answered',
      answer: arm.answer(requests[i]!, nowMs + i),
      askedAt: nowMs + i,
      tookMs: 5,
    }));
    return {
      exchange: exchangeOf(number, nowMs, asked, answer),
      sent,
      targets: requests.map(({ target }) => target),
    };
  }
}

/** The `number`-th request in the words of one copy of the shop. */
function requestTo(shop: Shop, number: number): ShopRequest {
  const ordinal = number >> 1;
  if (number % 2 === 1) {
    const { id, token } = shop.order(ordinal);
    return {
      method: 'GET',
      target: `/orders/${id}?token=${token}`,
      headers: CLIENT,
      body: new Uint8Array(),
    };
  }
  const before = ordinal < NAMED_BEFORE ? undefined : shop.order(ordinal - NAMED_BEFORE);
  const body = Buffer.from(
    JSON.stringify({
      customer: ordinal % 97,
      like: before?.id ?? null,
      reference: before?.reference ?? null,
    }),
  );
  return {
    method: 'POST',
    target: '/orders',
    headers: [...CLIENT, ['content-type', 'application/json'], ['content-length', String(body.length)]],
    body,
  };
}

function exchangeOf(
  number: number,
  nowMs: number,
  asked: ShopRequest,
  answer: { readonly status: number; readonly headers: readonly HeaderField[]; readonly body: Uint8Array },
): Exchange {
  const startedNs = BigInt(number * STEP_MS) * 1_000_000n + 1n;
  const finishedNs = startedNs + BigInt(STEP_MS) * 500_000n;
  return {
    id: number.toString(16).padStart(16, '0'),
    startedNs,
    firstByteNs: finishedNs,
    finishedNs,
    startedAt: nowMs,
    endpoint: asked.method === 'GET' ? 'GET /orders/:id' : 'POST /orders',
    node: 'a',
    client: '127.0.0.1:40000',
    method: asked.method,
    target: asked.target,
    status: answer.status,
    flags: FLAGS,
    requestBodyLength: asked.body.length,
    responseBodyLength: answer.body.length,
    requestHeaders: asked.headers,
    responseHeaders: answer.headers,
    requestBody: asked.body,
    responseBody: answer.body,
  };
}
