import { randomBytes } from 'node:crypto';
import { mkdir, readlink, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemCode } from './errors.js';

const NOTE = 'sockets';

/**
 * A folder for the sockets of a shadow's arms. It is not under their work folder, for a unix socket's path may not be longer than 107
 * bytes; a link there names it before it is made, so that who clears up after a killed process finds it.
 */
export async function makeSocketRoot(workDir: string): Promise<string> {
  const root = join(tmpdir(), `dharma-arms-${randomBytes(6).toString('hex')}`);
  await symlink(root, join(workDir, NOTE));
  await mkdir(root, { mode: 0o700 });
  return root;
}

/** Removes it, and its link. Nothing where there is none. The arms must have ended. */
export async function removeSocketRoot(workDir: string): Promise<void> {
  const root = await readlink(join(workDir, NOTE)).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (root === undefined) return;
  await rm(root, { recursive: true, force: true });
  await rm(join(workDir, NOTE));
}
