import { chmod, lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from './errors.js';

/** Takes away (or gives back) the right to write, for everything under `dir`. Links keep what they point at. */
export async function setWritable(dir: string, writable: boolean): Promise<void> {
  // A folder must be writable before, and stay so until after, what is in it has been changed: harmless for chmod,
  // needed for removal.
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) await setWritable(path, writable);
    else if (entry.isFile()) await setMode(path, writable);
  }
  await setMode(dir, writable);
}

async function setMode(path: string, writable: boolean): Promise<void> {
  const { mode } = await lstat(path);
  await chmod(path, writable ? mode | 0o200 : mode & ~0o222);
}

/** Removes a folder, read-only parts included. Nothing happens when it is not there. */
export async function removeTree(dir: string): Promise<void> {
  try {
    await setWritable(dir, true);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    return;
  }
  await rm(dir, { recursive: true, force: true });
}
