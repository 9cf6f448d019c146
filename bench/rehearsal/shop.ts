import type { HeaderField } from '../../common/index.js';

/** What a request to the shop is, in the words of one copy of it. */
export interface ShopRequest {
  readonly method: 'GET' | 'POST';
  readonly target: string;
  readonly headers: readonly HeaderField[];
  readonly body: Uint8Array;
}

export interface ShopAnswer {
  readonly status: number;
  readonly headers: readonly HeaderField[];
  readonly body: Uint8Array;
}

/** One order as one copy of the shop knows it. */
export interface Order {
  /** A UUID, as PostgreSQL makes them. */
  readonly id: string;
  /** 24 hex digits, as MongoDB makes them. */
  readonly reference: string;
  /** base64url. */
  readonly token: string;
}

/** Orders a copy remembers: the latest. A request only names one of these. */
const KEPT_ORDERS = 1024;

/** Lines of an order: with them an answer is of about 1.9 KB. */
const LINES = 11;

const HEX = '0123456789abcdef';
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** xorshift32: each copy of the shop makes up other ids, the same in every run. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed * 2654435761 || 1;
    for (let i = 0; i < 8; i += 1) this.next();
  }

  /** 0 to 2^32 - 1. */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }

  text(alphabet: string, length: number): string {
    let text = '';
    for (let i = 0; i < length; i += 1) text += alphabet[this.next() % alphabet.length]!;
    return text;
  }

  uuid(): string {
    const hex = (length: number): string => this.text(HEX, length);
    return `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
  }
}

/**
 * A web shop in memory: `POST /orders` makes an order of ids of its own, `GET /orders/:id?token=` shows it under a fresh
 * token. Each answer holds four values that no two copies of the shop share, and the time.
 */
export class Shop {
  readonly #random: Random;
  readonly #orders: Order[] = [];
  readonly #byId = new Map<string, number>();
  #made = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** The order that was made as the `ordinal`-th. */
  order(ordinal: number): Order {
    return this.#orders[ordinal % KEPT_ORDERS]!;
  }

  answer(request: ShopRequest, nowMs: number): ShopAnswer {
    if (request.method === 'POST') return this.#told(201, this.#make(), nowMs);
    const id = request.target.slice('/orders/'.length, request.target.indexOf('?'));
    const ordinal = this.#byId.get(id);
    if (ordinal === undefined) return { status: 404, headers: [], body: new Uint8Array() };
    const order = { ...this.order(ordinal), token: this.#random.text(BASE64URL, 32) };
    this.#orders[ordinal % KEPT_ORDERS] = order;
    return this.#told(200, { order, ordinal }, nowMs);
  }

  #make(): { readonly order: Order; readonly ordinal: number } {
    const order: Order = {
      id: this.#random.uuid(),
      reference: this.#random.text(HEX, 24),
      token: this.#random.text(BASE64URL, 32),
    };
    const ordinal = this.#made++;
    const forgotten = this.#orders[ordinal % KEPT_ORDERS];
    if (forgotten !== undefined) this.#byId.delete(forgotten.id);
    this.#orders[ordinal % KEPT_ORDERS] = order;
    this.#byId.set(order.id, ordinal);
    return { order, ordinal };
  }

  #told(status: number, made: { order: Order; ordinal: number }, nowMs: number): ShopAnswer {
    const { order, ordinal } = made;
    const body = Buffer.from(
      JSON.stringify({
        ...order,
        trace: this.#random.text(HEX, 16),
        at: new Date(nowMs).toISOString(),
        status: 'accepted',
        currency: 'EUR',
        customer: { name: `Customer ${ordinal % 97}`, city: 'Rotterdam', newsletter: ordinal % 2 === 0 },
        lines: Array.from({ length: LINES }, (_, i) => lineOf(ordinal + i)),
        links: { self: `/orders/${order.id}`, pay: `/orders/${order.id}/payment`, next: null },
      }),
    );
    return {
      status,
      headers: [
        ['content-type', 'application/json; charset=utf-8'],
        ['cache-control', 'no-store'],
        ['x-powered-by', 'Express'],
        ['content-length', String(body.length)],
        ['date', new Date(nowMs).toUTCString()],
      ],
      body,
    };
  }
}

function lineOf(seed: number): unknown {
  return {
    sku: `item-${seed % 53}`,
    title: `A thing for the house, number ${seed % 53}`,
    quantity: (seed % 4) + 1,
    price: { amount: 995 + (seed % 53) * 10, vat: 21 },
    available: seed % 7 !== 0,
    tags: ['house', 'garden'],
  };
}
