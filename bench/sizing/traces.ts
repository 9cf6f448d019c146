import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A load second by second, in nodes of work. */
export interface Trace {
  readonly name: string;
  readonly seconds: Float64Array;
}

/** Mean size of the fleets that are simulated: small enough that whole nodes matter, as they do to a small team. */
const MEAN_NODES = 8;
/** Requests a second that one node serves: sets how noisy a second is. */
const REQUESTS_PER_NODE = 50;

/** A generator of its own for each trace, so that one more trace changes none of the others (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Requests of one second, Poisson by its normal approximation. */
function arrivals(mean: number, random: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal));
}

/** Seconds drawn around a mean that is given in nodes. */
export function noisy(name: string, means: Float64Array, seed: number): Trace {
  const random = randomOf(seed);
  return {
    name,
    seconds: means.map((nodes) => arrivals(nodes * REQUESTS_PER_NODE, random) / REQUESTS_PER_NODE),
  };
}

function scaled(means: Float64Array): Float64Array {
  const mean = means.reduce((sum, value) => sum + value, 0) / means.length;
  return means.map((value) => (value / mean) * MEAN_NODES);
}

/** Counts of equal buckets, joined by straight lines. */
function joined(counts: readonly number[], bucketSeconds: number): Float64Array {
  const seconds = new Float64Array((counts.length - 1) * bucketSeconds);
  for (let s = 0; s < seconds.length; s += 1) {
    const bucket = Math.floor(s / bucketSeconds);
    const share = (s % bucketSeconds) / bucketSeconds;
    seconds[s] = counts[bucket]! * (1 - share) + counts[bucket + 1]! * share;
  }
  return seconds;
}

const rowsOf = (text: string): string[][] =>
  text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','));

/** `timestamp,value` every five minutes (numenta/NAB). */
export function bucketTrace(name: string, text: string, days: number, seed: number): Trace {
  const counts = rowsOf(text)
    .map(([, value]) => Number(value))
    .slice(-days * 288);
  return noisy(name, scaled(joined(counts, 300)), seed);
}

/** One request a line, with the tokens it makes (Azure/AzurePublicDataset): work is tokens, spread over their time. */
export function requestTrace(name: string, text: string): Trace {
  const rows = rowsOf(text).map(([at, , tokens]) => ({
    at: Date.parse(`${at!.replace(' ', 'T').slice(0, 23)}Z`) / 1000,
    tokens: Number(tokens),
  }));
  const start = rows[0]!.at;
  const seconds = new Float64Array(Math.ceil(rows.at(-1)!.at - start) + 1);
  for (const { at, tokens } of rows) {
    // A model writes some 25 tokens a second.
    const lasts = Math.max(1, Math.round(tokens / 25));
    const first = Math.floor(at - start);
    for (let s = first; s < Math.min(seconds.length, first + lasts); s += 1) seconds[s]! += 1;
  }
  return { name, seconds: scaled(seconds) };
}

/** Those of the given folder that are there. */
export function givenTraces(folder: string): Trace[] {
  const read = (file: string, make: (text: string) => Trace): Trace[] => {
    const path = join(folder, file);
    return existsSync(path) ? [make(readFileSync(path, 'utf8'))] : [];
  };
  return [
    ...read('elb_request_count.csv', (text) => bucketTrace('elb', text, 14, 1)),
    ...read('twitter_volume_amzn.csv', (text) => bucketTrace('twitter', text, 21, 2)),
    ...read('azure_llm_conv.csv', (text) => requestTrace('azure llm (1 h)', text)),
  ];
}
