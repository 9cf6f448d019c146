import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseWrk } from '../../bench/load.js';
import { cpuSeconds } from '../../bench/process-tree.js';
import { latenciesOf, parseH2load, parseStime } from '../../bench/tls-load.js';
import { orderOf, ratios, spreadOf } from '../../bench/statistics.js';

const WRK = `Running 1s test @ http://127.0.0.1:40675/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   165.81ms  231.26ms   1.09s    99%
    Req/Sec   675.64    293.84     1.14k    63.64%
  Latency Distribution
     50%   80.31ms
     75%  150.21ms
     90%  509.57us
     99%    1.01s\u0020
  749 requests in 1.11s, 186.52KB read
`;
const WRK_ERRORS = `  Socket errors: connect 1, read 2, write 3, timeout 4
  Non-2xx or 3xx responses: 5
Requests/sec:    672.93
`;

describe('what wrk prints', () => {
  it('is read with its units', () => {
    expect(parseWrk(WRK)).toEqual({ requests: 749, seconds: 1.11, errors: 0, p50: 80_310, p99: 1_010_000 });
  });

  it('is read with every kind of error counted', () => {
    expect(parseWrk(WRK + WRK_ERRORS).errors).toBe(15);
  });

  it('is refused when it is something else', () => {
    expect(() => parseWrk('unable to connect')).toThrow('wrk printed no result');
  });
});

describe('what the generators of TLS load print', () => {
  const h2load = `finished in 2.05s, 22972.50 req/s, 1.2MB/s
requests: 47000 total, 47640 started, 47000 done, 46990 succeeded, 10 failed, 3 errored, 0 timeout
status codes: 46980 2xx, 0 3xx, 7 4xx, 13 5xx
`;
  it('is read, errors counted', () => {
    expect(parseH2load(h2load)).toEqual({ requests: 47000, seconds: 2.05, errors: 30 });
    expect(() => parseH2load('nothing')).toThrow('h2load printed no result');
  });

  it('is read from the log of requests', () => {
    const log = Array.from({ length: 100 }, (_, i) => `17${i}\t200\t${100 - i}\n`).join('');
    expect(latenciesOf(log)).toEqual({ p50: 51, p99: 100 });
    expect(latenciesOf('')).toEqual({});
  });

  it('is read in handshakes of real seconds', () => {
    const text =
      '531 connections in 0.42s; 1264.29 connections/user sec\n531 connections in 3 real seconds\n';
    expect(parseStime(text)).toEqual({ requests: 531, seconds: 3, errors: 0 });
    expect(() => parseStime('')).toThrow('no result');
  });
});

describe('statistics', () => {
  it('take the median between the two middle values', () => {
    expect(spreadOf([4, 1, 3, 2])).toEqual({ min: 1, median: 2.5, max: 4 });
    expect(spreadOf([5, 1, 3])).toEqual({ min: 1, median: 3, max: 5 });
    expect(() => spreadOf([])).toThrow(RangeError);
  });

  it('compare round by round', () => {
    expect(ratios([1, 20, 300], [2, 20, 100])).toEqual({ min: 0.5, median: 1, max: 3 });
  });

  it('let everyone be first equally often', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), (count) => {
        const rounds = Array.from({ length: count }, (_, round) => orderOf(round, count));
        for (const round of rounds) expect([...round].sort()).toEqual([...Array(count).keys()]);
        for (let place = 0; place < count; place++)
          expect(new Set(rounds.map((round) => round[place])).size).toBe(count);
      }),
    );
  });
});

describe('cpuSeconds', () => {
  it('counts a process and what it started, and nothing else', async () => {
    // A shell whose child burns CPU time: the shell itself uses none.
    const shell = spawn('sh', ['-c', `"${process.execPath}" -e "for (;;) ;"; true`], { detached: true });
    const idle = spawn('sleep', ['60']);
    try {
      while (cpuSeconds([shell.pid!]) < 0.3) await new Promise((next) => setTimeout(next, 20));
      expect(cpuSeconds([idle.pid!])).toBeLessThan(0.1);
    } finally {
      process.kill(-shell.pid!, 'SIGKILL');
      idle.kill('SIGKILL');
    }
  });
});

describe('the load generator of bench/', () => {
  it('counts what it sent and what failed', async () => {
    let served = 0;
    const server = createServer((_request, response) => {
      served += 1;
      response.statusCode = served % 2 === 0 ? 200 : 500;
      response.end('x'.repeat(3000));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const options = JSON.stringify({ port, path: '/', connections: 4, seconds: 0.5 });
      const child = spawn(process.execPath, ['dist/bench/load-generator.js', options]);
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      await once(child, 'close');
      const result = JSON.parse(output) as { requests: number; errors: number; p50: number; p99: number };
      expect(result.requests).toBeGreaterThan(0);
      // Up to one a connection was under way at the end.
      expect(served - result.requests).toBeLessThanOrEqual(4);
      expect(Math.abs(result.errors - result.requests / 2)).toBeLessThanOrEqual(2);
      expect(result.p99).toBeGreaterThanOrEqual(result.p50);
    } finally {
      server.close();
    }
  });
});
