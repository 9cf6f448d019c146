import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLauncher, createReleaseStore } from '../../../cluster-agent/index.js';
import {
  baseEnv,
  CallQueue,
  Child,
  createLogger,
  packageRoot,
  startRedis,
  systemClock,
  type Exchange,
  type Release,
  type ShadowReport,
  type StartedStore,
} from '../../../common/index.js';
import { fixedBudget } from '../../../shadow/capture/disk-budget.js';
import { Keeper, prepareArms, PushSource } from '../../../shadow/index.js';

/** Says what it was asked for, counts in Redis, and answers another word in the new release. */
const APP = `
const { connect } = require('node:net');
const { createServer } = require('node:http');
const { hostname, port } = new URL(process.env.REDIS_URL);
const count = (key) =>
  new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write('INCR ' + key + '\\r\\n'));
    socket.once('data', (reply) => (socket.end(), resolve(Number(String(reply).slice(1)))));
    socket.once('error', reject);
  });
createServer(async (request, response) => {
  console.log('asked for ' + request.url + ' by ' + process.pid);
  const times = await count('visits');
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ word: process.env.WORD, times }));
}).listen(process.env.PORT, process.env.HOST);
`;

/** Exchanges until each kill, and after the last. */
const UNTIL = [1, 30, 31, 70];

describe('a keeper of arms', () => {
  let dir: string;
  let redis: StartedStore;
  let old: Release;
  let next: Release;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-keeper-'));
    redis = await startRedis({ dir: join(dir, 'redis'), persist: false });
    const appDir = join(dir, 'app');
    await mkdir(appDir);
    await writeFile(join(appDir, 'app.js'), APP);
    await writeFile(
      join(appDir, 'package.json'),
      JSON.stringify({ name: 'app', version: '1.0.0', main: 'app.js' }),
    );
    await writeFile(join(appDir, 'dharma.json'), JSON.stringify({ name: 'app', env: { WORD: 'old' } }));
    const releases = createReleaseStore({ dir: join(dir, 'releases') });
    const signal = AbortSignal.timeout(60_000);
    old = await releases.create(appDir, { signal });
    next = await releases.update(old, { env: { WORD: 'new' } }, { signal });
  });
  afterAll(async () => {
    await redis.close();
    await rm(dir, { recursive: true, force: true });
  });

  it('has each process that compares go on where the killed one was: nothing twice, nothing lost, nothing new', async () => {
    const log = createLogger('test', 'silent');
    const source = new PushSource();
    const keeper = new Keeper({
      exchanges: source,
      outbound: new CallQueue(),
      prepare: prepareArms,
      own: { launcher: createLauncher(), clock: systemClock, log },
      logFile: join(dir, 'log'),
      budget: fixedBudget(50_000_000),
      log,
    });
    const workDir = join(dir, 'work');
    await mkdir(workDir);
    let child: Child | undefined;
    let pushed = 0;
    try {
      for (const [life, until] of UNTIL.entries()) {
        const reportFile = join(dir, `report-${life}.json`);
        child = await compareChild(reportFile, workDir);
        const served = keeper.serve(child.channel);
        // The arms begin with a copy of live as it is now: what comes is pushed once they stand.
        let report = await readReport(reportFile, () => true);
        while (pushed < until) source.push(exchangeOf(pushed++));
        if (life === UNTIL.length - 1) {
          report = await readReport(
            reportFile,
            ({ ledger }) => ledger.captured === until && ledger.pending === 0,
          );
          const lost = report.ledger.dropped['under way when the comparison was killed'] ?? 0;
          expect(report.ledger.compared + lost).toBe(until);
          expect(lost).toBeLessThan(UNTIL.length);
          expect(report.coverage.caveats!.join()).toContain(`killed ${UNTIL.length - 1} times`);
          // The counts go on in both arms alike: the only difference is the word.
          expect(report.differences.map(({ where }) => where)).toEqual(['body:$.word']);
          expect(report.differences[0]).toMatchObject({ count: report.ledger.compared });
          // Killed before it is where the one before it was, none could go on: then all begins anew.
        } else await readReport(reportFile, ({ ledger }) => ledger.compared > 0 && keeper.canGoOn);
        child.signal('SIGKILL');
        await served;
        expect(keeper.canGoOn).toBe(true);
      }
      for (const arm of ['old-a', 'new-a']) {
        const asked = await readFile(join(workDir, arm, 'app.log'), 'utf8');
        const lines = [...asked.matchAll(/asked for (\S+) by (\d+)/g)].map(
          ([, url, pid]) => [url, pid] as const,
        );
        expect(new Set(lines.map(([, pid]) => pid)).size).toBe(1);
        // What was about to be sent at a kill is not sent later either: nobody knew whether it was.
        expect(new Set(lines.map(([url]) => url)).size).toBe(lines.length);
        expect(lines.length).toBeGreaterThan(pushed - UNTIL.length);
      }
    } finally {
      await child?.stop();
      await keeper.close();
    }
  }, 120_000);

  function compareChild(reportFile: string, workDir: string): Promise<Child> {
    const options = {
      ...{ upgrade: 'u1', reportFile, workDir, old, new: next, live: { redis: redis.uri }, arms: '1x1' },
    };
    return Child.start({
      name: 'compare',
      command: process.execPath,
      args: [
        join(packageRoot, 'test', 'shadow', 'fixtures', 'compare-child.mjs'),
        join(packageRoot, 'dist'),
        JSON.stringify(options),
      ],
      env: baseEnv(),
      logFile: join(dir, 'child.log'),
      ipc: true,
    });
  }

  async function readReport(file: string, wanted: (report: ShadowReport) => boolean): Promise<ShadowReport> {
    const deadline = AbortSignal.timeout(100_000);
    for (;;) {
      const text = await readFile(file, 'utf8').catch(() => undefined);
      if (text !== undefined) {
        const report = JSON.parse(text) as ShadowReport;
        if (wanted(report)) return report;
      }
      await systemClock.sleep(10, deadline);
    }
  }
});

/** What live answered, each after the one before it. */
function exchangeOf(n: number): { kind: 'exchange'; exchange: Exchange } {
  const now = process.hrtime.bigint();
  const body = Buffer.from(JSON.stringify({ word: 'old', times: n + 1 }));
  const exchange: Exchange = {
    ...{ id: n.toString(16).padStart(16, '0'), startedNs: now, firstByteNs: now, finishedNs: now },
    ...{ startedAt: Date.now(), endpoint: '*', node: 'n', client: '127.0.0.1:1', method: 'GET' },
    ...{ target: `/n/${n}`, status: 200, requestBodyLength: 0, responseBodyLength: body.length },
    flags: {
      ...{ requestTruncated: false, responseTruncated: false, clientAborted: false },
      ...{ upstreamFailed: false, upgraded: false, retried: false, tls: false },
    },
    requestHeaders: [['Host', 'app.example']],
    responseHeaders: [['content-type', 'application/json']],
    requestBody: new Uint8Array(),
    responseBody: body,
  };
  return { kind: 'exchange', exchange };
}
