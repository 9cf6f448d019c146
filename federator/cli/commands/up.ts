import { fork, type ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import {
  createLogger,
  DharmaError,
  distPath,
  ensureNative,
  ExitCode,
  systemClock,
} from '../../../common/index.js';
import { FederationClient } from '../../client/client.js';
import { SupervisorClient } from '../../daemon/client.js';
import { isStartMessage } from '../../daemon/protocol.js';
import type { Home } from '../../home/home.js';
import { lockHolder } from '../../home/lock.js';
import { notRunning } from '../../home/token.js';
import type { FederationStatus } from '../../api/schemas.js';
import type { Command, CommandContext, CommandInput, Outcome } from '../command.js';
import { numberOption } from '../options.js';
import { showStatus } from '../show-status.js';

/** How long clusters of an earlier run get to come back before `up` says that they have not. */
const CLUSTERS_BACK_MS = 120_000;

export const up: Command = {
  name: 'up',
  summary: 'start the federation on this machine',
  description:
    'Starts stores, edge proxy and federator, and brings back the clusters there were. Runs in the background until federate down.',
  options: [
    {
      flags: '--edge-port <n>',
      about: 'port clients come in at (default: edge.port of federation.json, 8080); 0: a free one',
    },
    {
      flags: '--api-port <n>',
      about: 'port of the API (default: api.port of federation.json, 7400); 0: a free one',
    },
    { flags: '--foreground', about: 'stay in the foreground, log to stderr, stop on Ctrl-C' },
  ],
  examples: ['federate up', 'federate up --edge-port 0 --api-port 0 --json'],
  run: async (context, input) => {
    if ((await lockHolder(context.home)) !== undefined) return alreadyUp(context);
    // An installed package has the sources of its native programs only.
    await ensureNative((text) => context.printer.doing(text));
    if (input.options.foreground === true) return inForeground(context, input);
    await startDaemon(context, input);
    return whenBack(context, 'the federation is up');
  },
};

async function alreadyUp(context: CommandContext): Promise<Outcome> {
  await whenStarted(context);
  context.printer.note(`a federation runs in ${context.home.dir} already`);
  return whenBack(context, undefined);
}

/** Another `up` may have begun a moment ago: waits until it has come to something. Error: NOT_RUNNING. */
async function whenStarted({ home, printer, signal }: CommandContext): Promise<void> {
  const supervisor = new SupervisorClient(home);
  while ((await lockHolder(home)) !== undefined) {
    const phase = await supervisor.state().then(
      (state) => state.phase,
      () => 'starting', // Its socket is the first thing it opens, and the last it closes.
    );
    if (phase === 'up') return;
    printer.doing(phase === 'starting' ? 'waiting for the federation to start' : 'waiting for it to stop');
    await systemClock.sleep(200, signal);
  }
  throw notRunning(home);
}

/** Waits until the clusters there were serve again. */
async function whenBack(context: CommandContext, done: string | undefined): Promise<Outcome> {
  const client = await FederationClient.connect(context.home);
  const giveUpAt = performance.now() + CLUSTERS_BACK_MS;
  let status = await client.status(context.signal);
  while (!settled(status) && performance.now() < giveUpAt) {
    context.printer.doing('bringing the clusters back');
    await new Promise((resolve) => setTimeout(resolve, 200));
    status = await client.status(context.signal);
  }
  if (done !== undefined) context.printer.done(done);
  return {
    data: status,
    show: (printer) => showStatus(status, printer),
    exitCode: status.health === 'ok' ? ExitCode.ok : ExitCode.degraded,
  };
}

function settled(status: FederationStatus): boolean {
  return status.clusters.every(({ health }) => health === 'converged' || health === 'failed');
}

async function inForeground(
  { home, printer, signal }: CommandContext,
  input: CommandInput,
): Promise<Outcome> {
  const ports = portsOf(input);
  const { runSupervisor } = await import('../../daemon/run.js');
  await runSupervisor({
    home,
    ...(ports.edge === undefined ? {} : { edgePort: ports.edge }),
    ...(ports.api === undefined ? {} : { apiPort: ports.api }),
    log: createLogger('dharmad'),
    signal,
    onProgress: (text) => printer.note(text),
    onReady: ({ edge, api }) =>
      printer.note(
        `up: edge http://${edge.address}:${edge.port}, API http://127.0.0.1:${api.port}; Ctrl-C stops it`,
      ),
  });
  return { data: { stopped: true } };
}

/** Starts the supervisor as a process of its own and waits until all answers. Ctrl-C meanwhile takes it all back. */
async function startDaemon({ home, printer, signal }: CommandContext, input: CommandInput): Promise<void> {
  await home.prepare();
  const ports = portsOf(input);
  const log = openSync(home.log('dharmad'), 'a', 0o600);
  const args = ['--home', home.dir];
  if (ports.edge !== undefined) args.push('--edge-port', String(ports.edge));
  if (ports.api !== undefined) args.push('--api-port', String(ports.api));
  const daemon = fork(distPath('federator/daemon/main.js'), args, {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  });
  const takeBack = (): void => void daemon.kill('SIGTERM');
  signal.addEventListener('abort', takeBack, { once: true });
  try {
    await whenReady(daemon, home, (text) => printer.doing(text));
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', takeBack);
    if (daemon.connected) daemon.disconnect();
    daemon.unref();
  }
}

async function whenReady(
  daemon: ChildProcess,
  home: Home,
  onProgress: (text: string) => void,
): Promise<void> {
  let failure: DharmaError | undefined;
  await new Promise<void>((resolve, reject) => {
    daemon.on('message', (message: unknown) => {
      if (!isStartMessage(message)) return;
      if (message.kind === 'progress') onProgress(message.text);
      if (message.kind === 'ready') resolve();
      // Told when it has ended, so that nothing is left of it when we return.
      if (message.kind === 'failed') failure = new DharmaError(message.error);
    });
    daemon.once('error', reject);
    daemon.once('exit', () => reject(failure ?? startFailed(home)));
  });
}

function startFailed(home: Home): DharmaError {
  return new DharmaError({
    code: 'UP_FAILED',
    message: 'the federation ended while it started',
    remedy: `Look into ${home.log('dharmad')}`,
  });
}

function portsOf({ options }: CommandInput): { edge: number | undefined; api: number | undefined } {
  const port = { least: 0, most: 65535 };
  return {
    edge: numberOption(options, 'edgePort', '--edge-port', port),
    api: numberOption(options, 'apiPort', '--api-port', port),
  };
}
