import { existsSync } from 'node:fs';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { LaunchSpec } from '../../common/index.js';
import { copyFiles, listFiles } from '../release/files.js';
import { writableFolders } from './environment.js';

/** Where the app's files stand in a working copy: no name of a writable folder (a-z first) can be this one. */
const CODE = '_app';

/**
 * Makes `<workDir>/_app`, where the app runs: its own files copied afresh, and `node_modules` a link to the release's,
 * which is read-only. What an app writes beside its code lasts until it is started again, as in a container, and never
 * reaches the release; what is to last belongs into the folders its manifest declares as writable.
 */
export async function makeWorkingCopy(spec: LaunchSpec, signal: AbortSignal): Promise<string> {
  const code = join(spec.workDir, CODE);
  await mkdir(spec.workDir, { recursive: true, mode: 0o700 });
  await rm(code, { recursive: true, force: true });
  await mkdir(code, { mode: 0o700 });
  await copyFiles(spec.release.dir, code, await listFiles(spec.release.dir), signal);
  const modules = join(spec.release.dir, 'node_modules');
  if (existsSync(modules)) await symlink(modules, join(code, 'node_modules'));
  for (const [name, folder] of Object.entries(writableFolders(spec)))
    await mkdir(spec.env[name] ?? folder, { recursive: true, mode: 0o700 });
  return code;
}
