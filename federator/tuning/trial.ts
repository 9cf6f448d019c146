import { noLean, weighLean, type Lean } from '../../common/index.js';
import { drawOf, shuffled } from './draw.js';
import { answered, lossesOf, pooled, type Loss, type Sample } from './loss.js';
import type { Point } from './point.js';
import type { Origin } from './search.js';
import type { Weights } from './weights.js';

/** What is tried: a config on half of the clusters, or shares of the edge's traffic on all. */
export type Subject =
  | { readonly kind: 'config'; readonly point: Point; readonly origin: Origin }
  | { readonly kind: 'weights'; readonly weights: Weights };

/**
 * A comparison of a challenger with the best so far, in blocks of time. Before each block it is drawn anew which clusters
 * run which of two configs; for shares of traffic, which concern all clusters, which of two blocks in a row has which. If
 * the two do not differ in what they do, either wins as by a fair coin, whatever else makes clusters or times differ (a
 * slow machine, a rush hour, a backlog from the block before): the draw alone makes it so (a randomisation test: Fisher
 * 1935; in blocks of time a "switchback"). So the betting test over the blocks holds its error rate, and may be looked at
 * after each.
 */
export interface Trial {
  readonly id: number;
  readonly subject: Subject;
  readonly startedAt: number;
  /** Chance of taking the challenger for better where it is not. */
  readonly alpha: number;
  /** Comparisons after which it is not worth waiting any longer, and those made. */
  readonly budget: number;
  readonly compared: number;
  readonly better: Lean;
  readonly worse: Lean;
  /** Sum over comparisons of how much less the challenger's losses were: their mean, as a log ratio, is what it brings. */
  readonly gain: Gain;
  readonly block: Block;
  /** Shares of traffic: what all clusters did in the first block of a pair. */
  readonly first?: Sample;
}

export interface Gain {
  readonly wait: number;
  readonly cost: number;
}

export interface Block {
  readonly index: number;
  /** Clusters that have the challenger, and those that are compared with them. Others have the best so far too. */
  readonly challenging: readonly string[];
  readonly holding: readonly string[];
  readonly phase: 'settling' | 'measuring';
  /** When the phase began, ms since 1970. */
  readonly since: number;
}

/** A difference that shows in fewer of the comparisons is not worth waiting for. */
const WORTH_SEEING = 3 / 4;

/** How many comparisons it takes to be certain of what shows in `WORTH_SEEING` of them, at error rate `alpha`. */
export function budgetOf(alpha: number): number {
  const [p, q] = [WORTH_SEEING, 1 - WORTH_SEEING];
  const gain = p * Math.log(2 * p) + q * Math.log(2 * q);
  return Math.ceil(Math.log(1 / alpha) / gain);
}

export function newTrial(id: number, subject: Subject, alpha: number, block: Block): Trial {
  return {
    id,
    subject,
    startedAt: block.since,
    alpha,
    budget: budgetOf(alpha),
    compared: 0,
    better: noLean(1 / 2),
    worse: noLean(1 / 2),
    gain: { wait: 0, cost: 0 },
    block,
  };
}

/** Who has what in a block: drawn by the seed, the same each time it is asked. Pure. */
export function blockOf(
  seed: string,
  { id, subject }: Pick<Trial, 'id' | 'subject'>,
  index: number,
  clusters: readonly string[],
  since: number,
): Block {
  const common = { index, phase: 'settling' as const, since };
  if (subject.kind === 'config') {
    const order = shuffled(clusters, `${seed}\ntrial ${id} block ${index}`);
    const half = Math.floor(order.length / 2);
    return { ...common, challenging: order.slice(0, half), holding: order.slice(half, 2 * half) };
  }
  const isSecond = index % 2 === 1;
  const isChallengerFirst = drawOf(seed, `trial ${id} pair ${(index - (index % 2)) / 2}`) < 1 / 2;
  return isChallengerFirst === isSecond
    ? { ...common, challenging: [], holding: clusters }
    : { ...common, challenging: clusters, holding: [] };
}

/** The trial after a block of configs with these losses, each less what its cluster's are apart from its config's. Pure. */
export function judgedConfigs(trial: Trial, losses: ReadonlyMap<string, Loss>): Trial {
  const { challenging, holding } = trial.block;
  const mean = (names: readonly string[], of: keyof Loss): number =>
    names.reduce((sum, name) => sum + losses.get(name)![of], 0) / names.length;
  const less = (of: keyof Loss): number => mean(holding, of) - mean(challenging, of);
  return weighed(trial, { wait: less('wait'), cost: less('cost'), both: less('both') });
}

/** The trial after a block of shares of traffic in which clusters did this; the second of two is compared with the first. Pure. */
export function judgedWeights(trial: Trial, samples: ReadonlyMap<string, Sample>, costWeight: number): Trial {
  const now = pooled([...samples.values()]);
  if (trial.block.index % 2 === 0) return { ...trial, first: now };
  const { first, ...rest } = trial;
  const losses =
    first === undefined
      ? undefined
      : lossesOf(
          new Map([
            ['first', first],
            ['now', now],
          ]),
          costWeight,
        );
  if (losses === undefined) return rest;
  const isNow = trial.block.challenging.length > 0;
  const [fresh, old] = isNow ? (['now', 'first'] as const) : (['first', 'now'] as const);
  const less = (of: keyof Loss): number => losses.get(old)![of] - losses.get(fresh)![of];
  return weighed(rest, { wait: less('wait'), cost: less('cost'), both: less('both') });
}

function weighed(trial: Trial, less: Loss): Trial {
  const next = {
    ...trial,
    compared: trial.compared + 1,
    gain: { wait: trial.gain.wait + less.wait, cost: trial.gain.cost + less.cost },
  };
  // A tie says nothing.
  if (less.both === 0) return next;
  return {
    ...next,
    better: weighLean(trial.better, less.both > 0),
    worse: weighLean(trial.worse, less.both < 0),
  };
}

export interface Conclusion {
  readonly outcome: 'better' | 'worse' | 'undecided';
  readonly because: string;
}

/** What the comparisons come to; undefined: they go on. `alpha`: chance of dropping a challenger that is no worse. Pure. */
export function conclusionOf(trial: Trial, alpha: number): Conclusion | undefined {
  const { better, worse, budget, compared } = trial;
  const won = `better in ${better.wins} of ${better.seen} comparisons`;
  if (better.log >= Math.log(1 / trial.alpha)) {
    const odds = Math.floor(1 / trial.alpha);
    return { outcome: 'better', because: `${won}: by chance once in ${odds} such trials at most` };
  }
  if (worse.log >= Math.log(1 / alpha)) return { outcome: 'worse', because: `${won}: worse for certain` };
  if (compared >= budget)
    return { outcome: 'undecided', because: `${won}: nothing that would be worth more waiting` };
  return undefined;
}

/**
 * Whether the challenger fails more requests for certain, block or no block. Errors come in bursts, which no test of single
 * requests allows for: it may be dropped for a burst, which costs a trial, and is never taken because of one. Pure.
 */
export function failsMore(
  { block }: Trial,
  samples: ReadonlyMap<string, Sample>,
  alpha: number,
): string | undefined {
  const count = (names: readonly string[]): { failed: number; of: number } =>
    names.reduce(
      (sum, name) => {
        const sample = samples.get(name);
        if (sample === undefined) return sum;
        return { failed: sum.failed + sample.errors, of: sum.of + sample.errors + answered(sample) };
      },
      { failed: 0, of: 0 },
    );
  if (block.challenging.length === 0 || block.holding.length === 0) return undefined;
  const [fresh, old] = [count(block.challenging), count(block.holding)];
  const failed = fresh.failed + old.failed;
  const chance = fresh.of / (fresh.of + old.of);
  if (failed === 0 || !(chance < 1) || fresh.failed / failed <= chance) return undefined;
  // The most likely share of failures that are the challenger's, against the chance of that many by its share of requests.
  const share = fresh.failed / failed;
  const log =
    fresh.failed * Math.log(share / chance) +
    (share === 1 ? 0 : old.failed * Math.log((1 - share) / (1 - chance))) -
    Math.log(failed + 1);
  return log >= Math.log(1 / alpha)
    ? `fails more requests: ${fresh.failed} of ${fresh.of}, against ${old.failed} of ${old.of}`
    : undefined;
}
