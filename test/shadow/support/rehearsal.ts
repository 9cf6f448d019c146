import type { Exchange, HeaderField, Verdict } from '../../../common/index.js';
import type { EffectDelta, EffectEntry } from '../../../shadow/arms-contract.js';
import type { Request } from '../../../shadow/correlate/rewrite.js';
import { Endpoints } from '../../../shadow/endpoint.js';
import { Judge } from '../../../shadow/judge.js';
import { armNames } from '../../../shadow/options.js';
import { concludeRest } from '../../../shadow/report/assemble.js';
import { tellDifferences } from '../../../shadow/report/differences.js';
import type { Sent } from '../../../shadow/replay/sender.js';
import { decide } from '../../../shadow/verdict/decide.js';
import { random } from './random.js';

/** What an app that runs nowhere has of the world: a clock, dice, and a Redis of strings. */
export interface World {
  /** Milliseconds since 1970; time goes on between two calls. */
  now(): number;
  random(): number;
  /** `size` random characters. */
  word(size: number, alphabet?: string): string;
  get(key: string): string | undefined;
  set(key: string, value: string, ttlMs?: number): void;
  del(key: string): void;
}

export interface Said {
  readonly status?: number;
  readonly headers?: readonly HeaderField[];
  readonly json?: unknown;
  readonly body?: Uint8Array | string;
  readonly type?: string;
}

export type App = (request: Request, world: World) => Said;

/** One request: what live's earlier answers have in it is the caller's to put there. */
export interface Ask {
  readonly method: string;
  readonly target: string;
  readonly headers?: readonly HeaderField[];
  readonly body?: string;
}

/** How late the machine makes each step, ms. */
export type Delay = (next: () => number) => number;

export interface Rehearsal {
  readonly seed: number;
  readonly old: App;
  readonly fresh: App;
  /** Asks in turn; each is made of what live answered so far. */
  readonly asks: readonly ((said: readonly Said[]) => Ask)[];
  readonly delay: Delay;
  readonly arms?: '2x2' | '1x1';
  /** The arms' clock and dice are live's: the same time, one seed for the arms `a` and one for `b`. */
  readonly determinism?: boolean;
}

export interface Outcome {
  readonly verdict: Verdict;
  readonly because: string;
  /** `request where`, in order. */
  readonly differing: readonly string[];
  readonly requests: readonly number[];
}

const ALPHA = 0.05;
const BEGUN = Date.parse('2026-05-01T10:00:00.123Z');

interface Stored {
  readonly value: string;
  readonly expiresAt: number | undefined;
}

/** One process of an app, on a virtual clock. */
class Instance {
  readonly #app: App;
  readonly #store = new Map<string, Stored>();
  readonly #dice: () => number;
  readonly #delay: () => number;
  #before = new Map<string, Stored & { readonly ttlMs: number | undefined }>();
  clock: number;

  constructor(app: App, clock: number, dice: () => number, delay: () => number) {
    this.#app = app;
    this.clock = clock;
    this.#dice = dice;
    this.#delay = delay;
  }

  answer(request: Request, fixed?: { readonly nowMs: number; readonly dice: () => number }): Said {
    this.#before = this.#snapshot();
    const dice = fixed?.dice ?? this.#dice;
    const word = (
      size: number,
      alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789',
    ): string => Array.from({ length: size }, () => alphabet[Math.floor(dice() * alphabet.length)]!).join('');
    this.clock += this.#delay();
    const said = this.#app(request, {
      now: () => {
        const now = fixed?.nowMs ?? this.clock;
        // Most of what an app does takes no time that a clock tells.
        if (this.#dice() < 0.2) this.clock += this.#delay();
        return Math.floor(now);
      },
      random: dice,
      word,
      get: (key) => this.#store.get(key)?.value,
      set: (key, value, ttlMs) => {
        this.#store.set(key, { value, expiresAt: ttlMs === undefined ? undefined : this.clock + ttlMs });
      },
      del: (key) => this.#store.delete(key),
    });
    this.clock += this.#delay();
    return said;
  }

  effects(): EffectDelta {
    const after = this.#snapshot();
    const entries: EffectEntry[] = [];
    for (const key of new Set([...this.#before.keys(), ...after.keys()])) {
      const [was, is] = [this.#before.get(key), after.get(key)];
      if (was?.value === is?.value && was?.expiresAt === is?.expiresAt) continue;
      entries.push({
        store: 'redis',
        key: [key],
        before: was?.value,
        after: is?.value,
        ...(was?.ttlMs === undefined ? {} : { ttlBeforeMs: was.ttlMs }),
        ...(is?.ttlMs === undefined ? {} : { ttlAfterMs: is.ttlMs }),
      });
    }
    return { entries, calls: [] };
  }

  #snapshot(): Map<string, Stored & { readonly ttlMs: number | undefined }> {
    return new Map(
      [...this.#store].map(([key, one]) => [
        key,
        { ...one, ttlMs: one.expiresAt === undefined ? undefined : Math.round(one.expiresAt - this.clock) },
      ]),
    );
  }
}

/** Runs two releases side by side through the engine's judge, as an upgrade does, with virtual time and seeded dice. */
export function rehearse(rehearsal: Rehearsal): Outcome {
  const { seed, old, fresh, asks, arms = '2x2' } = rehearsal;
  const names = armNames(arms);
  const judge = new Judge({
    arms: names,
    endpoints: new Endpoints([]),
    request: { forwarded: false },
    indexOf: (exchange) => Number.parseInt(exchange.id, 16),
  });
  const dice = (n: number): (() => number) => random(seed * 97 + n);
  const delay = (n: number): (() => number) => {
    const own = dice(n);
    return () => rehearsal.delay(own);
  };
  const live = new Instance(old, BEGUN, dice(1), delay(2));
  const copies = names.map(
    (name, i) =>
      new Instance(name.startsWith('old') ? old : fresh, BEGUN + 5000, dice(10 + i), delay(20 + i)),
  );
  const said: Said[] = [];
  const exchanges = asks.map((ask, i) => {
    live.clock += rehearsal.delay(dice(3));
    const startedAt = live.clock;
    const asked = ask(said);
    said.push(live.answer(requestOf(asked)));
    return exchangeOf(i, startedAt, asked, said[i]!);
  });
  for (const [i, exchange] of exchanges.entries()) {
    const from = Math.max(...copies.map(({ clock }) => clock));
    const sent = copies.map((copy, arm): Sent => {
      copy.clock = from;
      const fixed =
        rehearsal.determinism === true
          ? {
              nowMs: exchange.startedAt,
              dice: random(seed * 31 + i * 2 + (names[arm]!.endsWith('a') ? 0 : 1)),
            }
          : undefined;
      const answer = rawOf(copy.answer(judge.request(exchange, arm), fixed));
      return { kind: 'answered', answer, askedAt: from, tookMs: copy.clock - from };
    });
    judge.answers(exchange, sent);
    judge.effects(
      [exchange],
      copies.map((copy) => copy.effects()),
    );
  }
  return conclude(judge);
}

function conclude(judge: Judge): Outcome {
  const compared = judge.coverage.compared();
  const decisions = decide(judge.tallies.all(), compared, ALPHA);
  const { differing } = tellDifferences(decisions, { compared });
  const { verdict, because } = concludeRest(decisions, judge.ledger.read().compared, 0);
  return {
    verdict: differing.length > 0 ? 'differs' : verdict,
    because,
    differing: differing.map(({ request, where }) => `${request} ${where}`),
    requests: [...new Set(differing.map(({ request }) => request))],
  };
}

function requestOf({ method, target, headers = [], body = '' }: Ask): Request {
  return { method, target, headers, body: Buffer.from(body) };
}

function rawOf({ status = 200, headers = [], json, body, type }: Said): {
  readonly status: number;
  readonly headers: readonly HeaderField[];
  readonly body: Uint8Array;
} {
  const bytes = json === undefined ? Buffer.from(body ?? '') : Buffer.from(JSON.stringify(json));
  const mediaType = type ?? (json === undefined ? 'text/plain' : 'application/json');
  return { status, headers: [['content-type', mediaType], ...headers], body: bytes };
}

function exchangeOf(i: number, startedAt: number, ask: Ask, said: Said): Exchange {
  const { status, headers, body } = rawOf(said);
  const requestBody = Buffer.from(ask.body ?? '');
  return {
    id: i.toString(16).padStart(16, '0'),
    startedNs: BigInt(i) * 1000n,
    firstByteNs: BigInt(i) * 1000n + 500n,
    finishedNs: BigInt(i) * 1000n + 500n,
    startedAt: Math.floor(startedAt),
    endpoint: '',
    node: 'n',
    client: '127.0.0.1:1000',
    method: ask.method,
    target: ask.target,
    status,
    flags: {
      requestTruncated: false,
      responseTruncated: false,
      clientAborted: false,
      upstreamFailed: false,
      upgraded: false,
      retried: false,
      tls: false,
    },
    requestBodyLength: requestBody.length,
    responseBodyLength: body.length,
    requestHeaders: ask.headers ?? [],
    responseHeaders: headers,
    requestBody,
    responseBody: body,
  };
}
