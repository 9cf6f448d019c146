import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exampleFile, start, type Ended, type Running } from './run.js';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly cookie: string | undefined;
  readonly body: string;
}

interface Report {
  readonly requests: number;
  readonly failures: number;
  readonly counts: Record<string, number>;
  readonly sessions: Record<string, number>;
  readonly statuses: Record<string, number>;
  readonly latencyMs: { readonly p50: number; readonly max: number };
  readonly failed: { readonly line: number; readonly error?: string; readonly status?: number }[];
}

/** A server that keeps what it saw; `answer` writes the answers. */
async function server(
  answer: (seen: Seen, res: ServerResponse) => void,
): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const listener = createServer((req: IncomingMessage, res) => {
    let body = '';
    req.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    req.on('end', () => {
      const { method = '', url = '', headers } = req;
      seen.push({ method, url, cookie: headers.cookie, body });
      answer(seen[seen.length - 1]!, res);
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    listener.close();
    listener.closeAllConnections();
  });
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}`, seen };
}

async function scenario(...lines: (object | string)[]): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'dharma-traffic-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const file = join(dir, 'scenario.jsonl');
  await writeFile(
    file,
    lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
  );
  return file;
}

const traffic = (...args: string[]): Running => start(exampleFile('traffic.mjs'), args);
const run = (...args: string[]): Promise<Ended> => traffic(...args).ended;
const reportOf = ({ stdout }: Ended): Report => JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Report;

describe('the traffic driver', () => {
  it('plays a session with captures of every kind and a cookie jar', async () => {
    const { url, seen } = await server(({ url: path }, res) => {
      if (path === '/start') {
        res.setHeader('set-cookie', ['sid=s1; Path=/', 'old=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT']);
        res.setHeader('location', '/next/7').end('<input name="t" value="tok-1"> {"no":"json"}');
      } else {
        res.end('{"a":{"b":["zero","one"]}}');
      }
    });
    const file = await scenario(
      { session: 's', vars: { v: ['only'] } },
      {
        method: 'GET',
        path: '/start',
        capture: { t: 'regex:value="([^"]+)"', to: 'header:Location', c: 'cookie:sid' },
      },
      { method: 'GET', path: '{{to}}', expect: 200, capture: { one: '$.a.b.1' } },
      {
        method: 'POST',
        path: '/end/{{client}}',
        body: '{{t}} {{c}} {{one}} {{v}}',
        expect: [200, 201],
        counts: 'ends',
      },
    );
    const ended = await run(
      '--url',
      url,
      '--scenario',
      file,
      '--clients',
      '1',
      '--rounds',
      '1',
      '--rate',
      '500',
    );
    expect(ended).toMatchObject({ code: 0 });
    expect(seen.map(({ method, url: path, cookie, body }) => [method, path, cookie, body])).toEqual([
      ['GET', '/start', undefined, ''],
      ['GET', '/next/7', 'sid=s1', ''],
      ['POST', '/end/01', 'sid=s1', 'tok-1 s1 one only'],
    ]);
    expect(reportOf(ended)).toMatchObject({
      requests: 3,
      failures: 0,
      counts: { ends: 1 },
      sessions: { s: 1 },
    });
  });

  it('gives every session an empty jar and every client its own number', async () => {
    const { url, seen } = await server((_seen, res) => res.setHeader('set-cookie', 'sid=1').end());
    const file = await scenario(
      { session: 's' },
      { method: 'GET', path: '/{{client}}/a' },
      { method: 'GET', path: '/{{client}}/b' },
    );
    await run('--url', url, '--scenario', file, '--clients', '3', '--rounds', '2', '--rate', '500');
    expect(seen).toHaveLength(12);
    expect(new Set(seen.map((request) => request.url))).toEqual(
      new Set(['/01/a', '/01/b', '/02/a', '/02/b', '/03/a', '/03/b']),
    );
    for (const request of seen) expect(request.cookie).toBe(request.url.endsWith('a') ? undefined : 'sid=1');
  });

  it('plays a plain list of requests without a jar', async () => {
    const { url, seen } = await server((_seen, res) => res.setHeader('set-cookie', 'sid=1').end());
    const file = await scenario(
      { method: 'GET', path: '/a', capture: { sid: 'cookie:sid' } },
      { method: 'GET', path: '/b' },
      { method: 'GET', path: '/c', headers: { cookie: 'sid={{sid}}' } },
    );
    await run('--url', url, '--scenario', file, '--clients', '1', '--rounds', '1', '--rate', '500');
    expect(seen.map((request) => request.cookie)).toEqual([undefined, undefined, 'sid=1']);
  });

  it('does the same for the same seed, whatever fails', async () => {
    const file = await scenario(
      { session: 'one', vars: { v: [1, 2, 3, 4, 5, 6, 7, 8, 9] } },
      { method: 'GET', path: '/one/{{v}}', expect: 200 },
      { session: 'two', weight: 2 },
      { method: 'GET', path: '/two', expect: 200 },
      { method: 'GET', path: '/two/more', expect: 200 },
    );
    const firsts = async (seed: string, status: number): Promise<string[]> => {
      const { url, seen } = await server((_seen, res) => res.writeHead(status).end());
      await run(
        '--url',
        url,
        '--scenario',
        file,
        '--clients',
        '1',
        '--rounds',
        '20',
        '--rate',
        '5000',
        '--seed',
        seed,
      );
      return seen.map((request) => request.url).filter((path) => path !== '/two/more');
    };
    const reference = await firsts('7', 200);
    expect(await firsts('7', 200)).toEqual(reference);
    expect(await firsts('7', 500)).toEqual(reference);
    expect(await firsts('8', 200)).not.toEqual(reference);
  });

  it('tells unexpected answers, leaves that session and ends with 1', async () => {
    const { url, seen } = await server(({ url: path }, res) =>
      res.writeHead(path === '/b' ? 500 : 200).end(),
    );
    const file = await scenario(
      { method: 'GET', path: '/a', expect: 200 },
      { method: 'GET', path: '/b', expect: 200, counts: 'never' },
      { method: 'GET', path: '/c', expect: 200 },
    );
    const ended = await run(
      '--url',
      url,
      '--scenario',
      file,
      '--clients',
      '1',
      '--rounds',
      '2',
      '--rate',
      '500',
    );
    expect(ended.code).toBe(1);
    expect(seen.map((request) => request.url)).toEqual(['/a', '/b', '/a', '/b']);
    const report = reportOf(ended);
    expect(report).toMatchObject({
      requests: 4,
      failures: 2,
      counts: {},
      sessions: {},
      statuses: { 200: 2, 500: 2 },
    });
    expect(report.failed[0]).toMatchObject({
      line: 2,
      method: 'GET',
      path: '/b',
      expected: '200',
      status: 500,
    });
  });

  it('tells a capture that finds nothing, and a server that is not there', async () => {
    const { url } = await server((_seen, res) => res.end('{}'));
    const file = await scenario({ method: 'GET', path: '/a', capture: { id: '$.id' } });
    const options = ['--scenario', file, '--clients', '1', '--rounds', '1', '--rate', '500'];
    expect(reportOf(await run('--url', url, ...options)).failed[0]).toMatchObject({
      error: 'nothing to capture by $.id',
    });
    const gone = await run('--url', 'http://127.0.0.1:1', ...options);
    expect(gone.code).toBe(1);
    expect(reportOf(gone).failed[0]).toMatchObject({ error: 'ECONNREFUSED' });
  });

  it('goes on until SIGTERM, telling its progress, and then reports all it sent', async () => {
    const { url, seen } = await server((_seen, res) => res.end());
    const file = await scenario({ method: 'GET', path: '/a', expect: 200, counts: 'a' });
    const running = traffic('--url', url, '--scenario', file, '--rate', '200', '--every', '0.1', '--json');
    const [, requests] = await running.saw(/"progress":\{[^}]*"requests":([1-9]\d*)/);
    running.child.kill('SIGTERM');
    const ended = await running.ended;
    expect(ended.code).toBe(0);
    const { report } = JSON.parse(ended.stdout.trim().split('\n').at(-1) ?? '') as { report: Report };
    expect(report.requests).toBe(seen.length);
    expect(report.counts.a).toBe(seen.length);
    expect(report.requests).toBeGreaterThanOrEqual(Number(requests));
    expect(report.latencyMs.p50).toBeLessThanOrEqual(report.latencyMs.max);
  });

  it.each([
    ['{"method":"GET"', 'line 2: '],
    ['[]', 'line 2: expected a JSON object'],
    [{ method: 'FETCH', path: '/' }, 'line 2: method must be one of'],
    [{ method: 'GET', path: 'x' }, 'line 2: path must start with "/"'],
    [{ method: 'GET', path: '/', expects: 200 }, 'line 2: unknown key "expects"'],
    [{ method: 'GET', path: '/', expect: 'ok' }, 'line 2: expect must be a status'],
    [{ method: 'GET', path: '/{{nowhere}}' }, 'line 2: {{nowhere}} is not known there'],
    [{ method: 'GET', path: '/', capture: { a: 'a.b' } }, 'line 2: cannot capture "a.b"'],
    [{ session: 'x', weight: 0 }, 'line 2: weight must be above 0'],
  ])('refuses the scenario line %j', async (line, message) => {
    const file = await scenario({ session: 's' }, line, { method: 'GET', path: '/' });
    const ended = await run('--url', 'http://127.0.0.1:1', '--scenario', file);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(message);
  });

  it.each([
    [[], '--url is missing'],
    [['--url', 'https://127.0.0.1'], '--url must be http://'],
    [['--url', 'http://127.0.0.1:1', '--rate', '0'], '--rate must be a number above 0, found 0'],
    [
      ['--url', 'http://127.0.0.1:1', '--clients', '1.5'],
      '--clients must be a whole number above 0, found 1.5',
    ],
    [['--wat'], "'--wat'"],
  ])('refuses the options %j', async (args, message) => {
    const ended = await run(...args);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(message);
  });
});
