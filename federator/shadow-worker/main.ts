/** The process of one shadow upgrade, started by the supervisor. */
import { parseArgs } from 'node:util';
import { createLogger, messageOf } from '../../common/index.js';
import { Home } from '../home/home.js';
import { readRuntime } from '../home/runtime.js';
import { ShadowWorker } from './worker.js';

const { values } = parseArgs({ options: { home: { type: 'string' }, upgrade: { type: 'string' } } });
if (values.upgrade === undefined) throw new Error('--upgrade ID is needed');
const log = createLogger(`shadow-${values.upgrade}`);
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort(new Error(signal)));
process.on('disconnect', () => stop.abort(new Error('the supervisor has gone')));

const home = Home.locate(values.home);
const worker = await ShadowWorker.start({
  home,
  runtime: await readRuntime(home),
  upgrade: values.upgrade,
  log,
  signal: stop.signal,
});
log.info('capturing');
const told = new Promise<void>((resolve) =>
  stop.signal.addEventListener('abort', () => resolve(), { once: true }),
);
try {
  if (!stop.signal.aborted) await Promise.race([told, worker.failed]);
} catch (error) {
  log.error({ error: messageOf(error) }, 'cannot go on; the comparison begins anew');
  process.exitCode = 1;
}
await worker.close();
log.info('ended');
if (process.connected) process.disconnect();
