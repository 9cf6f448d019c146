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
import { APP, NEW, OLD, PACKAGES } from './five-packages.js';
import { startRegistry, type Registry } from './registry.js';

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
