import { charge, newContest, type Contest } from './contest.js';
import { METHODS, type PointForecast } from './methods.js';
import { chooseNodes, type Choice } from './newsvendor.js';
import { learn, NO_RESIDUALS, tails, type Residuals } from './residuals.js';
import { follow, NO_SIGNALS, type Signals } from './signals.js';

/**
 * What will be asked of the cluster, with how sure that is. Everything is learned from the cluster's own seconds; the
 * state is plain data of bounded size (about 45 KB), so that it is kept over restarts and recorded with decisions.
 */
export interface Forecaster {
  readonly signals: Signals;
  readonly residuals: readonly Residuals[];
  readonly contest: Contest;
  /** Forecasts whose time has not come to its end. */
  readonly pending: readonly Pending[];
  /** log of the price of a short second, in node-seconds. */
  readonly logPrice: number;
}

interface Pending {
  /** The window that the choice was made for, ms since 1970, and what of it has been seen. */
  readonly from: number;
  readonly to: number;
  readonly seen: readonly number[];
  /** Null, as JSON has it, where a method cannot tell. */
  readonly forecasts: readonly (PointForecast | null)[];
  readonly choices: readonly (number | null)[];
  /** Announced work that comes on top of what is forecast and seen. */
  readonly extra: number;
}

export interface Horizon {
  /** When the nodes decided on now are ready, and when those of the next decision are; ms from now. */
  readonly readyMs: number;
  readonly tickMs: number;
}

/** Share of seconds that may be short, where the operator says nothing: 86 s a day. */
export const SHORT_SHARE = 0.001;
/** Residuals and standings fade over so many days: a week knows the weekend, and a changed app is soon relearned. */
const MEMORY_MS = 5 * 86_400_000;
/** A price moves by its whole within about so many ticks: a day's. */
const PRICE_TICKS = 1440;
/** One storm may not set the price for days: a tick counts for at most this multiple of the share allowed. */
const PRICE_STEP = 300;
/** How far the price may leave where it began, either way, as a factor. */
const PRICE_RANGE = 30;

export function newForecaster(shortShare = SHORT_SHARE): Forecaster {
  return {
    signals: NO_SIGNALS,
    residuals: METHODS.map(() => NO_RESIDUALS),
    contest: newContest(METHODS.length),
    pending: [],
    logPrice: -Math.log(shortShare),
  };
}

/** The state after the seconds of another tick, in nodes of work; they end at `at`. Pure. */
export function observeWork(before: Forecaster, seconds: readonly number[], at: number): Forecaster {
  const signals = follow(before.signals, seconds, at);
  const first = at - seconds.length * 1000;
  const pending = before.pending.map((open): Pending => {
    const mine = seconds.filter((_, i) => first + i * 1000 >= open.from && first + i * 1000 < open.to);
    return mine.length === 0 ? open : { ...open, seen: [...open.seen, ...mine] };
  });
  const state: Forecaster = { ...before, signals, pending: pending.filter(({ to }) => to > at) };
  return pending.filter(({ to }) => to <= at).reduce(settle, state);
}

/** What a forecast's window brought: residuals are learned, methods charged. */
function settle(state: Forecaster, past: Pending): Forecaster {
  if (past.seen.length === 0) return state;
  const keep = Math.exp(-(past.to - past.from) / MEMORY_MS);
  const residuals = state.residuals.map((known, i) => {
    const forecast = past.forecasts[i];
    if (forecast === undefined || forecast === null) return known;
    return learn(
      known,
      past.seen.map((work) => (work - forecast.work) / forecast.scale),
      keep,
    );
  });
  const price = Math.exp(state.logPrice);
  const costs = past.choices.map((nodes) => {
    if (nodes === null) return undefined;
    return nodes * past.seen.length + price * shortSeconds(past, nodes);
  });
  return { ...state, residuals, contest: charge(state.contest, costs, keep) };
}

/** Seconds at whose end work would have been left waiting: what a second leaves, the next ones have to work off. */
function shortSeconds({ seen, extra }: Pending, nodes: number): number {
  let [waiting, short] = [0, 0];
  for (const work of seen) {
    waiting = Math.max(0, waiting + work + extra - nodes);
    if (waiting > ROUNDING) short += 1;
  }
  return short;
}

/** Less work than this is what sums of fractions leave. */
const ROUNDING = 1e-9;

/**
 * The price of a short second after a tick in which the share `short` of seconds was short: dual ascent towards the share
 * allowed. The long run then keeps to it, whatever the load is like (Gibbs and Candès 2021, adaptive conformal inference).
 */
export function reprice(before: Forecaster, short: number, allowed = SHORT_SHARE): Forecaster {
  const step = (Math.min(short / allowed, PRICE_STEP) - 1) / PRICE_TICKS;
  const start = -Math.log(allowed);
  const range = Math.log(PRICE_RANGE);
  return { ...before, logPrice: Math.min(start + range, Math.max(start - range, before.logPrice + step)) };
}

export interface Fleet {
  /** Nodes that serve or will. */
  readonly have: number;
  readonly least: number;
  readonly most: number;
  /** Announced work, which comes on top of what is forecast; in nodes. */
  readonly extra: number;
  /** Work that waits, in node-seconds. */
  readonly waiting: number;
}

export interface Outlook extends Choice {
  readonly method: string;
  readonly work: number;
  readonly shortPrice: number;
}

/** How many nodes, by the method that is trusted; what all of them would choose is kept, to be judged later. Pure. */
export function chooseSize(
  before: Forecaster,
  { readyMs, tickMs }: Horizon,
  fleet: Fleet,
): { readonly state: Forecaster; readonly outlook: Outlook } {
  const lead = readyMs + tickMs / 2;
  const shortPrice = Math.exp(before.logPrice);
  const forecasts = METHODS.map((method) => method.forecast(before.signals, lead));
  const choices = forecasts.map((forecast, i) =>
    forecast === undefined
      ? undefined
      : chooseNodes({
          forecast: { ...forecast, work: forecast.work + fleet.extra },
          residuals: before.residuals[i]!,
          priorUnit: METHODS[i]!.priorUnit,
          shortPrice,
          have: fleet.have,
          startSeconds: readyMs / 1000,
          seconds: tickMs / 1000,
          least: fleet.least,
          most: fleet.most,
        }),
  );
  const trusted = choices[before.contest.trusted] === undefined ? 0 : before.contest.trusted;
  const { at } = before.signals;
  const pending: Pending = {
    from: at + readyMs,
    to: at + readyMs + tickMs,
    seen: [],
    forecasts: forecasts.map((forecast) => forecast ?? null),
    choices: choices.map((choice) => choice?.nodes ?? null),
    extra: fleet.extra,
  };
  const chosen = choices[trusted]!;
  const rush = rushOf(fleet, { readyMs, tickMs }, shortPrice, before.signals.recent + fleet.extra, forecasts);
  return {
    state: { ...before, pending: [...before.pending, pending] },
    outlook: {
      ...chosen,
      nodes: Math.max(chosen.nodes, Math.min(fleet.most, rush)),
      method:
        rush > chosen.nodes
          ? 'work waits: the highest forecast, and nodes to work it off'
          : METHODS[trusted]!.name,
      work: forecasts[trusted]!.work + fleet.extra,
      shortPrice,
    },
  };
}

/**
 * Nodes while work waits that those there will not have worked off before new ones are ready; else 0. Every second until
 * it is worked off is short: `e` nodes above the load take waiting / e seconds of them, and cost e × tick; the sum is least
 * at e = √(price × waiting / tick). The load is by then what the highest forecast says: one that breaks in is not over.
 */
function rushOf(
  { have, waiting, extra }: Fleet,
  { readyMs, tickMs }: Horizon,
  shortPrice: number,
  load: number,
  forecasts: readonly (PointForecast | undefined)[],
): number {
  const spare = have - load;
  if (waiting <= 0 || (spare > 0 && waiting / spare <= readyMs / 1000)) return 0;
  const excess = Math.min(waiting, Math.sqrt((shortPrice * waiting) / (tickMs / 1000)));
  const highest = Math.max(...forecasts.map((forecast) => forecast?.work ?? 0));
  return Math.ceil(highest + extra + excess);
}

/** Work at a horizon with the value that the share `share` of seconds is not above, for people; nodes of work. */
export function expectWork(
  { signals, residuals, contest }: Forecaster,
  leadMs: number,
  share: number,
): { readonly work: number; readonly upper: number } {
  const method = METHODS[contest.trusted]!;
  const place = method.forecast(signals, leadMs) === undefined ? 0 : contest.trusted;
  const { work, scale } = METHODS[place]!.forecast(signals, leadMs)!;
  const { priorUnit } = METHODS[place]!;
  let margin = 0;
  while (tails(residuals[place]!, [margin], priorUnit)[0]! > 1 - share && margin < 1e4)
    margin = margin * 1.08 + 0.01;
  return { work, upper: work + margin * scale };
}
