import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLauncher, createReleaseStore } from '../../cluster-agent/index.js';
import { createLogger, packageRoot } from '../../common/index.js';
import { tryUpgrade } from '../../shadow/try/try-upgrade.js';
import { preparePlainArms, startTestRedis } from './support/plain-arms.js';

/** Real upgrades with their truth, kept beside the repository where they are at hand. */
const CASES = join(packageRoot, '..', 'shared', 'cases');
const names = existsSync(CASES)
  ? readdirSync(CASES).filter((name) => existsSync(join(CASES, name, 'truth.json')))
  : [];

describe.skipIf(names.length === 0)('real upgrades (skipped where ../shared/cases is not at hand)', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-cases-'));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  it.each(names)(
    '%s: reports the requests that differ and no other',
    async (name) => {
      const folder = join(CASES, name);
      const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8')) as {
        differing_requests: number[];
      };
      const report = await tryUpgrade({
        appDir: folder,
        newPackageFile: join(folder, 'package.new.json'),
        requestsFile: join(folder, 'requests.jsonl'),
        workDir: join(dir, name),
        releases: createReleaseStore({ dir: join(dir, 'releases') }),
        launcher: createLauncher(),
        startStores: async (storeDir) => {
          const redis = await startTestRedis(storeDir);
          return { redis: redis.uri.replace('unix://', ''), close: () => redis.close() };
        },
        determinism: false,
        log: createLogger('test', 'error'),
        signal: AbortSignal.timeout(110_000),
        prepare: preparePlainArms,
      });
      expect([...new Set(report.differing.map(({ request }) => request))]).toEqual(truth.differing_requests);
      expect(report.verdict).toBe(truth.differing_requests.length === 0 ? 'identical' : 'differs');
      expect(report.ledger.compared).toBe(report.ledger.captured);
    },
    120_000,
  );
});
