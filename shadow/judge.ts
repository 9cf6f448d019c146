import type { ArmName, Exchange, HeaderField } from '../common/index.js';
import { parseAnswer, type Answer } from './answer.js';
import type { EffectDelta } from './arms-contract.js';
import { canonical } from './body/tree.js';
import { NO_STATUS, compareAnswers } from './compare/compare-answer.js';
import { compareEffects } from './compare/compare-effects.js';
import { START_SKEW_MS, type Comparison } from './compare/comparison.js';
import type { Four } from './compare/observation.js';
import { Symbols } from './compare/symbols.js';
import { GenerationSet } from './correlate/generation-set.js';
import { answerTree, learn, noteIssued, type Memory } from './correlate/learn.js';
import { Names } from './correlate/names.js';
import { requestWords, rewriteRequest, type Request } from './correlate/rewrite.js';
import { resourcesOf } from './correlate/role.js';
import { causeOf, marksOf, type Suspect } from './effect-cause.js';
import { EffectHabits } from './effect-habits.js';
import type { Endpoints } from './endpoint.js';
import { CoverageBook } from './ledger/coverage.js';
import { LedgerBook, type Outcome } from './ledger/ledger.js';
import type { Redaction } from './redaction.js';
import { Roots } from './replay/roots.js';
import { requestOf, type ArmRequestOptions } from './replay/arm-request.js';
import type { Sent } from './replay/sender.js';
import type { Span } from './verdict/ages.js';
import { Tallies } from './verdict/tallies.js';
import type { Seer } from './verdict/tally.js';

/** Values that nobody could bind, remembered at least. */
const UNBOUND_VALUES = 200_000;

/** The number of what happened before the first exchange. */
const START = -1;

/** Stands for the answer of an arm that ended or hung. */
const NO_ANSWER: Answer = parseAnswer({ status: NO_STATUS, headers: [], body: new Uint8Array() });

/** What an exchange asks of the arms, in live's words. */
interface Asked {
  readonly request: Request;
  readonly words: ReadonlySet<string>;
  /** It uses a value whose name some arm has forgotten: what that arm answers says nothing. */
  readonly forgotten: boolean;
  /** In the words of each arm, once one of them was asked. */
  rewritten?: readonly Request[];
}

interface Replayed extends Suspect {
  effectDiffers: boolean;
  readonly exchange: Exchange;
  readonly outcome: Outcome;
  readonly spans: Four<Span> | undefined;
}

export interface JudgeOptions {
  readonly arms: readonly ArmName[];
  readonly endpoints: Endpoints;
  readonly request: ArmRequestOptions;
  /** Folders each arm's app runs in: they differ by arm and tell nothing of the app. */
  readonly roots?: readonly (readonly string[])[];
  /** What reports do not keep. Default: the usual secrets. */
  readonly redaction?: Redaction;
  /** The number reports call an exchange by. */
  indexOf(exchange: Exchange): number;
}

/**
 * Takes what live and the arms answered and did, exchange by exchange, and keeps what follows from it: who calls what
 * by which name, and which places were not the same. No I/O.
 */
export class Judge {
  readonly ledger = new LedgerBook();
  readonly coverage = new CoverageBook();
  readonly tallies: Tallies;
  readonly #options: JudgeOptions;
  readonly #roots: readonly Roots[];
  readonly #names: Names;
  readonly #memory: Memory;
  /** Requests that are under way in the arms. */
  readonly #asked = new Map<string, Asked>();
  readonly #symbols: Symbols;
  /** Exchanges that are answered and whose effects are not read yet. */
  readonly #suspects = new Map<string, Replayed>();
  readonly #habits = new EffectHabits();
  /** How far apart in time the arms can have acted on one exchange, ms: they get it at once. */
  #skewMs = 0;

  constructor(options: JudgeOptions) {
    this.#options = options;
    this.#roots = options.arms.map((_, arm) => new Roots(options.roots?.[arm] ?? []));
    const single = options.arms.length === 2;
    this.tallies = new Tallies(!single, options.redaction);
    this.#symbols = new Symbols(single);
    this.#names = new Names(options.arms.length);
    this.#memory = {
      names: this.#names,
      liveSeen: new GenerationSet(UNBOUND_VALUES),
      unbound: new GenerationSet(UNBOUND_VALUES),
    };
  }

  /** The request for one arm, in that arm's words. */
  request(exchange: Exchange, arm: number): Request {
    let asked = this.#asked.get(exchange.id);
    if (asked === undefined) {
      asked = this.#ask(exchange);
      this.#asked.set(exchange.id, asked);
    }
    // In all arms' words at once: they are asked one after the other, before anything is learnt.
    asked.rewritten ??= this.#inWords(exchange, asked.request);
    return asked.rewritten[arm]!;
  }

  #ask(exchange: Exchange): Asked {
    const request = requestOf(exchange, this.#options.request);
    const words = requestWords(request);
    return { request, words, forgotten: this.#isForgotten(words) };
  }

  #inWords(exchange: Exchange, asked: Request): readonly Request[] {
    const ours: readonly HeaderField[] = [
      ['dharma-exchange', exchange.id],
      ['dharma-time', String(exchange.startedAt)],
    ];
    return rewriteRequest(asked, this.#names).map((request) => ({
      ...request,
      headers: [...request.headers, ...ours],
    }));
  }

  /** A text of an arm's in live's words. */
  toLive(arm: ArmName, text: string): string {
    return this.#names.toLive(this.#options.arms.indexOf(arm), text);
  }

  /** What the report must say of how far this judge's memory reaches. */
  get caveats(): readonly string[] {
    const caveats: string[] = [];
    if (this.#symbols.hasForgotten)
      caveats.push('ids that were not seen for very long are compared as noise, no more by their names');
    if (this.tallies.folded > 0)
      caveats.push(
        `there were too many places to tell all of them apart: what was seen at the later ones, ${this.tallies.folded} ` +
          'times, is told of the place above, with `*` for its name',
      );
    return caveats;
  }

  captured(exchange: Exchange): void {
    this.coverage.capture(this.#options.endpoints.of(exchange));
  }

  /** An exchange that is not replayed, whose effects the arms may not have: what it issued is not known to them. */
  skip(exchange: Exchange): void {
    const words = requestWords(requestOf(exchange, this.#options.request));
    noteIssued(answerOf(exchange), isSafe(exchange), words, this.#memory);
  }

  answers(exchange: Exchange, sent: readonly Sent[]): void {
    const live = answerOf(exchange);
    const answers = sent.map((one, i) =>
      one.kind === 'answered'
        ? { ...parseAnswer(this.#roots[i]!.inAnswer(one.answer), live), bytes: one.answer.body }
        : undefined,
    );
    const { words, forgotten } = this.#asked.get(exchange.id) ?? this.#ask(exchange);
    this.#asked.delete(exchange.id);
    const isUnbound = forgotten || this.#isUnbound(words);
    for (const one of sent) if (one.kind === 'answered') this.#skewMs = Math.max(this.#skewMs, one.tookMs);
    learn(
      {
        live,
        arms: answers,
        old: this.#options.arms.flatMap((arm, i) => (arm.startsWith('old') ? [i] : [])),
        resources: resourcesOf(exchange.target),
        requestWords: words,
        safe: isSafe(exchange),
        nowMs: exchange.startedAt,
      },
      this.#memory,
    );
    this.#names.turn();
    this.#symbols.turn();
    const before = this.tallies.looks;
    const spans = this.#spansOf(exchange, sent);
    const outcome: Outcome = isUnbound ? 'unbound' : this.#compare(exchange, live, answers, spans);
    this.#suspects.set(exchange.id, {
      exchange,
      outcome,
      spans,
      safe: isSafe(exchange),
      differs: this.tallies.looks > before,
      effectDiffers: false,
      likelihood: (place) => this.#habits.likelihood(this.#options.endpoints.of(exchange), place),
      marks: this.#marksOf(exchange, answers[0]),
    });
  }

  /** What the app did to its stores and called out to while it started, before the first exchange. */
  startEffects(deltas: readonly EffectDelta[], nowMs: number): void {
    const seer: Seer = {
      request: START,
      exchange: '',
      method: '',
      target: '',
      endpoint: '(start of the app)',
    };
    const comparison = {
      ...this.#comparisonOf(seer, undefined, nowMs, false),
      skewMs: START_SKEW_MS,
    };
    compareEffects(this.#fourEffects(deltas), this.#symbols, () => comparison);
  }

  /** The exchanges' effects are known: they are accounted for. */
  effects(exchanges: readonly Exchange[], deltas: readonly EffectDelta[]): void {
    const suspects = exchanges.flatMap((exchange) => this.#suspects.get(exchange.id) ?? []);
    let last: Replayed | undefined;
    let looks = this.tallies.looks;
    const places: string[] = [];
    compareEffects(this.#fourEffects(deltas), this.#symbols, ({ key, content, place, exchangeIds }) => {
      places.push(place);
      if (last !== undefined && this.tallies.looks > looks) last.effectDiffers = true;
      const told = suspects.filter(({ exchange }) => exchangeIds.includes(exchange.id));
      const cause = causeOf(told.length > 0 ? told : suspects, key, content, place);
      last = cause;
      looks = this.tallies.looks;
      return cause?.outcome === 'compared' ? this.#comparison(cause.exchange, cause.spans, false) : undefined;
    });
    if (exchanges.length === 1) this.#habits.add(this.#options.endpoints.of(exchanges[0]!), places);
    for (const exchange of exchanges) {
      this.ledger.settle(this.#suspects.get(exchange.id)?.outcome ?? 'unanswered');
      this.#suspects.delete(exchange.id);
    }
  }

  /** The ids that stand in what the first arm was asked and answered. */
  #marksOf(exchange: Exchange, answer: Answer | undefined): () => ReadonlySet<string> {
    return () => {
      const { target, headers, body } = this.#inWords(exchange, this.#ask(exchange).request)[0]!;
      const asked = [target, ...headers.map(([, value]) => value), Buffer.from(body).toString('latin1')];
      const told = answer === undefined ? [] : [canonical(answerTree(answer))];
      return new Set([...asked, ...told].flatMap((text) => marksOf(this.#symbols.apply(0, text))));
    };
  }

  #isUnbound(words: ReadonlySet<string>): boolean {
    for (const word of words) if (this.#memory.unbound.has(word) && !this.#names.anyKnows(word)) return true;
    return false;
  }

  #isForgotten(words: ReadonlySet<string>): boolean {
    for (const word of words) if (this.#names.hasForgotten(word)) return true;
    return false;
  }

  #compare(
    exchange: Exchange,
    live: Answer,
    answers: readonly (Answer | undefined)[],
    spans: Four<Span> | undefined,
  ): Outcome {
    const isOld = (i: number): boolean => this.#options.arms[i]!.startsWith('old');
    const failed = answers.flatMap((answer, i) => (answer === undefined ? [i] : []));
    // Every old arm answered and no new one did: that is an answer too. Anything else is the arms' trouble.
    const news = answers.flatMap((_, i) => (isOld(i) ? [] : [i]));
    if (failed.length > 0 && failed.join() !== news.join()) return 'unanswered';
    const endpoint = this.#options.endpoints.of(exchange);
    this.coverage.compare(endpoint);
    const whole = answers.map((answer) => answer ?? NO_ANSWER);
    if (whole.some((answer) => answer.body.kind === 'bytes'))
      this.coverage.bodyNotCompared(endpoint, 'compared as bytes only, by length and hash');
    compareAnswers(this.#four(whole, live), live, this.#comparison(exchange, spans, true));
    return 'compared';
  }

  /** old-a, old-b, new-a, new-b; with one arm a release, live for the second old one and new-a twice. */
  #four<T>(values: readonly T[], live: T): Four<T> {
    if (values.length === 4) return values as unknown as Four<T>;
    return [values[0]!, live, values[1]!, values[1]!];
  }

  /** When each arm was at work on the exchange; undefined: some arm did not answer. */
  #spansOf(exchange: Exchange, sent: readonly Sent[]): Four<Span> | undefined {
    const spans = sent.flatMap((one) =>
      one.kind === 'answered' ? [{ from: one.askedAt, to: one.askedAt + one.tookMs }] : [],
    );
    const tookMs = Number(exchange.finishedNs - exchange.startedNs) / 1e6;
    const live = { from: exchange.startedAt, to: exchange.startedAt + tookMs };
    return spans.length === sent.length ? this.#four(spans, live) : undefined;
  }

  #fourEffects(deltas: readonly EffectDelta[]): Four<EffectDelta> {
    const alike = deltas.map((delta, i) => this.#roots[i]!.inEffects(delta));
    return this.#four(alike, alike[0]!);
  }

  #comparison(exchange: Exchange, spans: Four<Span> | undefined, hasLive: boolean): Comparison {
    const seer: Seer = {
      request: this.#options.indexOf(exchange),
      exchange: exchange.id,
      method: exchange.method,
      target: exchange.target,
      endpoint: this.#options.endpoints.of(exchange),
    };
    return this.#comparisonOf(seer, spans, exchange.startedAt, hasLive && !exchange.flags.responseTruncated);
  }

  #comparisonOf(seer: Seer, spans: Four<Span> | undefined, nowMs: number, hasLive: boolean): Comparison {
    return {
      symbols: this.#symbols,
      hasLive,
      nowMs,
      skewMs: this.#skewMs,
      single: this.#options.arms.length === 2,
      exactIndexes: false,
      markup: false,
      observe: (observation) => this.tallies.add(observation, seer, this.#skewMs, spans),
    };
  }
}

function answerOf(exchange: Exchange): Answer {
  return parseAnswer({
    status: exchange.status,
    headers: exchange.responseHeaders,
    body: exchange.responseBody,
  });
}

function isSafe(exchange: Exchange): boolean {
  return /^(GET|HEAD|OPTIONS)$/.test(exchange.method);
}
