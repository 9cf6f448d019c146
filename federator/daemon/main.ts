/** dharmad: the supervisor as a process of its own, started by `federate up`. */
import { parseArgs } from 'node:util';
import { createLogger, DharmaError, messageOf } from '../../common/index.js';
import { Home } from '../home/home.js';
import { runSupervisor } from './run.js';
import { tellParent } from './protocol.js';

const { values } = parseArgs({
  options: { home: { type: 'string' }, 'edge-port': { type: 'string' }, 'api-port': { type: 'string' } },
});
const log = createLogger('dharmad');
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
process.on('SIGINT', () => stop.abort());
process.on('SIGHUP', () => undefined); // The terminal it was started from may close.
// Whoever started us has gone before we were up: nobody would know of us.
const orphaned = (): void => stop.abort();
process.once('disconnect', orphaned);

try {
  await runSupervisor({
    home: Home.locate(values.home),
    ...(values['edge-port'] === undefined ? {} : { edgePort: Number(values['edge-port']) }),
    ...(values['api-port'] === undefined ? {} : { apiPort: Number(values['api-port']) }),
    log,
    signal: stop.signal,
    onProgress: (text) => tellParent({ kind: 'progress', text }),
    onReady: () => {
      process.off('disconnect', orphaned);
      tellParent({ kind: 'ready' });
    },
  });
} catch (error) {
  const known = error instanceof DharmaError;
  if (known) log.error({ error: error.toJSON() }, 'could not start');
  else log.fatal({ error: error instanceof Error ? error.stack : error }, 'could not start');
  tellParent({
    kind: 'failed',
    error: known
      ? error.toJSON()
      : { code: 'INTERNAL', message: messageOf(error), remedy: 'Look into the log: federate logs dharmad' },
  });
  process.exitCode = 1;
}
if (process.connected) process.disconnect();
