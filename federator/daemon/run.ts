import { DharmaError, type Logger } from '../../common/index.js';
import type { Home } from '../home/home.js';
import type { Runtime } from '../home/runtime.js';
import { loadSettings } from '../home/settings.js';
import { ensureToken } from '../home/token.js';
import { MARKER } from './stale.js';
import { Supervisor } from './supervisor.js';

export interface RunOptions {
  readonly home: Home;
  /** Over the settings', for this run. */
  readonly edgePort?: number;
  readonly apiPort?: number;
  readonly log: Logger;
  /** Ends the federation. */
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
  readonly onReady: (runtime: Runtime) => void;
}

/** Runs a federation from start to end in this process. Errors: ALREADY_RUNNING, those of Supervisor.start. */
export async function runSupervisor(options: RunOptions): Promise<void> {
  const { home, log, signal } = options;
  await home.prepare();
  const settings = await loadSettings(home);
  await ensureToken(home);
  process.env[MARKER] = settings.id; // Everything started from here on carries it.
  const supervisor = await Supervisor.claim({
    home,
    settings,
    edgePort: options.edgePort ?? settings.edge.port,
    apiPort: options.apiPort ?? settings.api.port,
    log,
    onProgress: options.onProgress,
  });
  if (supervisor === undefined)
    throw new DharmaError({
      code: 'ALREADY_RUNNING',
      message: `a federation runs in ${home.dir} already`,
      remedy: 'Look at it with: federate status',
    });
  const stop = (): void => void supervisor.stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) return await supervisor.stop();
    options.onReady(await supervisor.start());
    await supervisor.stopped;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
