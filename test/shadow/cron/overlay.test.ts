import { describe, expect, it } from 'vitest';
import { ARMS, DharmaError, systemClock } from '../../../common/index.js';
import type { Arm } from '../../../shadow/arms-contract.js';
import { CronOverlay, withoutTasks } from '../../../shadow/cron/overlay.js';
import { getExchange } from '../support/exchange.js';

const known = { alpha: 0.05, sample: 1, cpuMs: 0, limits: undefined };

/** Runs that begin when they are looked for and end when they are told to. */
class Runs {
  readonly begun: { readonly redis: string; readonly end: (error?: Error) => void }[] = [];

  readonly once = (redis: string): Promise<void> =>
    new Promise((resolve, reject) => {
      this.begun.push({ redis, end: (error) => (error === undefined ? resolve() : reject(error)) });
    });

  async both(run: number): Promise<void> {
    while (this.begun.length < 2 * run) await systemClock.sleep(5);
  }
}

function overlaid(): {
  overlay: CronOverlay;
  runs: Runs;
  interrupted: () => number;
  ended: Promise<void>;
  stop: () => void;
} {
  const runs = new Runs();
  let count = 0;
  const overlay = new CronOverlay({
    ...{ name: 'nightly', liveRedis: 'redis://:secret@live:6379/3', clock: systemClock, runOnce: runs.once },
    arms: ARMS.map((name, i) => ({
      ...{ name, app: { pid: process.pid }, stores: { redis: `redis://127.0.0.1:700${i}` } },
    })) as unknown as Arm[],
    otherwise: { interrupted: () => (count += 1) },
  });
  const abort = new AbortController();
  const ended = overlay.run(abort.signal);
  return { overlay, runs, interrupted: () => count, ended, stop: () => abort.abort() };
}

describe('a cron laid over the replay', () => {
  it('runs in the new arms alone, in the database that live’s tasks are in, and answers count beside a run alone', async () => {
    const { overlay, runs, interrupted, ended, stop } = overlaid();
    await runs.both(1);
    expect(runs.begun.map(({ redis }) => redis)).toEqual([
      'redis://127.0.0.1:7002/3',
      'redis://127.0.0.1:7003/3',
    ]);
    expect(overlay.isUnderWay).toBe(true);
    // Sent before the run began: neither beside it nor without it.
    expect(overlay.answered(getExchange('/0', 0), [1e6, 1e6, 1e6, 1e6])).toBe(true);
    expect(overlay.read(known).beside).toBeUndefined();
    expect(overlay.answered(getExchange('/1', 1), [0, 0, 0, 0])).toBe(true);
    expect(overlay.read(known)).toMatchObject({ runs: 0, beside: { exchanges: 1 } });
    for (const { end } of runs.begun) end();
    while (overlay.isUnderWay) await systemClock.sleep(1);
    expect(overlay.answered(getExchange('/2', 2), [1e6, 0, 0, 0]), 'sent while it ran').toBe(true);
    await systemClock.sleep(2);
    expect(overlay.answered(getExchange('/3', 3), [0, 0, 0, 0])).toBe(false);
    expect(overlay.read(known)).toMatchObject({
      name: 'nightly',
      runs: 1,
      failed: 0,
      beside: { exchanges: 1 },
    });
    expect(interrupted(), 'as it begins and as it ends').toBe(2);
    stop();
    await ended;
  });

  it('goes on after a run that failed, and says why; it ends when nobody takes it', async () => {
    const { overlay, runs, ended } = overlaid();
    const task = (code: string, message: string): DharmaError =>
      new DharmaError({ code, message, remedy: 'mend it' });
    await runs.both(1);
    runs.begun[0]!.end(task('TASK_FAILED', 'the task nightly failed'));
    runs.begun[1]!.end();
    await runs.both(2);
    expect(overlay.read(known)).toMatchObject({ runs: 1, failed: 1, problem: 'the task nightly failed' });
    for (const { end } of runs.begun.slice(2))
      end(task('TASK_NOT_TAKEN', 'no copy of the app takes the task nightly'));
    await ended;
    expect(overlay.read(known)).toMatchObject({
      runs: 1,
      problem: 'no copy of the app takes the task nightly',
    });
  });

  it('says how many CPUs requests take, of all clients where only some are copied, and how many nodes that is', async () => {
    const { overlay, runs, ended, stop } = overlaid();
    await runs.both(1);
    for (let n = 0; n <= 100; n += 1)
      overlay.answered({ ...getExchange('/', n), startedNs: BigInt(n) * 10_000_000n }, [0, 0, 0, 0]);
    // 100 a second of 5 ms each, and a quarter of live's.
    expect(overlay.read({ ...known, cpuMs: 5, sample: 0.25, limits: { cpus: 1, memory: 1 } })).toMatchObject({
      ...{ busyCpus: { requests: 2, run: 0 }, nodes: { requests: 2, withRun: 2 } },
    });
    stop();
    for (const { end } of runs.begun) end();
    await ended;
  });

  it('leaves out what the library of tasks notes for itself, and nothing else', () => {
    const entry = (...key: string[]) => ({ store: 'redis' as const, key, before: undefined, after: '1' });
    const delta = {
      calls: [],
      entries: [entry('dharma-tasks:nightly:1'), entry('db3', 'dharma-tasks:names'), entry('runs')],
    };
    expect(withoutTasks(delta).entries.map(({ key }) => key)).toEqual([['runs']]);
  });
});
