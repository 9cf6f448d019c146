import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { chmod, copyFile, lstat, mkdir, readdir, readlink, symlink } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DharmaError, throwIfAborted } from '../../common/index.js';

/** Folders that are never part of a release: what npm installs, history, and dharma's own state. */
const EXCLUDED: ReadonlySet<string> = new Set(['node_modules', '.git', '.dharma']);

/** One file or link of an app, as it goes into a release. */
export interface AppFile {
  /** Relative to the app's folder, `/` between segments. */
  readonly path: string;
  readonly executable: boolean;
  /** What a symbolic link points at; undefined for a file. */
  readonly link: string | undefined;
}

/**
 * The files of the app in `dir`, ordered by path; sockets, pipes and devices are no content and are left out.
 * Error: RELEASE_LINK_OUTSIDE for a link that leaves the folder, since its target would not come along.
 */
export async function listFiles(dir: string): Promise<AppFile[]> {
  const found: AppFile[] = [];
  await walk(dir, '', found);
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function walk(root: string, under: string, found: AppFile[]): Promise<void> {
  for (const entry of await readdir(join(root, under), { withFileTypes: true })) {
    if (EXCLUDED.has(entry.name)) continue;
    const path = under === '' ? entry.name : `${under}/${entry.name}`;
    if (entry.isDirectory()) {
      await walk(root, path, found);
    } else if (entry.isSymbolicLink()) {
      found.push({ path, executable: false, link: await linkInside(root, path) });
    } else if (entry.isFile()) {
      const { mode } = await lstat(join(root, path));
      found.push({ path, executable: (mode & 0o100) !== 0, link: undefined });
    }
  }
}

async function linkInside(root: string, path: string): Promise<string> {
  const link = await readlink(join(root, path));
  const target = relative(root, resolve(root, dirname(path), link));
  if (target !== '..' && !target.startsWith(`..${sep}`)) return link;
  throw new DharmaError({
    code: 'RELEASE_LINK_OUTSIDE',
    message: `${path} is a link that leaves the app's folder`,
    found: `${path} -> ${link}`,
    remedy: `Replace the link by the file itself, or remove it from ${root}.`,
  });
}

/** SHA-256, in hex, over paths, kinds, the executable bit and contents. The same files give the same hash anywhere. */
export async function hashFiles(dir: string, files: readonly AppFile[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) {
    const content = file.link ?? (await hashFile(join(dir, file.path)));
    const kind = file.link !== undefined ? 'link' : file.executable ? 'program' : 'file';
    hash.update(`${kind}\0${file.path}\0${content}\n`);
  }
  return hash.digest('hex');
}

/** SHA-256 of one file's content, in hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Copies `files` of `from` into `to`; blocks are shared where the file system can. */
export async function copyFiles(
  from: string,
  to: string,
  files: readonly AppFile[],
  signal?: AbortSignal,
): Promise<void> {
  for (const file of files) {
    throwIfAborted(signal);
    const target = join(to, file.path);
    await mkdir(dirname(target), { recursive: true });
    if (file.link !== undefined) {
      await symlink(file.link, target);
      continue;
    }
    await copyFile(join(from, file.path), target, constants.COPYFILE_FICLONE);
    // The source may be read-only (a release); a copy belongs to whoever made it.
    await chmod(target, file.executable ? 0o755 : 0o644);
  }
}
