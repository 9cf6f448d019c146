/** The federator process: API, operations, reconciliation. Started by the supervisor; more of them may stand by. */
import { parseArgs } from 'node:util';
import { createReleaseStore } from '../../cluster-agent/index.js';
import { createLogger, DharmaError, messageOf } from '../../common/index.js';
import { SupervisorClient } from '../daemon/client.js';
import { tellParent } from '../daemon/protocol.js';
import { Home } from '../home/home.js';
import { readRuntime } from '../home/runtime.js';
import { readToken } from '../home/token.js';
import { Agents } from './agents.js';
import { FederatorInstance } from './instance.js';

const { values } = parseArgs({
  options: {
    home: { type: 'string' },
    port: { type: 'string', default: '0' },
    instance: { type: 'string', default: 'primary' },
  },
});
const log = createLogger(`federator-${values.instance}`);
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort(new Error(signal)));
process.on('disconnect', () => stop.abort(new Error('the supervisor has gone')));

try {
  const home = Home.locate(values.home);
  const runtime = await readRuntime(home);
  const agents = new Agents(home, log);
  const instance = await FederatorInstance.start({
    home,
    runtime,
    name: values.instance,
    port: Number(values.port),
    token: await readToken(home),
    supervisor: new SupervisorClient(home),
    releases: createReleaseStore({ dir: home.releasesDir }),
    agent: (cluster) => agents.client(cluster),
    agentSocket: (cluster) => agents.socket(cluster),
    log,
    signal: stop.signal,
  });
  tellParent({ kind: 'ready', port: instance.port });
  log.info({ url: instance.url }, 'API listening');
  if (!stop.signal.aborted)
    await new Promise<void>((resolve) =>
      stop.signal.addEventListener('abort', () => resolve(), { once: true }),
    );
  await instance.close();
  await agents.close();
} catch (error) {
  const known = error instanceof DharmaError;
  log.fatal(
    { error: known ? error.toJSON() : error instanceof Error ? error.stack : error },
    'federator ended',
  );
  tellParent({
    kind: 'failed',
    error: known
      ? error.toJSON()
      : { code: 'INTERNAL', message: messageOf(error), remedy: 'Look into the log: federate logs federator' },
  });
  process.exitCode = 1;
}
if (process.connected) process.disconnect();
