import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DharmaError, ExitCode } from '../../common/index.js';
import type { PackageJson } from './packages.js';

/**
 * How an app without a `command` is started: the `start` script where it is a plain `node FILE …` (run directly, so that
 * signals reach the app and no npm stands between), else `main`, else what node would find.
 */
export function defaultCommand(dir: string, packageJson: PackageJson | undefined): string[] {
  const start = packageJson?.scripts?.start?.trim();
  if (start !== undefined && /^node(\s+[\w@%+=:,./-]+)+$/.test(start)) return start.split(/\s+/);
  const main = [packageJson?.main, 'index.js', 'server.js', 'app.js'].find(
    (file) => file !== undefined && existsSync(join(dir, file)),
  );
  if (main !== undefined) return ['node', main];
  throw new DharmaError({
    code: 'APP_NO_COMMAND',
    message: `cannot tell how the app in ${dir} is started`,
    found:
      start === undefined
        ? 'no start script, no main'
        : `start script "${start}", which is no plain "node FILE"`,
    remedy: 'Set "command" in dharma.json, for example ["node", "server.js"].',
    exitCode: ExitCode.usage,
  });
}
