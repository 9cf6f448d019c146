import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode, type ChangelogExcerpt } from '../../common/index.js';

/** Names under which packages ship what changed, the likeliest first. */
const NAMES = ['changelog', 'changes', 'history', 'releases', 'news', 'release-notes'];

/** Characters an excerpt may have: about a screen. */
export const EXCERPT_CHARACTERS = 1600;

/** A larger file is no changelog that anybody reads. */
const MOST_BYTES = 4 * 1024 * 1024;

/** The entries after `from` up to `to` in the changelog that the package in `dir` ships; undefined where it ships none. */
export async function readChangelog(
  dir: string,
  from: string,
  to: string,
): Promise<ChangelogExcerpt | undefined> {
  const file = await changelogFile(dir);
  if (file === undefined) return undefined;
  const text = excerptOf(await readFile(join(dir, file), 'utf8'), from, to);
  return text === undefined ? undefined : { file, ...bounded(text) };
}

async function changelogFile(dir: string): Promise<string | undefined> {
  let files: string[];
  try {
    files = await readdir(dir);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined; // Not installed under that path.
    throw error;
  }
  for (const name of NAMES) {
    const file = files.find((one) => new RegExp(`^${name}(\\.(md|markdown|txt|rst))?$`, 'i').test(one));
    if (file === undefined) continue;
    const found = await stat(join(dir, file));
    if (found.isFile() && found.size <= MOST_BYTES) return file;
  }
  return undefined;
}

/** The entries after `from` up to `to`, in the file's order; undefined where it has none of them. Pure. */
export function excerptOf(text: string, from: string, to: string): string | undefined {
  const lines = text.split(/\r?\n/);
  const entries = lines.flatMap((line, at) => {
    const version = versionOfHeading(line, lines[at + 1] ?? '');
    return version === undefined ? [] : [{ version, at }];
  });
  const wanted = entries.flatMap(({ version, at }, i) =>
    compareVersions(version, from) > 0 && compareVersions(version, to) <= 0
      ? [
          lines
            .slice(at, entries[i + 1]?.at)
            .join('\n')
            .trim(),
        ]
      : [],
  );
  return wanted.length === 0 ? undefined : wanted.join('\n\n');
}

const VERSION = String.raw`v?(\d+\.\d+(?:\.\d+)?(?:-[0-9A-Za-z.-]+)?)(?![\w.])`;
/** `## [1.2.3] - 2024-01-01`, `# v1.2.3`, `## name@1.2.3`, `**1.2.3**`. */
const MARKED = new RegExp(String.raw`^(?:#{1,4}|\*\*)\s*(?:[\w@/.-]*@|Version\s+)?\[?${VERSION}`, 'i');
/** `1.2.3 / 2024-01-01` with a line of signs below it. */
const PLAIN = new RegExp(String.raw`^(?:Version\s+)?\[?${VERSION}`, 'i');

function versionOfHeading(line: string, below: string): string | undefined {
  return (MARKED.exec(line) ?? (/^[=~-]{3,}\s*$/.test(below) ? PLAIN.exec(line) : null))?.[1];
}

/** Below 0: `a` is older. By semver's precedence; a missing patch number is 0. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)];
  for (let i = 0; i < 3; i++) {
    const apart = (left.core[i] ?? 0) - (right.core[i] ?? 0);
    if (apart !== 0) return apart;
  }
  if (left.pre.length === 0 || right.pre.length === 0) return right.pre.length - left.pre.length;
  for (let i = 0; i < Math.max(left.pre.length, right.pre.length); i++) {
    const apart = comparePre(left.pre[i], right.pre[i]);
    if (apart !== 0) return apart;
  }
  return 0;
}

function parts(version: string): { core: number[]; pre: string[] } {
  const [core = '', ...pre] = version.split('+')[0]!.split('-');
  return { core: core.split('.').map(Number), pre: pre.length === 0 ? [] : pre.join('-').split('.') };
}

function comparePre(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return (a === undefined ? 0 : 1) - (b === undefined ? 0 : 1);
  const [left, right] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (left && right) return Number(a) - Number(b);
  if (left !== right) return left ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function bounded(text: string): { text: string; cut: boolean } {
  if (text.length <= EXCERPT_CHARACTERS) return { text, cut: false };
  const room = text.slice(0, EXCERPT_CHARACTERS);
  const end = room.lastIndexOf('\n');
  return { text: (end > 0 ? room.slice(0, end) : room).trimEnd(), cut: true };
}
