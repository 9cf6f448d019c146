/** The process that compares, started by a shadow worker and started again by it when it is killed. */
import { parseArgs } from 'node:util';
import { createLogger } from '../../common/index.js';
import { joinKeeper } from '../../shadow/index.js';
import { Home } from '../home/home.js';
import { readRuntime } from '../home/runtime.js';
import { Comparer } from './comparer.js';

const { values } = parseArgs({ options: { home: { type: 'string' }, upgrade: { type: 'string' } } });
if (values.upgrade === undefined) throw new Error('--upgrade ID is needed');
const { upgrade } = values;
const log = createLogger(`shadow-${upgrade}`);
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort(new Error(signal)));

const home = Home.locate(values.home);
const kept = await joinKeeper(process);
const comparer = await Comparer.start({ home, runtime: await readRuntime(home), upgrade, kept, log });
log.info({ earlierLives: kept.earlierLives }, 'comparing');
const told = new Promise<void>((resolve) =>
  stop.signal.addEventListener('abort', () => resolve(), { once: true }),
);
if (!stop.signal.aborted) await Promise.race([told, kept.ended, comparer.failed]);
await comparer.close();
log.info('compared');
process.disconnect();
