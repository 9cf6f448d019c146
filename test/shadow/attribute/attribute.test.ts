import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLauncher, createReleaseStore } from '../../../cluster-agent/index.js';
import { createLogger, type ShadowReport } from '../../../common/index.js';
import { prepareArms } from '../../../shadow/arms/prepare.js';
import { renderReport } from '../../../shadow/index.js';
import { tryUpgrade } from '../../../shadow/try/try-upgrade.js';
import { startTestRedis } from '../support/plain-arms.js';
import { startRegistry, type PackageSource, type Registry } from './registry.js';

/** An app with five packages of its own and two below them; what each route answers hangs on some of them. */
const APP = `
const { createServer } = require('node:http');
const [greet, kit, left, right, plain] = ['t-greet', 't-kit', 't-left', 't-right', 't-plain'].map((name) => require(name));
createServer((request, response) => {
  const answers = {
    '/greet': () => ({ text: greet() }),
    '/deep': () => ({ sum: kit.add(1, 2) }),
    '/both': () => ({ text: left() && right() ? 'both' : 'not both' }),
    '/plain': () => ({ text: plain() }),
  };
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify((answers[request.url] ?? (() => "ready"))()));
}).listen(process.env.PORT, '127.0.0.1');
`;

const source = (
  name: string,
  version: string,
  code: string,
  more: Partial<PackageSource> = {},
): PackageSource => ({
  name,
  version,
  ...more,
  files: { 'index.js': `module.exports = ${code};`, ...more.files },
});

const PACKAGES: readonly PackageSource[] = [
  source('t-greet', '1.0.0', '() => "hello"'),
  source('t-greet', '2.0.0', '() => "good day"', {
    files: { 'CHANGELOG.md': '# Changes\n\n## 2.0.0\n\n- greets formally\n\n## 1.0.0\n\n- first\n' },
  }),
  // kit is innocent: what it asks for below it has changed.
  source('t-kit', '1.0.0', 'require("t-math")', { dependencies: { 't-math': '^1.0.0' } }),
  source('t-kit', '1.1.0', 'require("t-math")', {
    dependencies: { 't-math': '^2.0.0', 't-spare': '^1.0.0' },
  }),
  source('t-math', '1.0.0', '{ add: (a, b) => a + b }'),
  source('t-math', '2.0.0', '{ add: (a, b) => String(a + b) }', {
    files: { 'HISTORY.md': '2.0.0 / 2024-01-01\n==================\n\n  * sums are text\n' },
  }),
  source('t-spare', '1.0.0', '{}'),
  source('t-left', '1.0.0', '() => false'),
  source('t-left', '1.1.0', '() => true'),
  source('t-right', '1.0.0', '() => false'),
  source('t-right', '1.1.0', '() => true'),
  source('t-plain', '1.0.0', '() => "plain"'),
  source('t-plain', '1.1.0', '() => "plain"'),
];

const OLD = {
  't-greet': '1.0.0',
  't-kit': '1.0.0',
  't-left': '1.0.0',
  't-right': '1.0.0',
  't-plain': '1.0.0',
};
const NEW = {
  't-greet': '2.0.0',
  't-kit': '1.1.0',
  't-left': '1.1.0',
  't-right': '1.1.0',
  't-plain': '1.1.0',
};

describe('attribution', () => {
  let dir: string;
  let registry: Registry;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-attribute-'));
    registry = await startRegistry(join(dir, 'registry'), PACKAGES);
  });
  afterAll(async () => {
    registry.close();
    await rm(dir, { recursive: true, force: true });
  });

  async function run(
    name: string,
    dependencies: Readonly<Record<string, string>>,
    more: Partial<Parameters<typeof tryUpgrade>[0]> = {},
    app = APP,
  ): Promise<ShadowReport> {
    const appDir = join(dir, name, 'app');
    await mkdir(appDir, { recursive: true });
    const packageJson = (wants: object): string =>
      JSON.stringify({ name: 'app', version: '1.0.0', main: 'app.js', dependencies: wants });
    await writeFile(join(appDir, 'app.js'), app);
    await writeFile(join(appDir, '.npmrc'), `registry=${registry.url}\ncache=${join(dir, 'npm-cache')}\n`);
    await writeFile(join(appDir, 'package.json'), packageJson(OLD));
    await writeFile(join(dir, name, 'new.json'), packageJson(dependencies));
    const paths = ['/plain', '/greet', '/deep', '/both', '/plain', '/greet'];
    await writeFile(
      join(dir, name, 'requests.jsonl'),
      paths.map((path) => JSON.stringify({ path })).join('\n'),
    );
    return tryUpgrade({
      appDir,
      newPackageFile: join(dir, name, 'new.json'),
      requestsFile: join(dir, name, 'requests.jsonl'),
      workDir: join(dir, name, 'work'),
      releases: createReleaseStore({ dir: join(dir, name, 'releases') }),
      launcher: createLauncher(),
      startStores: async (storeDir) => {
        const redis = await startTestRedis(storeDir);
        return { redis: redis.uri.replace('unix://', ''), close: () => redis.close() };
      },
      attribute: {},
      log: createLogger('test', 'silent'),
      signal: AbortSignal.timeout(280_000),
      prepare: prepareArms,
      ...more,
    });
  }

  /** What the report says of the one difference of an endpoint. */
  function causeOf(report: ShadowReport, path: string): [string[], string] {
    const { id } = report.differences.find(({ endpoint }) => endpoint.endsWith(path))!;
    const cause = report.attribution!.causes.find(({ differences }) => differences.includes(id))!;
    return [cause.changes.map(({ name, from, to }) => `${name} ${from} ${to}`), cause.confidence];
  }

  it('names the package behind each difference: one, one below another, two together', async () => {
    const report = await run('several', NEW);
    expect(report.attribution!.unattributed).toEqual([]);
    expect(causeOf(report, '/greet')).toEqual([['t-greet 1.0.0 2.0.0'], 'proven']);
    expect(causeOf(report, '/deep')).toEqual([['t-math 1.0.0 2.0.0'], 'proven']);
    expect(causeOf(report, '/both')).toEqual([['t-left 1.0.0 1.1.0', 't-right 1.0.0 1.1.0'], 'proven']);
    const changes = report.attribution!.causes.flatMap((cause) => cause.changes);
    expect(changes.find(({ name }) => name === 't-math')).toMatchObject({
      direct: false,
      through: ['t-kit'],
      changelog: { file: 'HISTORY.md', text: expect.stringContaining('sums are text') as string },
    });
    expect(changes.find(({ name }) => name === 't-greet')!.changelog!.text).toBe(
      '## 2.0.0\n\n- greets formally',
    );
    // Four requests show every difference at least once.
    expect(report.attribution!.requests).toBe(4);
    const text = renderReport(report, { color: false });
    expect(text).toContain('t-math 1.0.0 → 2.0.0, below t-kit  proven');
    expect(text).toContain('- greets formally');
  }, 300_000);

  it('names the package that keeps the app from starting, though others break it in other ways', async () => {
    const app = `if (require('t-greet')() !== 'hello') throw new TypeError('not greeted');\n${APP}`;
    const report = await run('start', NEW, {}, app);
    expect(report.differences[0]!.where).toBe('start');
    expect(report.attribution!.causes).toMatchObject([
      { differences: ['start'], changes: [{ name: 't-greet' }], confidence: 'proven' },
    ]);
  }, 300_000);

  it('says how far it came when it may make no more trials', async () => {
    const report = await run('spent', NEW, { attribute: { maxTrials: 3 } });
    const { causes, trials } = report.attribution!;
    expect(trials).toBe(3);
    expect(causes.length).toBeGreaterThan(0);
    for (const { confidence } of causes) expect(confidence).toBe('narrowed');
  }, 300_000);
});
