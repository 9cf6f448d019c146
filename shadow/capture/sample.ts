import { createHmac, randomBytes } from 'node:crypto';
import type { Exchange, HeaderField } from '../../common/index.js';
import { GenerationSet } from '../correlate/generation-set.js';
import { strengthOf } from '../correlate/tokens.js';

/** Credentials whose sessions are remembered at least. */
const REMEMBERED = 200_000;

/** Answers larger than this are not looked through for tokens: a login's is short. */
const LOGIN_BYTES = 16 * 1024;

/** Bits of what is remembered of a credential. */
const IN = 1;
const OUT = 2;

/** Names that sessions' cookies have. */
const SESSION_NAME = /sess|sid|auth|token|jwt|login|user/i;

/** A field of a JSON answer that a client comes back with. */
const TOKEN_FIELD = /"[\w-]*(?:token|jwt|session|auth|sid)[\w-]*"\s*:\s*"([A-Za-z0-9._~+/=-]{8,})"/gi;

/**
 * Whether what goes by this name is in a sample of the share given (0..1): by its keyed hash, so that nobody outside can
 * choose to be in or out, and what is in a sample is in each larger one of the same key. Pure.
 */
export function isSampled(name: string, share: number, key: Uint8Array): boolean {
  const hash = createHmac('sha256', key).update(name).digest();
  return hash.readUIntBE(0, 6) / 2 ** 48 < share;
}

/** What a client showed as its own, the most telling first: what it authorizes itself by, then its cookies. Pure. */
export function credentialsOf(headers: readonly HeaderField[]): readonly string[] {
  const named = (field: string): string[] =>
    headers.filter(([name]) => name.toLowerCase() === field).map(([, value]) => value);
  const authorization = named('authorization').map((value) => value.replace(/^\S+\s+/, ''));
  const cookies = named('cookie')
    .flatMap((value) => value.split(';'))
    .map(pairOf)
    .filter(({ value }) => strengthOf(value) === 'strong')
    .sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
  return [...authorization, ...cookies.map(({ value }) => value)];
}

/** What an answer gave its client to come back with. Pure. */
export function issuedCredentials(
  exchange: Pick<Exchange, 'responseHeaders' | 'responseBody'>,
): readonly string[] {
  const cookies = exchange.responseHeaders
    .filter(([name]) => name.toLowerCase() === 'set-cookie')
    .map(([, value]) => pairOf(value.split(';')[0]!))
    .filter(({ value }) => strengthOf(value) === 'strong')
    .sort((a, b) => rank(a) - rank(b));
  return [...cookies.map(({ value }) => value), ...tokensIn(exchange)];
}

function tokensIn({ responseHeaders, responseBody }: Parameters<typeof issuedCredentials>[0]): string[] {
  const isJson = responseHeaders.some(([name, value]) => /^content-type$/i.test(name) && /json/i.test(value));
  if (!isJson || responseBody.length > LOGIN_BYTES) return [];
  const text = Buffer.from(responseBody.buffer, responseBody.byteOffset, responseBody.length).toString();
  return [...text.matchAll(TOKEN_FIELD)].map(([, value]) => value!).filter((v) => strengthOf(v) === 'strong');
}

function pairOf(text: string): { name: string; value: string } {
  const at = text.indexOf('=');
  return { name: text.slice(0, at).trim(), value: text.slice(at + 1).trim() };
}

function rank({ name }: { readonly name: string }): number {
  return SESSION_NAME.test(name) ? 0 : 1;
}

/** The first address a proxy before the edge named, or the edge's own client. */
function addressOf({ requestHeaders, client }: Exchange): string {
  const forwarded = requestHeaders.find(([name]) => name.toLowerCase() === 'x-forwarded-for')?.[1];
  return forwarded?.split(',')[0]!.trim() || client.replace(/:\d+$/, '');
}

/**
 * Chooses whole sessions: a client is in or out by what it shows (authorization, session cookie), by what the answer
 * gives it to come back with, or else by its address; and what a session is given later (a new cookie at login) goes the
 * way of what it had. Deterministic in its key and what it was asked.
 */
export class SessionSample {
  readonly #share: number;
  readonly #key: Uint8Array;
  readonly #known = new GenerationSet(REMEMBERED);

  /** `share`: 0..1; `key`: of the hash. */
  constructor(share: number, key: Uint8Array = randomBytes(32)) {
    this.#share = share;
    this.#key = key;
  }

  takes(exchange: Exchange): boolean {
    if (this.#share >= 1) return true;
    const shown = credentialsOf(exchange.requestHeaders);
    const issued = issuedCredentials(exchange);
    const isIn =
      this.#remembered(shown) ??
      isSampled(shown[0] ?? issued[0] ?? addressOf(exchange), this.#share, this.#key);
    for (const credential of [...shown, ...issued]) this.#remember(credential, isIn);
    return isIn;
  }

  /** Undefined: none of them is known, or one that sessions on both sides have. */
  #remembered(credentials: readonly string[]): boolean | undefined {
    for (const credential of credentials) {
      const bits = this.#known.bits(credential);
      if (bits === IN || bits === OUT) return bits === IN;
    }
    return undefined;
  }

  #remember(credential: string, isIn: boolean): void {
    this.#known.add(credential, isIn ? IN : OUT);
  }
}
