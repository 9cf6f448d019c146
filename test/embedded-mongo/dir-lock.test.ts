import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { DirInUse, lockDir } from '../../common/stores/embedded-mongo/storage/dir-lock.js';

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'dharma-lock-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** The text of the 22nd field of a process's stat: when it was started. */
async function startOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ').at(-1)!.split(' ')[19]!;
}

it('a folder is one server’s as long as that runs', async () => {
  const dir = await folder();
  const release = lockDir(dir);
  expect(() => lockDir(dir)).toThrow(DirInUse);
  release();
  lockDir(dir)();
});

it('a folder is taken over from a process that was killed, though its parent has not asked for its end', async () => {
  const dir = await folder();
  // The shell becomes a sleeper that never asks how the one it started has ended.
  const parent = spawn('sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  await writeFile(join(dir, 'server.lock'), `${pid} ${await startOf(pid)}\n`);
  expect(() => lockDir(dir)).toThrow(DirInUse);
  process.kill(pid, 'SIGKILL');
  while (!/\) Z /.test(await readFile(`/proc/${pid}/stat`, 'utf8'))) await new Promise(setImmediate);
  lockDir(dir)();
});
