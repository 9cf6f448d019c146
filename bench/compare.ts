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
  readonly p50: Spread;
  readonly p99: Spread;
  readonly errors: number;
}

/** The first subject against another, round by round. */
export interface Ratio {
  readonly of: string;
  readonly to: string;
  readonly cpuPerRequest: Spread;
  readonly requestsPerSecond: Spread;
  readonly p99: Spread;
}

export interface Comparison {
  readonly figures: readonly Figures[];
  readonly ratios: readonly Ratio[];
}

interface Sample extends LoadResult {
  readonly cpuSeconds: number;
}

/** A round must be long enough for ticks of 10 ms not to matter; the first one only warms up, s. */
const WARM_UP_SECONDS = 1;

async function sample(
  subject: Subject,
  load: LoadGenerator,
  effort: Effort,
  seconds: number,
): Promise<Sample> {
  const before = cpuSeconds(subject.pids());
  const result = await load.run({ port: subject.port, path: '/', connections: effort.connections, seconds });
  return { ...result, cpuSeconds: cpuSeconds(subject.pids()) - before };
}

const rates = (samples: readonly Sample[]): number[] =>
  samples.map(({ requests, seconds }) => requests / seconds);
const costs = (samples: readonly Sample[]): number[] =>
  samples.map(({ requests, cpuSeconds: cpu }) => (cpu * 1e6) / requests);

/**
 * Loads the subjects in turn, each once a round and in rotated order, and compares the first with every other.
 * `onRound` hears how many rounds are done.
 */
export async function compare(
  subjects: readonly Subject[],
  load: LoadGenerator,
  effort: Effort,
  onRound: (done: number) => void,
): Promise<Comparison> {
  const samples: Sample[][] = subjects.map(() => []);
  for (const subject of subjects) await sample(subject, load, effort, WARM_UP_SECONDS);
  for (let round = 0; round < effort.rounds; round++) {
    for (const index of orderOf(round, subjects.length))
      samples[index]!.push(await sample(subjects[index]!, load, effort, effort.seconds));
    onRound(round + 1);
  }
  const figures = subjects.map((subject, index) => figuresOf(subject.name, samples[index]!));
  const others = subjects.slice(1).map((other, index) => ({
    of: subjects[0]!.name,
    to: other.name,
    cpuPerRequest: ratios(costs(samples[0]!), costs(samples[index + 1]!)),
    requestsPerSecond: ratios(rates(samples[0]!), rates(samples[index + 1]!)),
    p99: ratios(
      samples[0]!.map(({ p99 }) => p99),
      samples[index + 1]!.map(({ p99 }) => p99),
    ),
  }));
  return { figures, ratios: others };
}

function figuresOf(name: string, samples: readonly Sample[]): Figures {
  return {
    name,
    requestsPerSecond: spreadOf(rates(samples)),
    cpuPerRequest: spreadOf(costs(samples)),
    p50: spreadOf(samples.map(({ p50 }) => p50)),
    p99: spreadOf(samples.map(({ p99 }) => p99)),
    errors: samples.reduce((sum, { errors }) => sum + errors, 0),
  };
}
