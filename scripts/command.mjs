import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SetupError } from './root.mjs';

/** The path of a program in PATH (and in the folders of the administrator's programs), or undefined. */
export function which(program) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Whether a command succeeds; its output is not shown. */
export function succeeds(command, args, input = '') {
  return spawnSync(command, args, { input, stdio: ['pipe', 'ignore', 'ignore'] }).status === 0;
}

/**
 * Runs a command quietly. Where it fails, its output is shown and a SetupError says what failed.
 * @param {{cwd?: string, env?: object, failure: string}} options
 */
export function must(command, args, { cwd, env, failure }) {
  const done = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (done.error) throw new SetupError(`${failure}: ${done.error.message}`);
  if (done.status !== 0) {
    process.stderr.write(done.stdout + done.stderr);
    throw new SetupError(
      `${failure} (${[command, ...args].join(' ')}: ${done.signal ?? `exit code ${done.status}`})`,
    );
  }
}
