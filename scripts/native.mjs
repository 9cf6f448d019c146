import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { cpus, homedir } from 'node:os';
import { join } from 'node:path';
import { must, which } from './command.mjs';
import { filesUnder, hashOf, root, say } from './root.mjs';
import { compiler, ensureSystem } from './system.mjs';

const sourceDir = join(root, 'native');
const PROGRAMS = ['dharma-proxy', 'dharma-run'];

/**
 * Builds the native programs where they do not stand or their sources have changed, and returns the folder that holds
 * them: native/build in the package, or, where the package cannot be written to, the user's cache. `common/paths`
 * looks in the same places, in the same order.
 * @param {{log?: (line: string) => void, install?: boolean}} options `install`: system packages may be installed; where
 *   not, what is missing ends in a SetupError that says what to type.
 */
export function ensureNative({ log = say, install = true } = {}) {
  const now = hashOf(
    filesUnder(sourceDir, (name) => /(\.[ch]|\.json|^Makefile)$/.test(name)).filter(isSource),
  );
  const dir = buildDir();
  const stamp = join(dir, '.sources');
  const stands = () => PROGRAMS.every((program) => existsSync(join(dir, program)));
  if (stands() && existsSync(stamp) && readFileSync(stamp, 'utf8') === now) return dir;
  ensureSystem(['native'], { install });
  log('building the proxy (make)');
  mkdirSync(dir, { recursive: true });
  if (dir === packageDir()) make(dir);
  else buildAnew(dir);
  writeFileSync(stamp, now);
  return dir;
}

/** Runs make, one at a time for all who build into `dir`. */
function make(dir, ...variables) {
  const args = ['-C', sourceDir, `-j${cpus().length}`, `CC=${compiler()}`, ...variables, 'all'];
  const lock = which('flock');
  const command = lock ? [lock, join(dir, '.lock'), 'make', ...args] : ['make', ...args];
  must(command[0], command.slice(1), { failure: 'the native programs cannot be built' });
}

/**
 * Builds without what stands in `dir`: it may be of another version of the package, whose files all carry one date, so
 * that make could not tell what has changed.
 */
function buildAnew(dir) {
  const work = mkdtempSync(join(dir, 'work-'));
  try {
    make(dir, `BUILD=${work}`);
    for (const program of PROGRAMS) renameSync(join(work, program), join(dir, program));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const packageDir = () => join(sourceDir, 'build');

const isSource = (file) =>
  !file.startsWith(packageDir()) && !file.includes('/test/') && !file.includes('/fuzz/');

function buildDir() {
  if (process.env.DHARMA_NATIVE_DIR) return process.env.DHARMA_NATIVE_DIR;
  const probe = existsSync(packageDir()) ? packageDir() : sourceDir;
  try {
    accessSync(probe, constants.W_OK);
    return packageDir();
  } catch {
    return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'dharma', 'native');
  }
}
