import { join } from 'node:path';
import { z } from 'zod';
import { parseConfig, readJson } from '../../common/index.js';

/** The little of a package.json that a release is made by; everything else in it is npm's business. */
const packageJsonSchema = z.looseObject({
  name: z.string().optional(),
  main: z.string().optional(),
  scripts: z.record(z.string(), z.string()).optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
  workspaces: z.unknown().optional(),
});
export type PackageJson = z.output<typeof packageJsonSchema>;

const installedSchema = z.looseObject({
  packages: z.record(z.string(), z.looseObject({ version: z.string().optional() })).default({}),
});

/** The app's package.json; undefined when it has none. Errors: CONFIG_NOT_JSON, CONFIG_INVALID. */
export async function readPackageJson(dir: string): Promise<PackageJson | undefined> {
  const file = join(dir, 'package.json');
  const value = await readJson(file);
  return value === undefined ? undefined : parseConfig(packageJsonSchema, value, file);
}

/** What npm put into node_modules: path in node_modules → version, transitive packages included. */
export async function installedPackages(dir: string): Promise<Record<string, string>> {
  const file = join(dir, 'node_modules', '.package-lock.json');
  const value = await readJson(file);
  if (value === undefined) return {};
  const prefix = 'node_modules/';
  return Object.fromEntries(
    Object.entries(parseConfig(installedSchema, value, file).packages)
      .filter(([path, { version }]) => path.startsWith(prefix) && version !== undefined)
      .map(([path, { version }]) => [path.slice(prefix.length), version!] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
