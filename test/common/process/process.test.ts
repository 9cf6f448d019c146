import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  Child,
  Supervised,
  baseEnv,
  createLogger,
  logTail,
  nextBackoff,
  type ChildExit,
  type ChildSpec,
} from '../../../common/index.js';

const log = createLogger('test', 'silent');

async function nodeSpec(script: string, more: Partial<ChildSpec> = {}): Promise<ChildSpec> {
  const dir = await mkdtemp(join(tmpdir(), 'dhc-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return {
    name: 'test',
    command: process.execPath,
    args: ['-e', script],
    env: baseEnv(),
    logFile: join(dir, 'child.log'),
    ...more,
  };
}

async function started(spec: ChildSpec): Promise<Child> {
  const child = await Child.start(spec);
  onTestFinished(async () => void (await child.stop(100)));
  return child;
}

async function written(file: string, wanted: RegExp): Promise<RegExpExecArray> {
  for (;;) {
    const match = wanted.exec(await readFile(file, 'utf8').catch(() => ''));
    if (match) return match;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('a child process', () => {
  it('has the env it is given and no other, and its output in a file of its user', async () => {
    process.env.DHA_OURS = 'secret';
    onTestFinished(() => void delete process.env.DHA_OURS);
    const spec = await nodeSpec('console.log(JSON.stringify(process.env)); console.error("to stderr")', {
      env: { ...baseEnv(), GIVEN: 'yes' },
    });
    const child = await started(spec);
    expect(await child.exited).toEqual({ code: 0, signal: null });
    const text = await readFile(spec.logFile, 'utf8');
    expect(text).toContain('"GIVEN":"yes"');
    expect(text).not.toContain('DHA_OURS');
    expect(text).toContain('to stderr');
    expect((await stat(spec.logFile)).mode & 0o777).toBe(0o600);
  });

  it('is told its exit code, and the end of its log', async () => {
    const spec = await nodeSpec('console.log("x".repeat(5000) + "the end"); process.exitCode = 7');
    const child = await started(spec);
    expect(await child.exited).toEqual({ code: 7, signal: null });
    const tail = await logTail(spec.logFile, 100);
    expect(tail).toHaveLength(99); // The newline at its end is cut.
    expect(tail).toMatch(/the end$/);
  });

  it('stopped, may end by itself; one that does not is killed with all it has started', async () => {
    const good = await nodeSpec(
      'process.on("SIGTERM", () => process.exit(5)); setInterval(() => {}, 1000); console.log("up")',
    );
    const child = await started(good);
    await written(good.logFile, /up/);
    expect(await child.stop()).toEqual({ code: 5, signal: null });

    const stubborn = await nodeSpec(`process.on("SIGTERM", () => {});
      const { pid } = require("node:child_process").spawn("sleep", ["600"]);
      console.log("grandchild " + pid); setInterval(() => {}, 1000);`);
    const other = await started(stubborn);
    const grandchild = Number((await written(stubborn.logFile, /grandchild (\d+)/))[1]);
    await other.stop(50);
    expect(other.exit).toBeDefined();
    await gone(grandchild);
    expect(await other.stop()).toEqual(other.exit);
  });

  it('that cannot be found is told so', async () => {
    const spec = await nodeSpec('', { command: 'no-such-program-anywhere' });
    const outcome = await Child.start(spec).then(
      (child) => child.exited,
      (error: unknown) => error,
    );
    // With dharma-run between, it is the launcher that finds out: as a shell does, by exit code 127.
    const { code } = outcome as { code: unknown };
    expect(['PROGRAM_NOT_FOUND', 127]).toContain(code);
  });

  it('dies with the process that started it, however that ends', async () => {
    const inner = `console.log("inner " + process.pid); setInterval(() => {}, 1000);`;
    const spec = await nodeSpec('');
    const dist = join(import.meta.dirname, '../../../dist/common/index.js');
    const outer = `import(${JSON.stringify(dist)}).then(async ({ Child, baseEnv }) => {
      await Child.start({ name: 'inner', command: process.execPath, args: ['-e', ${JSON.stringify(inner)}],
        env: baseEnv(), logFile: ${JSON.stringify(`${spec.logFile}.inner`)} });
      console.log("outer " + process.pid);
    });`;
    await started({ ...spec, args: ['-e', outer] });
    const innerPid = Number((await written(`${spec.logFile}.inner`, /inner (\d+)/))[1]);
    process.kill(Number((await written(spec.logFile, /outer (\d+)/))[1]), 'SIGKILL');
    await gone(innerPid);
  });
});

describe('a supervised process', () => {
  const backoff = { first: 10, most: 40, stableAfter: 60_000 };

  it('is started again, more and more slowly, until it is stopped', async () => {
    const waits: number[] = [];
    const exits: ChildExit[] = [];
    const spec = await nodeSpec('process.exit(3)');
    const enough = new Promise<void>((resolve) => {
      const supervised = new Supervised({
        spec: () => spec,
        log,
        backoff,
        onExit: (exit, wait) => {
          exits.push(exit);
          waits.push(wait);
          if (waits.length === 4) resolve(supervised.stop());
        },
      });
      onTestFinished(() => supervised.stop());
    });
    await enough;
    expect(waits).toEqual([10, 20, 40, 40]);
    expect(exits.every(({ code }) => code === 3)).toBe(true);
  });

  it('counts as crashed when it runs but is not ready, and is not left running', async () => {
    const pids: number[] = [];
    const spec = await nodeSpec('setInterval(() => {}, 1000)');
    const ready = new Promise<Supervised>((resolve) => {
      const supervised = new Supervised({
        spec: () => spec,
        log,
        backoff,
        onStart: (child) => {
          pids.push(child.pid);
          if (pids.length < 3) throw new Error('not ready');
          resolve(supervised);
        },
      });
      onTestFinished(() => supervised.stop(100));
    });
    const supervised = await ready;
    expect(supervised.restarts).toBe(2);
    await Promise.all(pids.slice(0, 2).map(gone));
    expect(supervised.child?.pid).toBe(pids[2]);
    await supervised.stop(100);
    await gone(pids[2]!);
    expect(supervised.child).toBeUndefined();
  });

  it('is no crash when it ends because another is ready to take its place', async () => {
    const spec = await nodeSpec('setInterval(() => {}, 1000)');
    const supervised = await new Promise<Supervised>((resolve) => {
      const made: Supervised = new Supervised({
        spec: () => spec,
        log,
        backoff,
        onStart: () => resolve(made),
      });
      onTestFinished(() => made.stop(100));
    });
    const old = supervised.child!;
    let ended: readonly ChildExit[] = [];
    await supervised.replace(spec, async () => {
      ended = [await old.stop(100)];
      // Whoever waits for the end of the old one has heard of it before we say that the new one is ready.
      await new Promise((resolve) => setTimeout(resolve, 5 * backoff.most));
    });
    expect(ended).toHaveLength(1);
    expect(supervised.child?.pid).not.toBe(old.pid);
    expect(supervised.restarts).toBe(0);
  });

  it('tries again when its spec cannot be made', async () => {
    let attempts = 0;
    const spec = await nodeSpec('setInterval(() => {}, 1000)');
    await new Promise<void>((resolve) => {
      const supervised = new Supervised({
        spec: () => {
          attempts += 1;
          if (attempts < 3) throw new Error('no port today');
          return spec;
        },
        onStart: () => resolve(),
        log,
        backoff,
      });
      onTestFinished(() => supervised.stop(100));
    });
    expect(attempts).toBe(3);
  });

  it('doubles its wait up to the most', () => {
    expect([0, 1, 2, 3, 4, 50].map((crashes) => nextBackoff(backoff, crashes))).toEqual([
      10, 10, 20, 40, 40, 40,
    ]);
  });
});
