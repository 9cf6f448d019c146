import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLauncher } from '../../cluster-agent/index.js';
import { DharmaError, createLogger, type Exchange } from '../../common/index.js';
import type { PrepareArmsOptions } from '../../shadow/arms-contract.js';
import { PushSource } from '../../shadow/capture/push-source.js';
import type { ShadowOptions } from '../../shadow/options.js';
import { ruleFor } from '../../shadow/report/acceptance.js';
import { runShadow, type ShadowRun } from '../../shadow/upgrade.js';
import { preparePlainArms } from './support/plain-arms.js';
import { fixtureRelease } from './support/variant.js';

const flags = {
  requestTruncated: false,
  responseTruncated: false,
  clientAborted: false,
  upstreamFailed: false,
  upgraded: false,
  retried: false,
  tls: false,
};

describe('a shadow upgrade', () => {
  let dir: string;
  let source: PushSource;
  let run: ShadowRun | undefined;
  let count = 0;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dharma-upgrade-'));
    source = new PushSource();
    count = 0;
  });
  afterEach(async () => {
    await run?.stop();
    run = undefined;
    await rm(dir, { recursive: true, force: true });
  });

  async function start(
    env: Record<string, string> = {},
    prepare = preparePlainArms,
    more: Partial<ShadowOptions> = {},
  ): Promise<ShadowRun> {
    const own = await mkdtemp(join(dir, 'run-'));
    run = await runShadow({
      upgrade: 'u1',
      workDir: join(own, 'work'),
      old: await fixtureRelease(join(own, 'old'), 'frail-app.mjs', false),
      new: await fixtureRelease(join(own, 'new'), 'frail-app.mjs', true),
      live: {},
      env,
      exchanges: source,
      launcher: createLauncher(),
      log: createLogger('test', 'silent'),
      prepare,
      ...more,
    });
    return run;
  }

  /** What live answered to a GET, from now on for `tookMs`. */
  function exchange(target: string, more: Partial<Exchange> = {}): Exchange {
    const now = process.hrtime.bigint();
    return {
      id: (count++).toString(16).padStart(16, '0'),
      startedNs: now,
      firstByteNs: now,
      finishedNs: now,
      startedAt: Date.now(),
      endpoint: '*',
      node: 'n',
      client: '127.0.0.1:1',
      method: 'GET',
      target,
      status: 200,
      flags,
      requestBodyLength: 0,
      responseBodyLength: 0,
      requestHeaders: [['Host', 'shop.example']],
      responseHeaders: [['content-type', 'application/json']],
      requestBody: new Uint8Array(),
      responseBody: Buffer.from(JSON.stringify({ url: target })),
      ...more,
    };
  }

  const push = (captured: Exchange): void => source.push({ kind: 'exchange', exchange: captured });

  it('accounts for every captured exchange, the ones it cannot replay by reason', async () => {
    const before = exchange('/before');
    const shadow = await start();
    push(before);
    await shadow.ready();
    push(exchange('/a'));
    push(exchange('/b', { flags: { ...flags, requestTruncated: true } }));
    push(exchange('/c', { flags: { ...flags, clientAborted: true } }));
    push(exchange('/ws', { flags: { ...flags, upgraded: true } }));
    source.push({ kind: 'dropped', count: 5 });
    for (let i = 0; i < 10; i += 1) push(exchange(`/slow/${i}`));
    await shadow.drained();
    const report = await shadow.report();
    expect(report.ledger).toEqual({
      captured: 20,
      compared: 11,
      pending: 0,
      unbound: 0,
      truncated: 1,
      unanswered: 0,
      dropped: {
        'finished before the clone': 1,
        'client aborted': 1,
        'upgrade (WebSocket)': 1,
        'capture queue full': 5,
      },
    });
    expect(report.verdict).toBe('identical');
    expect(shadow.status().phase).toBe('replaying');
    await shadow.stop();
    expect(shadow.status().phase).toBe('stopped');
    expect((await shadow.report()).ledger.compared).toBe(11);
    const left = await readdir(dir, { recursive: true });
    expect(left.filter((file) => file.endsWith('.spool'))).toEqual([]);
  });

  it('drops what the disk budget has no room for, and takes what uses it for unbound', async () => {
    const shadow = await start({}, preparePlainArms, { spoolBytes: 1024 * 1024 });
    // More than the queue keeps in memory and more than it may have of the disk, while the arms are not there to read it.
    const requestBody = Buffer.alloc(9 * 1024 * 1024);
    push(exchange('/large', { requestBody }));
    const id = '6fd1b2a7c04e4b3f9a5d1c2e8f7a6b5c';
    const responseBody = Buffer.from(JSON.stringify({ id }));
    push(exchange('/orders', { method: 'POST', requestBody, responseBody }));
    await shadow.ready();
    push(exchange(`/orders/${id}`));
    push(exchange('/a'));
    await shadow.drained();
    const { ledger, coverage, verdict } = await shadow.report();
    expect(ledger).toMatchObject({ captured: 4, compared: 1, unbound: 1, pending: 0 });
    expect(ledger.dropped).toMatchObject({ 'disk budget full': 1 });
    expect(coverage.caveats?.join()).toMatch(/What \d exchanges that were not replayed wrote is missing/);
    expect(verdict).toBe('identical');
  });

  it('copies whole sessions of a sample, and takes what the others issued for unbound', async () => {
    const shadow = await start({}, preparePlainArms, { sample: 0.5 });
    await shadow.ready();
    const sessions = Array.from({ length: 60 }, (_, n) => `s${n}x8c1f0e7d6b5a4938`);
    for (const sid of sessions)
      for (let n = 0; n < 3; n += 1)
        push(exchange(`/a/${n}`, { requestHeaders: [['Cookie', `sid=${sid}`]] }));
    await shadow.drained();
    const { ledger, coverage, verdict } = await shadow.report();
    const left = ledger.dropped['not sampled']!;
    expect(left % 3).toBe(0);
    // Sixty fair coins fall all on one side once in 2^59 runs.
    expect(left).toBeGreaterThan(0);
    expect(ledger.compared).toBe(180 - left);
    expect(ledger.compared).toBeGreaterThan(0);
    expect(coverage.sample).toBe(0.5);
    expect(coverage.caveats).toContain(
      `Only 50% of live's sessions are copied: ${180 - left} of 180 exchanges.`,
    );
    expect(verdict).toBe('identical');
  });

  it('says so when the disk has not the room that exchanges are to have', async () => {
    const asked = async (options: PrepareArmsOptions): ReturnType<typeof preparePlainArms> => {
      await options.room!();
      return preparePlainArms(options);
    };
    const shadow = await start({}, asked, { spoolBytes: 2 ** 52 });
    await expect(shadow.ready()).rejects.toMatchObject({ code: 'DISK_BUDGET_TOO_LARGE' });
    expect(shadow.status()).toMatchObject({ phase: 'failed', error: { code: 'DISK_BUDGET_TOO_LARGE' } });
  });

  it('reports a new release that dies on a request, starts it again, and goes on', async () => {
    const shadow = await start();
    await shadow.ready();
    push(exchange('/a'));
    push(exchange('/crash'));
    push(exchange('/b'));
    await shadow.drained();
    const report = await shadow.report();
    expect(report.ledger.compared).toBe(3);
    expect([...new Set(report.differing.map(({ request }) => request))]).toEqual([1]);
    expect(report.differing).toContainEqual(
      expect.objectContaining({ request: 1, where: 'status', old: '200', new: '0' }),
    );
  });

  it('accepts what rules cover, which stays in the report', async () => {
    const first = await start();
    await first.ready();
    push(exchange('/crash'));
    await first.drained();
    const found = await first.report();
    expect(found.verdict).toBe('differs');
    const accepted = found.differences.map(({ id }) => ruleFor(found, id, 'it was meant to crash'));
    await first.stop();
    source = new PushSource();
    const again = await start({}, undefined, { accepted });
    await again.ready();
    push(exchange('/crash'));
    await again.drained();
    const report = await again.report();
    expect(report).toMatchObject({ verdict: 'identical', otherwise: { verdict: 'identical' } });
    expect(report.accepted).toHaveLength(report.differences.length);
    expect(report.differences.length).toBeGreaterThan(0);
    expect(again.status()).toMatchObject({ verdict: 'identical', differences: 0 });
  });

  it('takes a new release that does not start for a finding', async () => {
    const prepare = async (options: PrepareArmsOptions): ReturnType<typeof preparePlainArms> => {
      try {
        return await preparePlainArms(options);
      } catch (error) {
        const failure = new DharmaError({
          code: 'ARM_DID_NOT_START',
          message: 'no',
          remedy: 'r',
          cause: error,
        });
        throw Object.assign(failure, { arm: 'new-a', logTail: 'cannot start' });
      }
    };
    const shadow = await start({ BREAK: 'start' }, prepare);
    const atOnce = await shadow.ready().catch(() => shadow.report());
    expect(atOnce).toMatchObject({ verdict: 'differs' });
    await expect(shadow.ready()).rejects.toMatchObject({ code: 'ARM_DID_NOT_START' });
    push(exchange('/a'));
    await shadow.drained();
    const report = await shadow.report();
    expect(report.verdict).toBe('differs');
    expect(report.differences[0]).toMatchObject({ where: 'start', risk: 'high' });
    expect(shadow.status()).toMatchObject({ phase: 'failed', error: { code: 'ARM_DID_NOT_START' } });
  });

  it('can be stopped at any moment', async () => {
    const shadow = await start();
    await shadow.stop();
    await expect(shadow.ready()).rejects.toThrow();
    source = new PushSource();
    const again = await start();
    await again.ready();
    for (let i = 0; i < 50; i += 1) push(exchange(`/slow/${i}`));
    await again.stop();
    const { ledger } = await again.report();
    expect(ledger.compared + ledger.pending + Object.values(ledger.dropped).reduce((a, b) => a + b, 0)).toBe(
      ledger.captured,
    );
  });
});
