import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { resolve } from 'node:path';
import { createLogger, DharmaError, ExitCode, type Logger } from '../common/index.js';
import { Agent } from './agent/agent.js';
import { serveAgent } from './api/server.js';
import { createLauncher } from './launch/launcher.js';
import { SpendClient } from './spend/client.js';

/** `node main.js --dir FOLDER --name CLUSTER [--spend SOCKET]`: one cluster's agent, until SIGTERM, SIGINT or the end of its parent. */
async function main(): Promise<void> {
  const { dir, name, spendSocket } = options();
  const log = createLogger(`agent ${name}`);
  const spend =
    spendSocket === undefined
      ? undefined
      : new SpendClient({ socketPath: spendSocket, cluster: name, session: randomUUID() });
  const agent = await Agent.open({
    name,
    dir,
    launcher: createLauncher(),
    log,
    ...(spend === undefined ? {} : { spend }),
  });
  const server = await serveAgent({ name, dir, agent, log }).catch(async (error: unknown) => {
    await agent.close();
    throw error;
  });
  log.info({ dir, pid: process.pid }, 'up');
  process.send?.({ event: 'ready' });
  log.info({ cause: await untilTold() }, 'stopping');
  await server.close();
  await agent.close();
  await spend?.close();
  log.info('stopped');
}

function options(): { readonly dir: string; readonly name: string; readonly spendSocket?: string } {
  const { dir, name, spend } = parseArgs({
    options: { dir: { type: 'string' }, name: { type: 'string' }, spend: { type: 'string' } },
  }).values;
  if (dir !== undefined && name !== undefined)
    return { dir: resolve(dir), name, ...(spend === undefined ? {} : { spendSocket: resolve(spend) }) };
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
