import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { DharmaError, systemCode } from '../../common/index.js';

/** Where an app's static files come from, and where they stand in it. */
export interface AssetSource {
  /** Absolute path of the folder. */
  readonly dir: string;
  /** Its place in the app: by default its own name. */
  readonly into?: string | undefined;
}

/**
 * The files of a change-set that make the app's folder what `dir` is: what is there is laid over, what is not is removed.
 * Errors: ASSETS_NOT_FOUND, ASSETS_PLACE_INVALID.
 */
export async function assetFiles(
  releaseDir: string,
  { dir, into = basename(dir) }: AssetSource,
): Promise<Record<string, string | null>> {
  if (
    into === '' ||
    into.startsWith('/') ||
    into.split('/').some((part) => part === '..' || part === 'node_modules')
  )
    throw placeInvalid(into);
  const given = await filesUnder(dir);
  if (given === undefined || given.length === 0) throw assetsNotFound(dir);
  const there = (await filesUnder(join(releaseDir, into))) ?? [];
  return Object.fromEntries([
    ...there.filter((path) => !given.includes(path)).map((path) => [join(into, path), null] as const),
    ...given.map((path) => [join(into, path), join(dir, path)] as const),
  ]);
}

/** Paths relative to `dir`, in order; undefined: it is no folder. */
async function filesUnder(dir: string): Promise<string[] | undefined> {
  try {
    if (!(await stat(dir)).isDirectory()) return undefined;
    const entries = await readdir(dir, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
      .sort();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function assetsNotFound(dir: string): DharmaError {
  return new DharmaError({
    code: 'ASSETS_NOT_FOUND',
    message: 'the folder of assets is not there, or holds no file',
    found: dir,
    remedy: 'Name the folder that holds the built files.',
  });
}

function placeInvalid(into: string): DharmaError {
  return new DharmaError({
    code: 'ASSETS_PLACE_INVALID',
    message: 'assets stand in a folder within the app',
    found: into,
    remedy: 'Give a relative path such as public, outside node_modules.',
  });
}
