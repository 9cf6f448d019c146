import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LoadGenerator, LoadResult } from './load.js';

const execute = promisify(execFile);

/** Reads what `h2load` prints. */
export function parseH2load(output: string): Omit<LoadResult, 'p50' | 'p99'> {
  const [, seconds] = /finished in ([\d.]+)s,/.exec(output) ?? [];
  const [, done, failed] =
    /requests: \d+ total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed/.exec(output) ?? [];
  const [, bad4 = '0', bad5 = '0'] = /status codes: .* (\d+) 4xx, (\d+) 5xx/.exec(output) ?? [];
  if (seconds === undefined || done === undefined) throw new Error(`h2load printed no result: ${output}`);
  return {
    requests: Number(done),
    seconds: Number(seconds),
    errors: Number(failed) + Number(bad4) + Number(bad5),
  };
}

/** Latencies from the log that h2load writes: start, status and duration of each request, µs. */
export function latenciesOf(log: string): Pick<LoadResult, 'p50' | 'p99'> {
  const sorted = log
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [Number(line.split('\t')[2])]))
    .sort((a, b) => a - b);
  if (sorted.length === 0) return {};
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
  return { p50: at(0.5), p99: at(0.99) };
}

/** Closed-loop load by TLS. `arguments` are h2load's own: how many streams, which HTTP. */
export function h2load(folder: string, name: string, ...options: string[]): LoadGenerator {
  return {
    name,
    async run({ port, path, connections, seconds }) {
      const log = join(folder, 'h2load.log');
      const args = ['-t1', `-c${connections}`, `-D${seconds}`, `--log-file=${log}`, ...options];
      const { stdout } = await execute('h2load', [...args, `https://127.0.0.1:${port}${path}`], {
        maxBuffer: 1 << 26,
      });
      const result = { ...parseH2load(stdout), ...latenciesOf(readFileSync(log, 'latin1')) };
      await rm(log);
      return result;
    },
  };
}

/** Reads what `openssl s_time` prints last: the connections of real seconds. */
export function parseStime(output: string): LoadResult {
  const [, connections, seconds] = /(\d+) connections in ([\d.]+) real seconds/.exec(output) ?? [];
  if (connections === undefined || seconds === undefined)
    throw new Error(`openssl s_time printed no result: ${output}`);
  return { requests: Number(connections), seconds: Number(seconds), errors: 0 };
}

/** Full handshakes, one after the other, nothing asked after them. */
export const handshakes: LoadGenerator = {
  name: 'openssl s_time -new (one at a time; a request is a full handshake)',
  async run({ port, seconds }) {
    const args = ['s_time', '-connect', `127.0.0.1:${port}`, '-new', '-time', String(seconds)];
    // It reports on both, and counts what fails as the end of it all.
    const { stdout } = await execute('openssl', args);
    return parseStime(stdout);
  },
};

/** A certificate of P-256 for nobody. */
export async function makeCertificate(folder: string): Promise<{ certificate: string; key: string }> {
  const files = { certificate: join(folder, 'bench.pem'), key: join(folder, 'bench.key') };
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const args = [
    'req',
    '-x509',
    ...kind,
    '-subj',
    '/CN=bench',
    '-keyout',
    files.key,
    '-out',
    files.certificate,
  ];
  await execute('openssl', args);
  return files;
}
