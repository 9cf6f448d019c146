import { existsSync } from 'node:fs';
import { mkdtemp, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { makeSocketRoot, removeSocketRoot } from '../../common/index.js';

it('the folder of the sockets is found again after a kill, also where it was named and not made', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'dharma-sockets-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const [work, named] = [join(dir, 'work'), join(dir, 'named')];
  await mkdir(work);
  await mkdir(named);
  const root = await makeSocketRoot(work);
  expect((await stat(root)).mode & 0o777).toBe(0o700);
  await writeFile(join(root, 'in'), '');
  await rm(await makeSocketRoot(named), { recursive: true });
  for (const left of [work, named, join(dir, 'never-there')]) await removeSocketRoot(left);
  expect(existsSync(root)).toBe(false);
  for (const left of [work, named]) expect(await readdir(left)).toEqual([]);
});
