import { parseArgs } from 'node:util';
import { resolve } from 'node:path';
import { createLogger, DharmaError, ExitCode, type Logger } from '../common/index.js';
import { Agent } from './agent/agent.js';
import { serveAgent } from './api/server.js';
import { createLauncher } from './launch/launcher.js';

/** `node main.js --dir FOLDER --name CLUSTER`: one cluster's agent, until SIGTERM, SIGINT or the end of its parent. */
async function main(): Promise<void> {
  const { dir, name } = options();
  const log = createLogger(`agent ${name}`);
  const agent = await Agent.open({ name, dir, launcher: createLauncher(), log });
  const server = await serveAgent({ name, dir, agent, log }).catch(async (error: unknown) => {
    await agent.close();
    throw error;
  });
  log.info({ dir, pid: process.pid }, 'up');
  process.send?.({ event: 'ready' });
  log.info({ cause: await untilTold() }, 'stopping');
  await server.close();
  await agent.close();
  log.info('stopped');
}

function options(): { readonly dir: string; readonly name: string } {
  const { dir, name } = parseArgs({ options: { dir: { type: 'string' }, name: { type: 'string' } } }).values;
  if (dir !== undefined && name !== undefined) return { dir: resolve(dir), name };
  throw new DharmaError({
    code: 'USAGE',
    message: 'the agent needs --dir FOLDER and --name CLUSTER',
    remedy: 'It is started by: federate up',
    exitCode: ExitCode.usage,
  });
}

function untilTold(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
    process.once('disconnect', () => resolve('the parent has gone'));
  });
}

/** What the user can mend is said and gives its exit code; a bug crashes, loudly. */
function failed(error: unknown, log: Logger): void {
  if (!(error instanceof DharmaError)) throw error;
  log.fatal({ error: error.toJSON() }, error.message);
  process.exitCode = error.exitCode;
}

await main().catch((error: unknown) => failed(error, createLogger('agent')));
// A channel to the parent would keep the process alive.
if (process.connected) process.disconnect();
