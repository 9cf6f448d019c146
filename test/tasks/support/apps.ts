import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import { distPath, startRedis } from '../../../common/index.js';

export interface Event {
  readonly pid: number;
  readonly up?: boolean;
  readonly began?: string;
  readonly ended?: string;
  readonly hurried?: boolean;
  readonly tick?: string;
}

/** A redis-server of the test's own, and processes that have tasks in it. */
export class Bench {
  private constructor(
    readonly redis: string,
    readonly dir: string,
  ) {}

  static async open(): Promise<Bench> {
    const dir = await mkdtemp(join(tmpdir(), 'dharma-tasks-'));
    const redis = await startRedis({ dir: join(dir, 'redis'), persist: false });
    onTestFinished(async () => {
      await redis.close();
      await rm(dir, { recursive: true, force: true });
    });
    return new Bench(redis.uri, dir);
  }

  /** Resolves when the process has defined its tasks. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<ChildProcess> {
    const child = fork(resolve('test/tasks/support/app.mjs'), {
      env: {
        ...process.env,
        TASKS_LIBRARY: distPath('tasks/index.js'),
        REDIS_URL: this.redis,
        EVENTS: join(this.dir, 'events'),
        ...env,
      },
      stdio: 'inherit',
    });
    onTestFinished(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    await this.until((events) => events.find(({ pid, up }) => pid === child.pid && up === true));
    return child;
  }

  async events(): Promise<Event[]> {
    const text = await readFile(join(this.dir, 'events'), 'utf8').catch(() => '');
    return text
      .trim()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Event);
  }

  /** Looks at the events until `find` finds something; the test's own deadline ends what never comes. */
  async until<T>(find: (events: Event[]) => T | undefined): Promise<T> {
    for (;;) {
      const found = find(await this.events());
      if (found !== undefined) return found;
      await new Promise((done) => setTimeout(done, 20));
    }
  }
}
