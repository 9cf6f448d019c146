import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { lstat, opendir, readFile, readlink } from 'node:fs/promises';
import { isUtf8 } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import { join } from 'node:path';
import { systemCode } from '../../common/index.js';
import type { EffectEntry, EffectValue } from '../arms-contract.js';

/** Text up to this size, bytes, is compared as text; what is larger by its size and hash. */
const MAX_TEXT_BYTES = 64 * 1024;

/** A folder that the app writes to: the arm's own, and the golden copy it began as. */
export interface WatchedFolder {
  /** The env variable that names it to the app. */
  readonly name: string;
  readonly path: string;
  readonly goldenPath: string;
}

/** What an app changes in its writable folders, told by comparing stat with what it was; contents are read where that moved. */
export class FileEffects {
  readonly #folders = new Map<string, WatchedFolder>();
  /** What was last seen of a path, where the arm has changed it or it was looked at; `name/relative path`. */
  readonly #known = new Map<string, { readonly stamp: string; readonly value: EffectValue }>();

  /** Notes what is there now, which is what golden holds: from here on, changes are told. Once more after it was made anew. */
  async watch(folder: WatchedFolder): Promise<void> {
    this.#folders.set(folder.name, folder);
    for (const id of [...this.#known.keys()]) if (id.startsWith(`${folder.name}/`)) this.#known.delete(id);
    for await (const [path, stats] of walk(folder.path, ''))
      this.#known.set(`${folder.name}/${path}`, { stamp: stampOf(stats), value: UNREAD });
  }

  /** What changed since the last call, sorted by path within a folder. */
  async collect(): Promise<EffectEntry[]> {
    const entries: EffectEntry[] = [];
    const seen = new Set<string>();
    for (const folder of this.#folders.values())
      for await (const [path, stats] of walk(folder.path, '')) {
        const id = `${folder.name}/${path}`;
        seen.add(id);
        const entry = await this.#changeOf(folder, path, stats);
        if (entry !== undefined) entries.push(entry);
      }
    for (const [id, known] of [...this.#known]) {
      if (seen.has(id)) continue;
      this.#known.delete(id);
      const before = known.value === UNREAD ? await this.#golden(id) : known.value;
      entries.push({ store: 'file', key: [id], before, after: undefined });
    }
    return entries;
  }

  async #changeOf(folder: WatchedFolder, path: string, stats: Stats): Promise<EffectEntry | undefined> {
    const id = `${folder.name}/${path}`;
    const known = this.#known.get(id);
    const stamp = stampOf(stats);
    if (known?.stamp === stamp) return undefined;
    const after = await valueOf(join(folder.path, path), stats);
    if (after === undefined) return undefined; // Gone since it was listed: the next reading tells.
    const before = known?.value === UNREAD ? await this.#golden(id) : known?.value;
    this.#known.set(id, { stamp, value: after });
    if (isDeepStrictEqual(before, after)) return undefined;
    return { store: 'file', key: [id], before, after };
  }

  async #golden(id: string): Promise<EffectValue | undefined> {
    const folder = this.#folders.get(id.slice(0, id.indexOf('/')))!;
    const path = join(folder.goldenPath, id.slice(folder.name.length + 1));
    const stats = await lstat(path).catch(absent);
    return stats === undefined ? undefined : valueOf(path, stats);
  }
}

/** Stands for what golden holds and nobody has looked at. */
const UNREAD: EffectValue = { $unread: true };

function absent(error: unknown): undefined {
  if (systemCode(error) === 'ENOENT') return undefined;
  throw error;
}

/** Changes whenever the file does: a rewrite within one tick of the clock keeps the time, but not the size or the inode. */
function stampOf(stats: Stats): string {
  return `${stats.ino}:${stats.size}:${stats.mtimeMs}:${stats.ctimeMs}:${stats.mode}`;
}

async function* walk(root: string, below: string): AsyncGenerator<[path: string, stats: Stats]> {
  const folder = await opendir(join(root, below)).catch(absent);
  if (folder === undefined) return;
  const names: string[] = [];
  for await (const entry of folder) names.push(entry.name);
  for (const name of names.sort()) {
    const path = join(below, name);
    const stats = await lstat(join(root, path)).catch(absent);
    if (stats === undefined) continue;
    if (stats.isDirectory()) yield* walk(root, path);
    else yield [path, stats];
  }
}

async function valueOf(path: string, stats: Stats): Promise<EffectValue | undefined> {
  try {
    if (stats.isSymbolicLink()) return { link: await readlink(path) };
    if (!stats.isFile()) return { special: true };
    const mode = modeOf(stats);
    if (stats.size > MAX_TEXT_BYTES) return { mode, size: stats.size, sha256: await hashOf(path) };
    const bytes = await readFile(path);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { mode, size: bytes.length, sha256, ...(isUtf8(bytes) ? { text: bytes.toString('utf8') } : {}) };
  } catch (error) {
    return absent(error);
  }
}

/** Who may do what with it, as `chmod` writes it. */
function modeOf(stats: Stats): string {
  return (stats.mode & 0o7777).toString(8).padStart(4, '0');
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
