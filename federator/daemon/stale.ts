import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../common/index.js';
import type { Home } from '../home/home.js';
import { endProcesses, processesWithEnv } from '../home/process-identity.js';

/** How long orphans get to end by themselves: they drained their clients when their parent died, or never will. */
const ORPHAN_DEADLINE_MS = 5000;

/** Env variable that everything a supervisor starts carries, with the federation's id. */
export const MARKER = 'DHARMA_FEDERATION';

/**
 * Cleans up after a supervisor that was killed: ends what outlived it, removes its sockets and its shadows' folders. The caller holds the
 * home's lock, so whatever carries this federation's mark is an orphan.
 */
export async function cleanStale(home: Home, federation: string, log: Logger): Promise<number> {
  const orphans = processesWithEnv(MARKER, federation);
  if (orphans.length > 0) {
    log.warn(
      { pids: orphans.map((orphan) => orphan.pid) },
      'ending processes that outlived their supervisor',
    );
    await endProcesses(orphans, ORPHAN_DEADLINE_MS);
  }
  for (const entry of await readdir(home.runDir))
    if (entry.endsWith('.sock')) await rm(join(home.runDir, entry), { force: true });
  // Clones of live, of shadows that ended with their supervisor.
  for (const left of await readdir(home.shadowDir)) await home.removeShadow(left);
  await rm(home.runtimeFile, { force: true });
  return orphans.length;
}
