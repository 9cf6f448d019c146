import { join } from 'node:path';
import type { AttributedChange, Release } from '../../common/index.js';
import type { Change, Sides } from './changes.js';
import { readChangelog } from './changelog.js';
import { copiesByName, resolveFrom } from './installed.js';

/** Changes as reports tell them, what the app asks for first, each package with what it says of its new versions. */
export async function describeChanges(
  changes: readonly Change[],
  sides: Sides,
  releases: { readonly next: Pick<Release, 'dir'> },
): Promise<readonly AttributedChange[]> {
  const told = await Promise.all(changes.map((change) => describe(change, sides, releases.next)));
  return told.sort((a, b) => Number(b.direct) - Number(a.direct));
}

async function describe(change: Change, sides: Sides, next: Pick<Release, 'dir'>): Promise<AttributedChange> {
  if (change.kind !== 'package')
    return { kind: change.kind, name: change.name, from: null, to: null, direct: true, through: [] };
  const { key: name, from, to, direct, through } = change;
  const changelog = await changelogOf(name, sides, next);
  return { kind: 'package', name, from, to, direct, through, ...(changelog && { changelog }) };
}

/** Of several copies, that of the app itself, else the first. */
async function changelogOf(
  name: string,
  sides: Sides,
  next: Pick<Release, 'dir'>,
): Promise<AttributedChange['changelog']> {
  const copy = (side: Sides['old']): ReturnType<typeof resolveFrom> =>
    resolveFrom(side, '', name) ?? copiesByName(side).get(name)?.[0];
  const [before, after] = [copy(sides.old), copy(sides.next)];
  if (before === undefined || after === undefined) return undefined;
  return readChangelog(join(next.dir, after.path), before.version, after.version);
}
