import {
  noLean,
  weighLean,
  type ArmName,
  type CostComparison,
  type Lean,
  type Performance,
} from '../../common/index.js';
import { Quantiles } from './quantiles.js';
import type { Resources } from './resources.js';
import { sideOf, SIDE_CHANCE } from './side.js';

/** CPU time is told in ticks of 10 ms: exchanges are summed until an arm has taken ten of them. */
const BLOCK_CPU_MS = 100;

/**
 * Two copies of one release differ too, each in its own way all the time (where its memory lies, what was compiled when).
 * Releases that are alike come so many times further apart than their copies do only once in thirty
 * (normally distributed).
 */
const GAP_BEYOND_COPIES = 3;

/** Answers slower than this quantile of those so far are the tail. */
const TAIL = 0.95;

/** Exchanges after which it is asked again what the tail is, and before which there is none. */
const TAIL_EVERY = 64;

interface Leans {
  readonly more: Lean;
  readonly less: Lean;
}

/**
 * What the arms took for the same exchanges: time to answer, CPU, memory. All get each exchange at once, so what they took
 * is paired; old against old shows noise. No I/O.
 */
export class CostBook {
  readonly #arms: readonly ArmName[];
  readonly #times: readonly Quantiles[];
  readonly #old = new Quantiles();
  readonly #new = new Quantiles();
  readonly #cpuMs: number[];
  readonly #rssBytes: number[];
  readonly #peakBytes: number[];
  #typical = leans(SIDE_CHANCE);
  #tail = leans(1 / 2);
  #cpu = leans(SIDE_CHANCE);
  #block: number[];
  #answered = 0;
  #tailMs = 0;
  #before: readonly Resources[] | undefined;
  #cpuExchanges = 0;

  constructor(arms: readonly ArmName[]) {
    this.#arms = arms;
    this.#times = arms.map(() => new Quantiles());
    this.#cpuMs = arms.map(() => 0);
    this.#rssBytes = arms.map(() => 0);
    this.#peakBytes = arms.map(() => 0);
    this.#block = arms.map(() => 0);
  }

  /** Every arm has answered one exchange, in so many ms. */
  answered(tookMs: readonly number[]): void {
    this.#weighTail(tookMs);
    for (const [i, ms] of tookMs.entries()) {
      this.#times[i]!.add(ms);
      (this.#isOld(i) ? this.#old : this.#new).add(ms);
    }
    this.#typical = this.#weigh(this.#typical, tookMs);
  }

  /** The arms lie still after so many more exchanges, and have taken so much since they started. */
  taken(resources: readonly Resources[], exchanges: number): void {
    const before = this.#before;
    this.#before = resources;
    for (const [i, { rssBytes }] of resources.entries()) {
      this.#rssBytes[i] = rssBytes;
      this.#peakBytes[i] = Math.max(this.#peakBytes[i]!, rssBytes);
    }
    if (before === undefined) return;
    const deltas = resources.map(({ cpuMs }, i) => cpuMs - before[i]!.cpuMs);
    // An arm that was started again counts from zero.
    if (deltas.some((delta) => delta < 0)) return;
    for (const [i, delta] of deltas.entries()) {
      this.#cpuMs[i]! += delta;
      this.#block[i]! += delta;
    }
    this.#cpuExchanges += exchanges;
    if (Math.max(...this.#block) < BLOCK_CPU_MS) return;
    this.#cpu = this.#weigh(this.#cpu, this.#block);
    this.#block = this.#block.map(() => 0);
  }

  /** What the arms take between two readings is not counted where they had something else to do. */
  interrupted(): void {
    this.#before = undefined;
    this.#block = this.#arms.map(() => 0);
  }

  /** `alpha`: how often a comparison may be told that is none. Undefined: nothing was answered yet. */
  read(alpha: number): Performance | undefined {
    if (this.#old.count === 0) return undefined;
    const at = (q: number): readonly number[] => this.#times.map((times) => times.read(q).value);
    return {
      exchanges: this.#times[0]!.count,
      latencyMs: {
        old: quantiles(this.#old),
        new: quantiles(this.#new),
        typical: this.#told(this.#typical, at(0.5), alpha),
        tail: this.#told(this.#tail, at(TAIL), alpha),
      },
      cpuMs: this.#told(
        this.#cpu,
        this.#cpuMs.map((ms) => ms / Math.max(1, this.#cpuExchanges)),
        alpha,
      ),
      memory: this.#arms.map((arm, i) => ({
        arm,
        rssBytes: this.#rssBytes[i]!,
        peakBytes: this.#peakBytes[i]!,
      })),
    };
  }

  /** The slowest arm of an exchange, where it is slower than most were: a new one half of the time. */
  #weighTail(tookMs: readonly number[]): void {
    const slowest = Math.max(...tookMs);
    if (this.#answered % TAIL_EVERY === 0)
      this.#tailMs = Math.max(this.#old.read(TAIL).value, this.#new.read(TAIL).value);
    this.#answered += 1;
    if (this.#answered <= TAIL_EVERY || slowest <= this.#tailMs) return;
    const isOld = this.#isOld(tookMs.indexOf(slowest));
    this.#tail = { more: weighLean(this.#tail.more, !isOld), less: weighLean(this.#tail.less, isOld) };
  }

  #weigh(before: Leans, values: readonly number[]): Leans {
    const side = sideOf(this.#of('old', values), this.#of('new', values));
    return { more: weighLean(before.more, side === 'more'), less: weighLean(before.less, side === 'less') };
  }

  #told(evidence: Leans, values: readonly number[], alpha: number): CostComparison {
    const [old, fresh] = [this.#of('old', values), this.#of('new', values)];
    const [oldMean, newMean] = [mean(old), mean(fresh)];
    const lean = evidence.more.log >= evidence.less.log ? evidence.more : evidence.less;
    // Asked both ways: each has half of the error rate.
    const doubt = Math.min(1, 2 * Math.exp(-lean.log));
    const noise = Math.max(apart(old), apart(fresh));
    const more = lean === evidence.more;
    const gap = more ? newMean - oldMean : oldMean - newMean;
    const isTold = this.#arms.length === 4 && doubt <= alpha && gap > GAP_BEYOND_COPIES * noise;
    return {
      old: oldMean,
      new: newMean,
      noise,
      told: !isTold ? 'untold' : more ? 'more' : 'less',
      confidence: isTold ? 1 - doubt : 0,
    };
  }

  #of(release: 'old' | 'new', values: readonly number[]): readonly number[] {
    return values.filter((_, i) => this.#isOld(i) === (release === 'old'));
  }

  #isOld(arm: number): boolean {
    return this.#arms[arm]!.startsWith('old');
  }
}

function leans(chance: number): Leans {
  return { more: noLean(chance), less: noLean(chance) };
}

function quantiles(of: Quantiles): Performance['latencyMs']['old'] {
  return { p50: of.read(0.5), p95: of.read(0.95), p99: of.read(0.99) };
}

/** How far two copies of one release are apart. */
function apart(values: readonly number[]): number {
  return Math.max(...values) - Math.min(...values);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
