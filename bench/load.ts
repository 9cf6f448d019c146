import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { distPath } from '../common/index.js';

/** What a bout of load saw. Latencies in µs. */
export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Broken connections, timeouts and answers that are not 2xx or 3xx. */
  readonly errors: number;
  /** Where the generator tells them. */
  readonly p50?: number;
  readonly p99?: number;
}

export interface LoadOptions {
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
}

/** Closed-loop load by keep-alive GETs on 127.0.0.1. */
export interface LoadGenerator {
  readonly name: string;
  run(options: LoadOptions): Promise<LoadResult>;
}

const UNITS: Readonly<Record<string, number>> = { us: 1, ms: 1e3, s: 1e6, m: 60e6 };

function microseconds(text: string): number {
  const [, value, unit] = /^([\d.]+)(us|ms|s|m)$/.exec(text) ?? [];
  if (value === undefined || unit === undefined) throw new Error(`wrk printed a time like ${text}`);
  return Number(value) * UNITS[unit]!;
}

/** Reads what `wrk --latency` prints. */
export function parseWrk(output: string): LoadResult {
  const [, requests, time] = /(\d+) requests in ([\d.]+\w+),/.exec(output) ?? [];
  const [, p50] = /^\s+50%\s+(\S+)\s*$/m.exec(output) ?? [];
  const [, p99] = /^\s+99%\s+(\S+)\s*$/m.exec(output) ?? [];
  if (!requests || !time || !p50 || !p99) throw new Error(`wrk printed no result: ${output}`);
  const [, ...socketErrors] = /connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output) ?? [];
  const [, badAnswers = '0'] = /Non-2xx or 3xx responses: (\d+)/.exec(output) ?? [];
  return {
    requests: Number(requests),
    seconds: microseconds(time) / 1e6,
    errors: [...socketErrors, badAnswers].reduce((sum, count) => sum + Number(count), 0),
    p50: microseconds(p50),
    p99: microseconds(p99),
  };
}

const wrk: LoadGenerator = {
  name: 'wrk',
  async run({ port, path, connections, seconds }) {
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', `http://127.0.0.1:${port}${path}`];
    return parseWrk((await promisify(execFile)('wrk', args)).stdout);
  },
};

/** Our own, in a process of its own: heavier than wrk, so that it and not the proxy may be what is saturated. */
const ours: LoadGenerator = {
  name: 'the load generator of bench/',
  async run(options) {
    const args = [distPath('bench/load-generator.js'), JSON.stringify(options)];
    return JSON.parse((await promisify(execFile)(process.execPath, args)).stdout) as LoadResult;
  },
};

export function findLoadGenerator(): LoadGenerator {
  // wrk answers -v with its version and a failure.
  return spawnSync('wrk', ['-v']).error === undefined ? wrk : ours;
}
