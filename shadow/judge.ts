import type { ArmName, Exchange } from '../common/index.js';
import { parseAnswer, type Answer } from './answer.js';
import type { EffectDelta } from './arms-contract.js';
import { canonical } from './body/tree.js';
import { NO_STATUS, compareAnswers } from './compare/compare-answer.js';
import { compareEffects } from './compare/compare-effects.js';
import { START_SKEW_MS, type Comparison } from './compare/comparison.js';
import type { Four } from './compare/observation.js';
import { Symbols } from './compare/symbols.js';
import { Bindings, SharedNames } from './correlate/bindings.js';
import { GenerationSet } from './correlate/generation-set.js';
import { answerTree, learn, noteIssued, type Memory } from './correlate/learn.js';
import { requestWords, rewriteRequest, type Request } from './correlate/rewrite.js';
import { resourcesOf } from './correlate/role.js';
import { causeOf, marksOf, type Suspect } from './effect-cause.js';
import { EffectHabits } from './effect-habits.js';
import type { Endpoints } from './endpoint.js';
import { CoverageBook } from './ledger/coverage.js';
import { LedgerBook, type Outcome } from './ledger/ledger.js';
import type { Redaction } from './redaction.js';
import { effectsWithoutRoots, withoutRoots } from './replay/roots.js';
import { requestOf, type ArmRequestOptions } from './replay/arm-request.js';
import type { Sent } from './replay/sender.js';
import { Tallies, type Seer } from './verdict/tally.js';

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
}

interface Replayed extends Suspect {
  effectDiffers: boolean;
  readonly exchange: Exchange;
  readonly outcome: Outcome;
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
  readonly #names: SharedNames;
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
    const single = options.arms.length === 2;
    this.tallies = new Tallies(!single, options.redaction);
    this.#symbols = new Symbols(single);
    this.#names = new SharedNames();
    this.#memory = {
      bindings: options.arms.map((_, arm) => new Bindings(this.#names, arm)),
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
    return this.#inWords(exchange, asked, arm);
  }

  #ask(exchange: Exchange): Asked {
    const request = requestOf(exchange, this.#options.request);
    const words = requestWords(request);
    return { request, words, forgotten: this.#isForgotten(words) };
  }

  #inWords(exchange: Exchange, asked: Asked, arm: number): Request {
    const request = rewriteRequest(asked.request, this.#memory.bindings[arm]!);
    return {
      ...request,
      headers: [
        ...request.headers,
        ['dharma-exchange', exchange.id],
        ['dharma-time', String(exchange.startedAt)],
      ],
    };
  }

  /** A text of an arm's in live's words. */
  toLive(arm: ArmName, text: string): string {
    return this.#memory.bindings[this.#options.arms.indexOf(arm)]?.toLive(text) ?? text;
  }

  /** What the report must say of how far this judge's memory reaches. */
  get caveats(): readonly string[] {
    if (!this.#symbols.hasForgotten) return [];
    return ['ids that were not seen for very long are compared as noise, no more by their names'];
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
    const answers = sent.map((one, i) =>
      one.kind === 'answered'
        ? { ...parseAnswer(withoutRoots(one.answer, this.#rootsOf(i))), bytes: one.answer.body }
        : undefined,
    );
    const { words, forgotten } = this.#asked.get(exchange.id) ?? this.#ask(exchange);
    this.#asked.delete(exchange.id);
    const isUnbound = forgotten || this.#isUnbound(words);
    for (const one of sent) if (one.kind === 'answered') this.#skewMs = Math.max(this.#skewMs, one.tookMs);
    const live = answerOf(exchange);
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
    this.#names.generations.turn();
    this.#symbols.turn();
    const before = this.tallies.looks;
    const outcome: Outcome = isUnbound ? 'unbound' : this.#compare(exchange, live, answers);
    this.#suspects.set(exchange.id, {
      exchange,
      outcome,
      safe: isSafe(exchange),
      differs: this.tallies.looks > before,
      effectDiffers: false,
      likelihood: (place) => this.#habits.likelihood(this.#options.endpoints.of(exchange), place),
      marks: () => this.#marks(exchange, answers[0]),
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
    const comparison = { ...this.#comparisonOf(seer, nowMs, false), skewMs: START_SKEW_MS };
    compareEffects(this.#fourEffects(deltas), this.#symbols, () => comparison);
  }

  /** The exchanges' effects are known: they are accounted for. */
  effects(exchanges: readonly Exchange[], deltas: readonly EffectDelta[]): void {
    const suspects = exchanges.flatMap((exchange) => this.#suspects.get(exchange.id) ?? []);
    let last: Replayed | undefined;
    let looks = this.tallies.looks;
    const places: string[] = [];
    compareEffects(this.#fourEffects(deltas), this.#symbols, ({ key, content, place, exchangeId }) => {
      places.push(place);
      if (last !== undefined && this.tallies.looks > looks) last.effectDiffers = true;
      const told = suspects.find(({ exchange }) => exchange.id === exchangeId);
      const cause = told ?? causeOf(suspects, key, content, place);
      last = cause;
      looks = this.tallies.looks;
      return cause?.outcome === 'compared' ? this.#comparison(cause.exchange, false) : undefined;
    });
    if (exchanges.length === 1) this.#habits.add(this.#options.endpoints.of(exchanges[0]!), places);
    for (const exchange of exchanges) {
      this.ledger.settle(this.#suspects.get(exchange.id)?.outcome ?? 'unanswered');
      this.#suspects.delete(exchange.id);
    }
  }

  /** The ids that stand in what the first arm was asked and answered. */
  #marks(exchange: Exchange, answer: Answer | undefined): ReadonlySet<string> {
    const { target, headers, body } = this.#inWords(exchange, this.#ask(exchange), 0);
    const asked = [target, ...headers.map(([, value]) => value), Buffer.from(body).toString('latin1')];
    const told = answer === undefined ? [] : [canonical(answerTree(answer))];
    return new Set([...asked, ...told].flatMap((text) => marksOf(this.#symbols.apply(0, text))));
  }

  #isUnbound(words: ReadonlySet<string>): boolean {
    for (const word of words)
      if (this.#memory.unbound.has(word) && !this.#memory.bindings.some((arm) => arm.knows(word)))
        return true;
    return false;
  }

  #isForgotten(words: ReadonlySet<string>): boolean {
    for (const word of words) if (this.#memory.bindings.some((arm) => arm.hasForgotten(word))) return true;
    return false;
  }

  #compare(exchange: Exchange, live: Answer, answers: readonly (Answer | undefined)[]): Outcome {
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
    compareAnswers(this.#four(whole, live), live, this.#comparison(exchange, true));
    return 'compared';
  }

  /** old-a, old-b, new-a, new-b; with one arm a release, live for the second old one and new-a twice. */
  #four<T>(values: readonly T[], live: T): Four<T> {
    if (values.length === 4) return values as unknown as Four<T>;
    return [values[0]!, live, values[1]!, values[1]!];
  }

  #fourEffects(deltas: readonly EffectDelta[]): Four<EffectDelta> {
    const alike = deltas.map((delta, i) => effectsWithoutRoots(delta, this.#rootsOf(i)));
    return this.#four(alike, alike[0]!);
  }

  #rootsOf(arm: number): readonly string[] {
    return this.#options.roots?.[arm] ?? [];
  }

  #comparison(exchange: Exchange, hasLive: boolean): Comparison {
    const seer: Seer = {
      request: this.#options.indexOf(exchange),
      exchange: exchange.id,
      method: exchange.method,
      target: exchange.target,
      endpoint: this.#options.endpoints.of(exchange),
    };
    return this.#comparisonOf(seer, exchange.startedAt, hasLive && !exchange.flags.responseTruncated);
  }

  #comparisonOf(seer: Seer, nowMs: number, hasLive: boolean): Comparison {
    return {
      symbols: this.#symbols,
      hasLive,
      nowMs,
      skewMs: this.#skewMs,
      single: this.#options.arms.length === 2,
      exactIndexes: false,
      markup: false,
      observe: (observation) => this.tallies.add(observation, seer),
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
