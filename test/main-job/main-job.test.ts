import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distPath, packageRoot, type ShadowReport } from '../../common/index.js';

/** It takes about two minutes on two cores, many times that where others use them too; it only ends what hangs. */
const DEADLINE_MS = 900_000;

/** The shows that run: one that a deadline has cut off is ended as well, and ends what it started. */
const running = new Set<ChildProcess>();

async function endShows(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      child.kill('SIGINT');
      await once(child, 'close');
    }),
  );
}

describe('the main job, as `npm start -- --once` runs it', () => {
  let dir: string;
  let ended: { readonly code: number | null; readonly output: string };
  let report: ShadowReport;
  let truth: { readonly changes: readonly { readonly endpoint: string }[] };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-main-'));
    const reportFile = join(dir, 'report.json');
    ended = await runShow(['--once', '--home', join(dir, 'h'), '--report', reportFile]);
    expect(ended, ended.output).toMatchObject({ code: 0 });
    report = JSON.parse(await readFile(reportFile, 'utf8')) as ShadowReport;
    truth = JSON.parse(
      await readFile(join(packageRoot, 'examples', 'shop', 'truth.json'), 'utf8'),
    ) as typeof truth;
  }, DEADLINE_MS);
  afterAll(async () => {
    await endShows();
    await rm(dir, { recursive: true, force: true });
  }, DEADLINE_MS);

  it('names what Express 5 changes for the shop, and nothing else', () => {
    expect(report.verdict).toBe('differs');
    const answers = report.differences.filter(({ where }) => !where.startsWith('state:'));
    const told = new Set(answers.map(({ endpoint }) => endpoint));
    const endpoints = new Set(truth.changes.map(({ endpoint }) => endpoint));
    const others = answers.filter(({ endpoint }) => !endpoints.has(endpoint));
    expect(others, 'told, and not changed').toEqual([]);
    expect([...told].sort()).toEqual([...endpoints].sort());
    // The cancellation that fails: its order stays open and its products' stock low. Where exchanges overlap, which of
    // them did that is a best guess, so that the endpoint it stands under is not held against the report.
    const effects = report.differences.filter(({ where }) => where.startsWith('state:'));
    expect(effects.filter(({ where }) => !/^state:mongo:(orders|products)\//.test(where))).toEqual([]);
    expect(effects.length).toBeGreaterThan(0);
    // Nested filters are not parsed any more: everything is listed.
    expect(report.differences).toContainEqual(
      expect.objectContaining({ endpoint: 'GET /api/products', where: 'body:$.total', kind: 'changed' }),
    );
    expect(report.packages).toContainEqual({ name: 'express', old: '4.21.2', new: '5.1.0' });
  });

  it('accounts for every exchange it captured', () => {
    const { captured, compared, pending, unbound, truncated, unanswered, dropped } = report.ledger;
    const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0);
    expect(compared + pending + unbound + truncated + unanswered + lost).toBe(captured);
    expect(compared).toBeGreaterThan(100);
  });

  it('lets no copy have an effect, and no visitor see a failure', () => {
    expect(report.guard.escaped).toBe(0);
    expect(report.guard.answered).toBeGreaterThan(0);
    expect(ended.output).toMatch(/✔ \d+ requests of visitors, 0 failed/);
    expect(ended.output).toMatch(/✔ (\d+) orders placed by visitors, \1 in the live database/);
    expect(ended.output).toMatch(/✔ (\d+) payments asked for by visitors, \1 at the payment provider/);
  });

  it('leaves no process behind', async () => {
    expect(await processesOf(dir)).toEqual([]);
  });
});

describe('the main job, stopped by Ctrl-C', () => {
  afterAll(endShows, DEADLINE_MS);

  it(
    'ends what it started, though npm passes the signal on a second time',
    { timeout: DEADLINE_MS },
    async () => {
      const dir = await mkdtemp(join(tmpdir(), 'dharma-main-'));
      try {
        const child = startShow(['--once', '--home', join(dir, 'h')]);
        let output = '';
        child.stderr.on('data', (chunk) => (output += String(chunk)));
        await new Promise<void>((resolve) => {
          child.stdout.on('data', (chunk) => {
            output += String(chunk);
            if (output.includes('edge at')) resolve();
          });
        });
        child.kill('SIGINT');
        child.kill('SIGINT');
        const code = await new Promise((resolve) => child.once('close', resolve));
        expect(code, output).toBe(1);
        expect(await processesOf(dir)).toEqual([]);
      } finally {
        await rm(dir, { recursive: true, force: true });
      }
    },
  );
});

function startShow(args: readonly string[]): ChildProcessByStdio<null, Readable, Readable> {
  const child = spawn(process.execPath, [distPath('federator/demo/main.js'), ...args], {
    // Fewer visitors than in the show: the tests share the machine with each other.
    env: { ...process.env, NO_COLOR: '1', DHARMA_DEMO_RATE: '20', DHARMA_DEMO_ENOUGH: '400' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

function runShow(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = startShow(args);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** Command lines that name the folder. */
async function processesOf(folder: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')), // Ended meanwhile.
  );
  return lines.map((line) => line.replaceAll('\0', ' ')).filter((line) => line.includes(folder));
}
