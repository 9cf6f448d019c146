import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import {
  DharmaError,
  ExitCode,
  manifestSchema,
  parseConfig,
  readJson,
  type AppManifest,
  type ChangeSet,
} from '../../common/index.js';
import { defaultCommand } from './command.js';
import { readPackageJson } from './packages.js';

/**
 * The manifest of the app in `dir`: its dharma.json, with the name and the command filled in from package.json where
 * it leaves them out; all of it derived where there is no dharma.json.
 * Errors: APP_NOT_FOUND, APP_NO_COMMAND, CONFIG_NOT_JSON, CONFIG_INVALID.
 */
export async function readManifest(dir: string): Promise<AppManifest> {
  const file = join(dir, 'dharma.json');
  const written = await readJson(file);
  const packageJson = await readPackageJson(dir);
  if (written === undefined && packageJson === undefined)
    throw new DharmaError({
      code: 'APP_NOT_FOUND',
      message: `${dir} holds no app: there is neither a dharma.json nor a package.json`,
      found: existsSync(dir) ? 'a folder without either file' : 'no such folder',
      remedy: 'Give the folder of an app.',
      exitCode: ExitCode.usage,
    });
  const fields = parseConfig(z.record(z.string(), z.unknown()), written ?? {}, file);
  const derived = { name: derivedName(packageJson?.name), ...fields };
  const manifest = parseConfig(
    manifestSchema,
    derived,
    written === undefined ? join(dir, 'package.json') : file,
  );
  return { ...manifest, command: manifest.command ?? defaultCommand(dir, packageJson) };
}

/** A package's name as a name of dharma's: no scope, lower case, at most 32 characters. */
function derivedName(packageName: string | undefined): string {
  const plain = (packageName ?? 'app')
    .replace(/^@[^/]*\//, '')
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 32);
  return plain === '' ? 'app' : plain;
}

/** The manifest with a change-set's env worked in: null unsets. */
export function withEnv(manifest: AppManifest, change: NonNullable<ChangeSet['env']>): AppManifest {
  const env = Object.entries({ ...manifest.env, ...change }).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  return { ...manifest, env: Object.fromEntries(env) };
}
