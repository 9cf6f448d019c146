import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLauncher } from '../../../cluster-agent/index.js';
import { createLogger, type ShadowReport } from '../../../common/index.js';
import { PushSource } from '../../../shadow/capture/push-source.js';
import { renderPage } from '../../../shadow/report/page/page.js';
import { renderReport } from '../../../shadow/report/text.js';
import { runShadow } from '../../../shadow/upgrade.js';
import { getExchange } from '../support/exchange.js';
import { preparePlainArms } from '../support/plain-arms.js';
import { fixtureRelease } from '../support/variant.js';

/** Chance alone tells a difference once in so many runs. */
const RUNS = 10_000;

describe('a release that costs more', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-costs-'));
  });
  afterEach(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  async function rehearse(exchanges: number, env: Record<string, string>): Promise<ShadowReport> {
    const source = new PushSource();
    const run = await runShadow({
      ...{ upgrade: 'u1', workDir: join(dir, 'work'), live: {}, env, exchanges: source },
      old: await fixtureRelease(join(dir, 'old'), 'costly-app.mjs', false),
      new: await fixtureRelease(join(dir, 'new'), 'costly-app.mjs', true),
      launcher: createLauncher(),
      log: createLogger('test', 'silent'),
      prepare: preparePlainArms,
      alpha: 1 / RUNS,
    });
    try {
      await run.ready();
      // One at a time: what waits is told together, and of fewer times a difference is told later.
      for (let n = 0; n < exchanges; n += 1) {
        source.push({ kind: 'exchange', exchange: getExchange(`/${n}`, n) });
        await run.drained();
      }
      return await run.report();
    } finally {
      await run.stop();
    }
  }

  it('is told so, in CPU and in time, and is no difference', async () => {
    const report = await rehearse(80, { COSTLY: '1' });
    expect(report.verdict).toBe('identical');
    const { cpuMs, latencyMs, memory } = report.performance!;
    expect(cpuMs.told).toBe('more');
    expect(cpuMs.confidence).toBeGreaterThan(0.999);
    expect(cpuMs.new - cpuMs.old).toBeGreaterThan(20);
    // Nobody answers sooner than the CPU time it takes.
    expect(latencyMs.new.p50.value).toBeGreaterThan(29);
    for (const { rssBytes, peakBytes } of memory) expect(peakBytes).toBeGreaterThanOrEqual(rssBytes);
    expect(renderReport(report, { color: false })).toMatch(
      /CPU an exchange: old .* ms, new .* ms \(\d+% more, 99\.9% sure\)/,
    );
    expect(renderPage(report, { accepting: 'not' })).toMatch(/What it costs[^]*% more, 99\.9% sure/);
  });

  it('is not told where it does the same', async () => {
    const { verdict, performance } = await rehearse(120, {});
    expect(verdict).toBe('identical');
    expect(performance).toMatchObject({
      exchanges: 120,
      latencyMs: { typical: { told: 'untold' }, tail: { told: 'untold' } },
      cpuMs: { told: 'untold' },
    });
  });
});
