import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DharmaError, accepts } from '../../common/index.js';

/** Where the agent of the cluster in `dir` listens. */
export function agentSocket(dir: string): string {
  return join(dir, 'agent.sock');
}

/** Removes the socket of an agent that was killed. Error: AGENT_RUNNING when one answers there. */
export async function clearStaleSocket(path: string): Promise<void> {
  if (await accepts({ path }))
    throw new DharmaError({
      code: 'AGENT_RUNNING',
      message: 'an agent of this cluster runs already',
      found: path,
      remedy: 'Stop it first, or let it do its work.',
      httpStatus: 409,
    });
  await rm(path, { force: true });
}
