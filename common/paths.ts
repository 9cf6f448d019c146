import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's folder, found upwards from this file: the same from the sources and from dist/. */
export const packageRoot: string = findPackageRoot(dirname(fileURLToPath(import.meta.url)));

function findPackageRoot(start: string): string {
  for (let dir = start; ; dir = dirname(dir)) {
    const manifest = join(dir, 'package.json');
    if (
      existsSync(manifest) &&
      (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === 'dharma'
    )
      return dir;
    if (dir === dirname(dir)) throw new Error(`no package.json of dharma above ${start}`);
  }
}

/** Path of a compiled file, e.g. `distPath('federator/cli/main.js')`. */
export function distPath(file: string): string {
  return join(packageRoot, 'dist', file);
}

/** Where native programs stand: in the package, or in the user's cache where the package is not writable. */
export function nativeDirs(): readonly string[] {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const override = process.env.DHARMA_NATIVE_DIR;
  return [
    ...(override ? [override] : []),
    join(packageRoot, 'native', 'build'),
    join(cache, 'dharma', 'native'),
  ];
}

/** Path of a native program (`dharma-proxy`, `dharma-run`), or undefined when it is not built. */
export function findNative(program: string): string | undefined {
  return nativeDirs()
    .map((dir) => join(dir, program))
    .find((path) => existsSync(path));
}
