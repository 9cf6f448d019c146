import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLauncher } from '../../../cluster-agent/index.js';
import { createLogger, distPath, startRedis, systemClock, type StartedStore } from '../../../common/index.js';
import { prepareArms } from '../../../shadow/arms/prepare.js';
import { PushSource } from '../../../shadow/capture/push-source.js';
import { renderPage } from '../../../shadow/report/page/page.js';
import { reportSchema } from '../../../shadow/report/schema.js';
import { renderReport } from '../../../shadow/report/text.js';
import { runShadow } from '../../../shadow/upgrade.js';
import { getExchange } from '../support/exchange.js';
import { fixtureRelease } from '../support/variant.js';

let dir: string;
let redis: StartedStore;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'dharma-cron-'));
  redis = await startRedis({ dir: join(dir, 'redis'), persist: false });
});
afterAll(async () => {
  await redis.close();
  await rm(dir, { recursive: true, force: true });
});

it('a cron that live never ran is run beside copies of requests, and what that takes and does is told', async () => {
  const source = new PushSource();
  const release = await fixtureRelease(join(dir, 'release'), 'cron-app.mjs', false);
  const run = await runShadow({
    ...{ upgrade: 'u1', workDir: join(dir, 'work'), old: release, new: release, exchanges: source },
    ...{ live: { redis: redis.uri }, env: { TASKS_LIBRARY: distPath('tasks/index.js') } },
    ...{ launcher: createLauncher(), log: createLogger('test', 'silent'), prepare: prepareArms },
    ...{ cron: 'nightly', limits: { old: { cpus: 1, memory: 2 ** 30 }, new: { cpus: 1, memory: 2 ** 30 } } },
  });
  try {
    await run.ready();
    for (let n = 0; ; n += 1) {
      source.push({ kind: 'exchange', exchange: getExchange(`/${n % 7}`, n) });
      const { cron } = await run.report();
      if ((cron?.runs ?? 0) >= 2 && (cron?.beside?.exchanges ?? 0) >= 5) break;
      expect(cron?.problem).toBeUndefined();
      await systemClock.sleep(20);
    }
    await run.drained();
    const report = await run.report();
    expect(report.cron).toMatchObject({ name: 'nightly', failed: 0 });
    // CPU time is told in ticks of 10 ms, and the old arms' noise is subtracted.
    expect(report.cron!.cpuMs).toBeGreaterThan(100);
    expect(report.cron!.nodes!.withRun).toBeGreaterThanOrEqual(report.cron!.nodes!.requests);
    // What it does to the app's data may be told, and what the library notes for itself is no difference.
    expect(report.differences.filter(({ where }) => where !== 'state:redis:nightly-runs')).toEqual([]);
    expect(reportSchema.parse(JSON.parse(JSON.stringify(report)))).toBeDefined();
    const text = renderReport(report, { color: false });
    expect(text).toMatch(/^cron {7}nightly: \d+ runs; each took .*, and .* of CPU$/m);
    expect(text).toMatch(/median answer while it ran: .* without it, .* beside it/);
    expect(text).toMatch(/Nodes of that size, by CPU alone: \d+ while it runs, \d+ otherwise/);
    expect(renderPage(report, { accepting: 'not' })).toMatch(/The cron[^]*nightly: \d+ runs/);
  } finally {
    await run.stop();
  }
});
