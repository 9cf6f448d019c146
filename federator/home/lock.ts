import { link, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { systemCode } from '../../common/index.js';
import { readIfThere } from './files.js';
import type { Home } from './home.js';
import { identify, stillRuns, type ProcessIdentity } from './process-identity.js';

const lockSchema = z.object({ pid: z.int(), startTime: z.string(), boot: z.string() });

/** The supervisor that holds this home, if it runs. */
export async function lockHolder(home: Home): Promise<ProcessIdentity | undefined> {
  const holder = await readLock(home);
  return holder !== undefined && stillRuns(holder) ? holder : undefined;
}

export interface HomeLock {
  release(): Promise<void>;
}

/**
 * Makes this process the one supervisor of the home; undefined when another one is. A lock whose process has gone is
 * taken over.
 */
export async function takeLock(home: Home): Promise<HomeLock | undefined> {
  const self = identify(process.pid)!;
  const mine = `${home.lockFile}.${self.pid}`;
  await writeFile(mine, JSON.stringify(self), { mode: 0o600 });
  try {
    for (;;) {
      try {
        await link(mine, home.lockFile); // Fails when it stands: exactly one of several wins.
        return { release: () => releaseLock(home, self) };
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error;
      }
      if ((await lockHolder(home)) !== undefined) return undefined;
      if (!(await removeStale(home, `${mine}.stale`))) return undefined;
    }
  } finally {
    await rm(mine, { force: true });
  }
}

/** Moves a stale lock away; false (and the lock put back) when it had just become somebody's. */
async function removeStale(home: Home, aside: string): Promise<boolean> {
  try {
    await rename(home.lockFile, aside);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return true;
    throw error;
  }
  const moved = parseLock(await readIfThere(aside));
  const live = moved !== undefined && stillRuns(moved);
  if (live) await link(aside, home.lockFile);
  await unlink(aside);
  return !live;
}

async function releaseLock(home: Home, self: ProcessIdentity): Promise<void> {
  const holder = await readLock(home);
  if (holder?.pid === self.pid && holder.startTime === self.startTime)
    await rm(home.lockFile, { force: true });
}

async function readLock(home: Home): Promise<ProcessIdentity | undefined> {
  return parseLock(await readIfThere(home.lockFile));
}

/** A lock that cannot be read is nobody's. */
function parseLock(text: string | undefined): ProcessIdentity | undefined {
  if (text === undefined) return undefined;
  try {
    const parsed = lockSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined; // Cut short by a crash: stale.
  }
}
