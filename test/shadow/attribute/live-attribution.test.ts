import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createLauncher, createReleaseStore } from '../../../cluster-agent/index.js';
import {
  createLogger,
  startRedis,
  type Exchange,
  type Release,
  type ReleaseStore,
  type ShadowReport,
  type StartedStore,
} from '../../../common/index.js';
import {
  PushSource,
  renderPage,
  renderReport,
  startShadow,
  type RunningShadow,
} from '../../../shadow/index.js';
import { connectRedis } from '../../../shadow/clone/redis-connection.js';
import type { ShadowOptions } from '../../../shadow/options.js';
import { NEW, OLD, PACKAGES } from './five-packages.js';
import { startRegistry, type Registry } from './registry.js';

/** Counts in Redis, from where live stood when it was cloned: only the seventh visitor is greeted. */
const APP = `
const { connect } = require('node:net');
const { createServer } = require('node:http');
const [greet, kit] = ['t-greet', 't-kit'].map((name) => require(name));
const { hostname, port } = new URL(process.env.REDIS_URL);
const count = () =>
  new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write('INCR visitors\\r\\n'));
    socket.once('data', (reply) => (socket.end(), resolve(Number(String(reply).slice(1)))));
    socket.once('error', reject);
  });
createServer(async (request, response) => {
  response.setHeader('content-type', 'application/json');
  const answer = request.url === '/deep' ? kit.add(1, 2) : (await count()) === 7 ? greet() : 'next';
  response.end(JSON.stringify({ answer }));
}).listen(process.env.PORT, process.env.HOST);
`;

const LIVE_VISITORS = 4;

describe('attribution while a shadow goes on', () => {
  let dir: string;
  let registry: Registry;
  let redis: StartedStore;
  let releases: ReleaseStore;
  let old: Release;
  let next: Release;
  let run: RunningShadow | undefined;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-live-attribute-'));
    registry = await startRegistry(join(dir, 'registry'), PACKAGES);
    redis = await startRedis({ dir: join(dir, 'redis'), persist: false });
    const live = await connectRedis(redis.uri, 'live');
    await live.set('visitors', LIVE_VISITORS);
    live.disconnect();
    const appDir = join(dir, 'app');
    await mkdir(appDir);
    const npmrc = `registry=${registry.url}\ncache=${join(dir, 'npm-cache')}\n`;
    const manifest = { name: 'app', version: '1.0.0', main: 'app.js', dependencies: OLD };
    await writeFile(join(appDir, 'app.js'), APP);
    await writeFile(join(appDir, '.npmrc'), npmrc);
    await writeFile(join(appDir, 'package.json'), JSON.stringify(manifest));
    releases = createReleaseStore({ dir: join(dir, 'releases') });
    const signal = AbortSignal.timeout(120_000);
    old = await releases.create(appDir, { signal });
    const packages = (['t-greet', 't-kit'] as const).map((name) => `${name}@${NEW[name]}`);
    next = await releases.update(old, { packages }, { signal });
  }, 120_000);
  afterEach(async () => {
    await run?.stop();
    run = undefined;
  });
  afterAll(async () => {
    await redis.close();
    registry.close();
    await rm(dir, { recursive: true, force: true });
  });

  async function start(source: PushSource, more: Partial<ShadowOptions> = {}): Promise<RunningShadow> {
    const own = await mkdtemp(join(dir, 'run-'));
    run = await startShadow(
      {
        upgrade: 'u1',
        workDir: join(own, 'work'),
        ...{ old, new: next, live: { redis: redis.uri }, exchanges: source, launcher: createLauncher() },
        log: createLogger('test', 'silent'),
        arms: '1x1',
        ...more,
      },
      { releases: createReleaseStore({ dir: join(own, 'mixes') }), trialDir: join(own, 'trial') },
    );
    return run;
  }

  /** The report once every difference has been told the cause of, or why it has none. */
  async function explained(shadow: RunningShadow): Promise<ShadowReport> {
    const deadline = AbortSignal.timeout(280_000);
    for (;;) {
      const report = await shadow.report();
      const told = report.attribution;
      if (told?.unattributed.every(({ because }) => because !== 'it is not tried yet') === true)
        return report;
      deadline.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  it('names the packages, from the state the copies began with, and touches nothing of live', async () => {
    const source = new PushSource();
    const shadow = await start(source);
    await shadow.ready();
    const targets = ['/', '/deep', '/', '/', '/'];
    for (const [n, target] of targets.entries()) source.push(exchangeOf(n, target));
    const report = await explained(shadow);
    expect(report.differences.map(({ endpoint }) => endpoint).sort()).toEqual(['GET /', 'GET /deep']);
    const { causes, unattributed, requests } = report.attribution!;
    expect(unattributed).toEqual([]);
    expect(requests).toBe(4); // The fourth is the one that shows a difference no earlier one does.
    const told = causes.map(({ changes, confidence }) => [changes.map(({ name }) => name), confidence]);
    expect(told.sort()).toEqual([
      [['t-greet'], 'proven'],
      [['t-math'], 'proven'],
    ]);
    const text = renderReport(report, { color: false });
    expect(text).toContain('t-math 1.0.0 → 2.0.0, below t-kit  proven');
    expect(text).toContain('- greets formally');
    expect(renderPage(report, { accepting: 'not' })).toContain('greets formally');
    // The run went on meanwhile, and what is found out stays with the report when it ends.
    expect(report.ledger).toMatchObject({ captured: targets.length, compared: targets.length });
    await shadow.stop();
    expect((await shadow.report()).attribution).toEqual(report.attribution);
    const live = await connectRedis(redis.uri, 'live');
    expect(await live.get('visitors')).toBe(String(LIVE_VISITORS));
    live.disconnect();
    const left = await readdir(dir, { recursive: true });
    expect(left.filter((path) => /run-\w+\/(trial|mixes\/.+|work\/.*spool)$/.test(path))).toEqual([]);
  }, 300_000);

  it('says so where the exchanges that it takes could not be kept', async () => {
    const source = new PushSource();
    const shadow = await start(source, { spoolBytes: 4096 });
    await shadow.ready();
    const requestBody = Buffer.alloc(2048, 'x');
    source.push({ kind: 'exchange', exchange: { ...exchangeOf(0, '/').exchange, requestBody } });
    source.push(exchangeOf(1, '/deep'));
    const report = await explained(shadow);
    expect(report.attribution).toMatchObject({ causes: [], trials: 0 });
    expect(report.attribution!.unattributed).toEqual([
      { difference: report.differences[0]!.id, because: expect.stringContaining('--disk') as string },
    ]);
  });

  it('ends a trial under way with the shadow, and says that it did', async () => {
    const source = new PushSource();
    const shadow = await start(source);
    await shadow.ready();
    source.push(exchangeOf(0, '/deep'));
    while (!shadow.status().step.includes('trial')) await new Promise((resolve) => setTimeout(resolve, 20));
    await shadow.stop();
    const { attribution } = await shadow.report();
    expect(attribution!.unattributed.map(({ because }) => because)).toEqual([
      'the shadow ended before it was tried',
    ]);
  });
});

/** What live answered: the old release's words. */
function exchangeOf(n: number, target: string): { kind: 'exchange'; exchange: Exchange } {
  const now = process.hrtime.bigint();
  const body = Buffer.from(JSON.stringify({ answer: target === '/deep' ? 3 : 'next' }));
  const exchange: Exchange = {
    ...{ id: n.toString(16).padStart(16, '0'), startedNs: now, firstByteNs: now, finishedNs: now },
    ...{ startedAt: Date.now(), endpoint: '*', node: 'n', client: '127.0.0.1:1', method: 'GET', target },
    status: 200,
    flags: {
      ...{ requestTruncated: false, responseTruncated: false, clientAborted: false },
      ...{ upstreamFailed: false, upgraded: false, retried: false, tls: false },
    },
    ...{ requestBodyLength: 0, responseBodyLength: body.length },
    requestHeaders: [['Host', 'app.example']],
    responseHeaders: [['content-type', 'application/json']],
    requestBody: new Uint8Array(),
    responseBody: body,
  };
  return { kind: 'exchange', exchange };
}
