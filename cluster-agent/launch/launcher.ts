import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  Child,
  DharmaError,
  formatDuration,
  freePort,
  systemCode,
  throwIfAborted,
  type AppLauncher,
  type ChildSpec,
  type LaunchSpec,
  type RunningApp,
} from '../../common/index.js';
import { defaultCommand } from '../release/command.js';
import { redact } from '../redact.js';
import { readPackageJson } from '../release/packages.js';
import { environmentOf } from './environment.js';
import { jailArguments, portInJail } from './jail.js';
import { allowedCpus, limitedCommand } from './limits.js';
import { listeningAddresses } from './listening.js';
import { waitUntilUp } from './readiness.js';
import { makeWorkingCopy } from './working-copy.js';

/** Two processes may be given the same free port in the same moment; more often in a row it is something else. */
const PORT_ATTEMPTS = 4;

/** Starts copies of releases as processes of this machine, which die with this process. */
export function createLauncher(): AppLauncher {
  let launched = 0;
  return { launch: (spec, signal) => launch(spec, launched++, signal) };
}

async function launch(spec: LaunchSpec, nth: number, signal: AbortSignal): Promise<RunningApp> {
  const cwd = await makeWorkingCopy(spec, signal);
  await mkdir(dirname(spec.logFile), { recursive: true, mode: 0o700 });
  const command = await commandOf(spec, nth);
  for (let attempt = 1; ; attempt++) {
    const listen = await listenAddress(spec);
    const logStart = await sizeOf(spec.logFile);
    const child = await Child.start(childSpec(spec, command, cwd, listen));
    const target = spec.jail === undefined ? listen : { socket: spec.jail.inwardSocket };
    const outcome = await ready(child, target, spec, signal);
    if (outcome === 'up') return running(child, target);
    const addresses = outcome === 'late' ? await listeningAddresses(child.pid) : [];
    await child.stop();
    throwIfAborted(signal);
    const output = await readFrom(spec.logFile, logStart);
    if (outcome === 'late') throw notListening(spec, listen, addresses, output);
    if (attempt === PORT_ATTEMPTS || !output.includes('EADDRINUSE')) throw exited(spec, child, output);
  }
}

async function commandOf(spec: LaunchSpec, nth: number): Promise<readonly string[]> {
  const { dir, manifest } = spec.release;
  const [program, ...args] = manifest.command ?? defaultCommand(dir, await readPackageJson(dir));
  const command = [program === 'node' ? process.execPath : program!, ...args];
  if (spec.limits === undefined) return command;
  const cpus = allowedCpus(await readFile('/proc/self/status', 'utf8'));
  return limitedCommand(command, spec.limits, { cpus, nth });
}

async function listenAddress(spec: LaunchSpec): Promise<{ readonly host: string; readonly port: number }> {
  if (spec.jail !== undefined) return { host: '127.0.0.1', port: portInJail(spec.jail) };
  const host = spec.host ?? '127.0.0.1';
  return { host, port: await freePort(host) };
}

function childSpec(
  spec: LaunchSpec,
  command: readonly string[],
  cwd: string,
  listen: { readonly host: string; readonly port: number },
): ChildSpec {
  return {
    name: spec.name,
    command: command[0]!,
    args: command.slice(1),
    cwd,
    env: environmentOf(spec, listen),
    logFile: spec.logFile,
    ...(spec.jail === undefined ? {} : { launcherArgs: jailArguments(spec, spec.jail, listen.port) }),
  };
}

/** Whether the app came up, ended, or let its time pass. Rejects when `signal` aborts; the child is stopped then. */
async function ready(
  child: Child,
  target: RunningApp['target'],
  spec: LaunchSpec,
  signal: AbortSignal,
): Promise<'up' | 'ended' | 'late'> {
  const timeoutMs = readyTimeout(spec);
  const stopWaiting = new AbortController();
  const timer = setTimeout(() => stopWaiting.abort(new Error('late')), timeoutMs);
  const until = AbortSignal.any([signal, stopWaiting.signal]);
  const up = waitUntilUp(target, spec.release.manifest.health?.path, until).then(
    () => 'up' as const,
    (error: unknown) => {
      if (until.aborted) return 'late' as const;
      throw error;
    },
  );
  try {
    const outcome = await Promise.race([up, child.exited.then(() => 'ended' as const)]);
    // Something else may answer at the port that the app failed to get.
    return child.exit === undefined ? outcome : 'ended';
  } catch (error) {
    await child.stop();
    throw error;
  } finally {
    clearTimeout(timer);
    stopWaiting.abort(new Error('done'));
  }
}

function readyTimeout(spec: LaunchSpec): number {
  return spec.readyTimeoutMs ?? spec.release.manifest.readyTimeout;
}

function running(child: Child, target: RunningApp['target']): RunningApp {
  return {
    name: child.name,
    pid: child.pid,
    target,
    exited: child.exited,
    stop: async (deadlineMs) => {
      await child.stop(deadlineMs);
    },
  };
}

function exited(spec: LaunchSpec, child: Child, output: string): DharmaError {
  const how = child.exit?.signal ?? `exit code ${child.exit?.code}`;
  return new DharmaError({
    code: 'APP_EXITED',
    message: `${spec.name} (${spec.release.app}) ended before it listened: ${how}`,
    found: output === '' ? 'it wrote nothing' : output,
    remedy: `Read its log, ${spec.logFile}, and correct what it says.`,
    httpStatus: 502,
  });
}

function notListening(
  spec: LaunchSpec,
  listen: { readonly host: string; readonly port: number },
  addresses: readonly string[],
  output: string,
): DharmaError {
  const told = `PORT=${listen.port} HOST=${listen.host}`;
  const health = spec.release.manifest.health?.path;
  const answering = health === undefined ? '' : ` and answer ${health} with 2xx`;
  const instead = addresses.length === 0 ? 'it listens nowhere' : `it listens at ${addresses.join(', ')}`;
  return new DharmaError({
    code: 'APP_NOT_LISTENING',
    message: `${spec.name} (${spec.release.app}) did not listen at ${listen.host}:${listen.port}${answering} within ${formatDuration(readyTimeout(spec))}`,
    found: `it was told ${told}; ${instead}${output === '' ? '' : `; it wrote: ${output}`}`,
    remedy: `Have the app listen at process.env.PORT and process.env.HOST, or raise "readyTimeout" in dharma.json.`,
    httpStatus: 502,
  });
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0;
    throw error;
  }
}

/** What was written to a log from `start` on; its last 2000 bytes at most, enough for a stack trace. */
async function readFrom(file: string, start: number): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const from = Math.max(start, size - 2000);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
    return redact(buffer.toString('utf8', 0, bytesRead).trim());
  } finally {
    await handle.close();
  }
}
