import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { removeTree } from '../../../common/index.js';

const run = promisify(execFile);

/** A folder of its own for the running test, gone when it ends. Short: unix sockets are made under it. */
export async function temporaryFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'dha-'));
  onTestFinished(async () => {
    await removeTree(dir);
    await rm(dir, { recursive: true, force: true });
  });
  return dir;
}

/** Writes files, path → text (or JSON of anything else). */
export async function writeFiles(dir: string, files: Readonly<Record<string, unknown>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const file = join(dir, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  }
}

/** A package as npm would publish it: its tarball, made by npm itself, so that nothing is fetched from anywhere. */
export async function tarball(dir: string, name: string, version: string, source: string): Promise<string> {
  const folder = join(dir, `${name}-${version}-source`);
  await writeFiles(folder, { 'package.json': { name, version, main: 'index.js' }, 'index.js': source });
  await run('npm', ['pack', '--pack-destination', dir], { cwd: folder });
  return join(dir, `${name}-${version}.tgz`);
}
