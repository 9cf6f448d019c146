import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitForAccept } from '../../../common/index.js';

/** A plain redis-server of a test's own, with DEBUG allowed, on a unix socket. */
export interface TestRedis extends AsyncDisposable {
  /** The socket's path, which ioredis takes for a URI. */
  readonly uri: string;
}

export async function startTestRedis(...args: string[]): Promise<TestRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'dharma-test-redis-'));
  const socket = join(dir, 's');
  const child: ChildProcess = spawn(
    'redis-server',
    [
      '--port',
      '0',
      '--unixsocket',
      socket,
      '--dir',
      dir,
      '--save',
      '',
      '--enable-debug-command',
      'yes',
      ...args,
    ],
    { stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  await waitForAccept({ path: socket }, AbortSignal.timeout(20_000));
  return {
    uri: socket,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
