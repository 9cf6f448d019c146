import { cpuSeconds } from './process-tree.js';
import type { LoadGenerator, LoadResult } from './load.js';
import { orderOf, ratios, spreadOf, type Spread } from './statistics.js';
import type { Subject } from './subject.js';

/** How much is measured. */
export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
}

/** One subject's figures over all rounds. */
export interface Figures {
  readonly name: string;
  readonly requestsPerSecond: Spread;
  /** User and system time of the subject's processes per request, µs. */
  readonly cpuPerRequest: Spread;
  readonly p50?: Spread;
  readonly p99?: Spread;
  readonly errors: number;
}

/** The first subject against another, round by round. */
export interface Ratio {
  readonly of: string;
  readonly to: string;
  readonly cpuPerRequest: Spread;
  readonly requestsPerSecond: Spread;
  readonly p99?: Spread;
}

export interface Comparison {
  readonly figures: readonly Figures[];
  readonly ratios: readonly Ratio[];
}

/** What one bout saw and cost. */
export interface Sample extends LoadResult {
  /** User and system time of what is measured, seconds. */
  readonly cpuSeconds: number;
}

/** One of the things compared. */
export interface Contender {
  readonly name: string;
  /** Loads it for about so long. */
  readonly measure: (seconds: number) => Promise<Sample>;
}

/** A round must be long enough for ticks of 10 ms not to matter; the first one only warms up, s. */
const WARM_UP_SECONDS = 1;

/** A subject under a load generator. */
export function underLoad(subject: Subject, load: LoadGenerator, connections: number): Contender {
  return {
    name: subject.name,
    measure: async (seconds) => {
      const before = cpuSeconds(subject.pids());
      const result = await load.run({ port: subject.port, path: '/', connections, seconds });
      return { ...result, cpuSeconds: cpuSeconds(subject.pids()) - before };
    },
  };
}

const rates = (samples: readonly Sample[]): number[] =>
  samples.map(({ requests, seconds }) => requests / seconds);
const costs = (samples: readonly Sample[]): number[] =>
  samples.map(({ requests, cpuSeconds: cpu }) => (cpu * 1e6) / requests);

/** One figure of every sample; undefined where the load generator does not tell it. */
function told(samples: readonly Sample[], figure: 'p50' | 'p99'): number[] | undefined {
  const values = samples.map((sample) => sample[figure]).filter((value) => value !== undefined);
  return values.length === samples.length ? values : undefined;
}

/**
 * Measures the contenders in turn, each once a round and in rotated order, and compares the first with every other.
 * `onRound` hears how many rounds are done.
 */
export async function compare(
  contenders: readonly Contender[],
  effort: Effort,
  onRound: (done: number) => void,
): Promise<Comparison> {
  const samples: Sample[][] = contenders.map(() => []);
  for (const contender of contenders) await contender.measure(WARM_UP_SECONDS);
  for (let round = 0; round < effort.rounds; round++) {
    for (const index of orderOf(round, contenders.length))
      samples[index]!.push(await contenders[index]!.measure(effort.seconds));
    onRound(round + 1);
  }
  const [first, ...others] = contenders.map(({ name }, index) => ({ name, samples: samples[index]! }));
  return {
    figures: contenders.map(({ name }, index) => figuresOf(name, samples[index]!)),
    ratios: others.map((other) => ratioOf(first!, other)),
  };
}

interface Measured {
  readonly name: string;
  readonly samples: readonly Sample[];
}

function ratioOf(first: Measured, other: Measured): Ratio {
  const [own, theirs] = [told(first.samples, 'p99'), told(other.samples, 'p99')];
  return {
    of: first.name,
    to: other.name,
    cpuPerRequest: ratios(costs(first.samples), costs(other.samples)),
    requestsPerSecond: ratios(rates(first.samples), rates(other.samples)),
    ...(own === undefined || theirs === undefined ? {} : { p99: ratios(own, theirs) }),
  };
}

function figuresOf(name: string, samples: readonly Sample[]): Figures {
  const [p50, p99] = [told(samples, 'p50'), told(samples, 'p99')];
  return {
    name,
    requestsPerSecond: spreadOf(rates(samples)),
    cpuPerRequest: spreadOf(costs(samples)),
    ...(p50 === undefined ? {} : { p50: spreadOf(p50) }),
    ...(p99 === undefined ? {} : { p99: spreadOf(p99) }),
    errors: samples.reduce((sum, { errors }) => sum + errors, 0),
  };
}
