import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DharmaError, ExitCode } from '../../common/index.js';
import type { PackageJson } from './packages.js';

/** A start script that is one command, with variables set before it or not: what no shell is needed to understand. */
const ONE_COMMAND = /^(?:[A-Za-z_]\w*=[\w@%+=:,./-]*\s+)*[\w@%+:,./-]+(?:\s+[\w@%+=:,./-]+)*$/;

/**
 * How an app without a `command` is started: the `start` script where it is one command, else `main`, else what node would
 * find. A plain `node FILE …` is run directly; another program becomes the process itself, found where npm finds it, so
 * that signals reach the app and neither npm nor a shell stands between.
 */
export function defaultCommand(dir: string, packageJson: PackageJson | undefined): string[] {
  const start = packageJson?.scripts?.start?.trim();
  if (start !== undefined && /^node(\s+[\w@%+=:,./-]+)+$/.test(start)) return start.split(/\s+/);
  if (start !== undefined && ONE_COMMAND.test(start))
    return ['sh', '-c', `PATH="$PWD/node_modules/.bin:$PATH" exec env ${start}`];
  const main = [packageJson?.main, 'index.js', 'server.js', 'app.js'].find(
    (file) => file !== undefined && existsSync(join(dir, file)),
  );
  if (main !== undefined) return ['node', main];
  throw new DharmaError({
    code: 'APP_NO_COMMAND',
    message: `cannot tell how the app in ${dir} is started`,
    found:
      start === undefined ? 'no start script, no main' : `start script "${start}", which is not one command`,
    remedy: 'Set "command" in dharma.json, for example ["node", "server.js"].',
    exitCode: ExitCode.usage,
  });
}
