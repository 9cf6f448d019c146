import { createHmac } from 'node:crypto';
import type { App, Ask, Said, World } from './rehearsal.js';
import type { Request } from '../../../shadow/correlate/rewrite.js';

/**
 * A shop with sessions in Redis, as express-session has them: signed random cookies, expiry by the clock, ages of things
 * that were begun before (`forMs`), what is left of others (`cookieLeftMs`).
 */
export const sessionShop: App = (request, world) => {
  const visit = new Visit(request, world);
  switch (`${request.method} ${request.target}`) {
    case 'GET /':
      return visit.read(() => ({
        user: visit.session.user ?? null,
        now: new Date(world.now()).toISOString(),
      }));
    case 'GET /cart':
      return visit.read(() => ({ cart: visit.session.cart ?? [] }));
    case 'GET /account':
      return visit.account();
    case 'POST /cart':
      return visit.add();
    case 'POST /login':
      return visit.logIn();
    case 'POST /remember':
      return visit.remember();
    case 'POST /logout':
      return visit.logOut();
    default:
      return { status: 404, body: 'no such page' };
  }
};

const HOUR_MS = 3_600_000;
const MONTH_MS = 30 * 24 * HOUR_MS;

interface Session {
  readonly cookie: { originalMaxAge: number; expires: string };
  user?: string;
  cart?: string[];
  since?: number;
}

class Visit {
  readonly #world: World;
  readonly #body: { readonly sku?: string; readonly name?: string };
  #id: string;
  #stored: string | undefined;
  session: Session;

  constructor(request: Request, world: World) {
    this.#world = world;
    this.#body = JSON.parse(Buffer.from(request.body).toString() || '{}') as { sku?: string; name?: string };
    const id = idOf(request);
    this.#stored = id === undefined ? undefined : world.get(`sess:${id}`);
    this.#id = this.#stored === undefined ? world.word(32) : id!;
    this.session = this.#stored === undefined ? this.#begun() : (JSON.parse(this.#stored) as Session);
  }

  read(show: () => unknown): Said {
    const json = show();
    // What is not changed is touched: it lives longer.
    if (this.#stored !== undefined) this.#world.set(`sess:${this.#id}`, this.#stored, this.#ttlMs());
    return { json };
  }

  account(): Said {
    const { user, since } = this.session;
    if (user === undefined) return { status: 302, headers: [['location', '/login-page']], body: 'Found' };
    return this.read(() => ({ user, forMs: this.#world.now() - since!, cookieLeftMs: this.#leftMs() }));
  }

  add(): Said {
    (this.session.cart ??= []).push(this.#body.sku!);
    this.#save();
    return { status: 201, json: { cart: this.session.cart }, headers: this.#cookie() };
  }

  logIn(): Said {
    const { name } = this.#body;
    if (name !== 'ana') return { status: 401, json: { error: 'bad login' } };
    const cart = this.session.cart ?? [];
    this.#world.del(`sess:${this.#id}`);
    this.#id = this.#world.word(32);
    this.#stored = undefined;
    this.session = { ...this.#begun(), user: name, cart, since: this.#world.now() };
    this.#save();
    return { json: { user: name, cart }, headers: this.#cookie() };
  }

  remember(): Said {
    const { cookie } = this.session;
    cookie.expires = new Date(this.#world.now() + MONTH_MS).toISOString();
    cookie.originalMaxAge = this.#leftMs();
    this.#save();
    return { json: { days: 30 }, headers: this.#cookie() };
  }

  logOut(): Said {
    this.#world.del(`sess:${this.#id}`);
    return { status: 204 };
  }

  #begun(): Session {
    const expires = new Date(this.#world.now() + HOUR_MS).toISOString();
    return { cookie: { originalMaxAge: HOUR_MS, expires } };
  }

  #leftMs(): number {
    return Date.parse(this.session.cookie.expires) - this.#world.now();
  }

  #ttlMs(): number {
    return Math.ceil(this.session.cookie.originalMaxAge / 1000) * 1000;
  }

  #save(): void {
    this.#world.set(`sess:${this.#id}`, JSON.stringify(this.session), this.#ttlMs());
  }

  #cookie(): readonly [string, string][] {
    if (this.#stored !== undefined) return [];
    const expires = new Date(this.session.cookie.expires).toUTCString();
    return [
      ['set-cookie', `shop.sid=${signed(this.#id)}; Path=/; Expires=${expires}; HttpOnly; SameSite=Lax`],
    ];
  }
}

function signed(id: string): string {
  const signature = createHmac('sha256', 'k').update(id).digest('base64').replace(/=+$/, '');
  return encodeURIComponent(`s:${id}.${signature}`);
}

function idOf({ headers }: Request): string | undefined {
  const cookie = headers.find(([name]) => name === 'cookie')?.[1] ?? '';
  const value = /shop\.sid=([^;]+)/.exec(cookie)?.[1];
  const id = value === undefined ? undefined : /^s:(.+)\./.exec(decodeURIComponent(value))?.[1];
  return id !== undefined && signed(id) === value ? id : undefined;
}

type Step = (said: readonly Said[]) => Ask;

/** `of`: the step whose answer set the cookie. */
function step(method: string, target: string, of?: number, body?: object): Step {
  return (said) => ({
    method,
    target,
    headers: [
      ...(of === undefined ? [] : [['cookie', cookieOf(said[of]!)] as const]),
      ...(body === undefined ? [] : [['content-type', 'application/json'] as const]),
    ],
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

function cookieOf({ headers = [] }: Said): string {
  return headers.find(([name]) => name === 'set-cookie')![1].split(';')[0]!;
}

/** Four visitors: who fills a cart and logs in, who is remembered, and who come and go. */
export const shopVisits: readonly Step[] = [
  step('GET', '/'),
  step('GET', '/account'),
  step('POST', '/cart', undefined, { sku: 'lamp' }),
  step('GET', '/cart', 2),
  step('POST', '/cart', 2, { sku: 'pen' }),
  step('POST', '/login', 2, { name: 'who' }),
  step('POST', '/login', 2, { name: 'ana' }),
  step('GET', '/', 6),
  step('GET', '/account', 6),
  step('GET', '/cart', 2),
  step('POST', '/cart', 6, { sku: 'desk' }),
  step('POST', '/login', undefined, { name: 'ana' }),
  step('GET', '/account', 11),
  step('POST', '/remember', 11, {}),
  step('GET', '/account', 11),
  step('POST', '/cart', 11, { sku: 'rug' }),
  step('GET', '/account', 11),
  step('GET', '/account', 11),
  step('POST', '/logout', 6, {}),
  step('GET', '/account', 6),
  step('POST', '/login', undefined, { name: 'ana' }),
  step('GET', '/account', 20),
  step('GET', '/account', 20),
  step('POST', '/logout', 20, {}),
];
