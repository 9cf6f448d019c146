import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { distPath, type ExitCode } from '../../common/index.js';
import type { Confirm } from '../../federator/cli/confirm.js';
import { runCli } from '../../federator/cli/run.js';

export const FREE_PORTS: readonly string[] = ['--edge-port', '0', '--api-port', '0'];

export interface CliResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process, without a terminal. */
export async function cli(
  argv: readonly string[],
  options: { env?: NodeJS.ProcessEnv; confirm?: Confirm; signal?: AbortSignal } = {},
): Promise<CliResult & { code: ExitCode }> {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const [outText, errText] = [collect(out), collect(err)];
  const code = await runCli({
    argv,
    streams: { out, err },
    env: options.env ?? {},
    signal: options.signal ?? new AbortController().signal,
    ...(options.confirm === undefined ? {} : { confirm: options.confirm }),
  });
  return { code, out: outText(), err: errText() };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return () => text;
}

/** `federate` as a process of its own, as users run it. */
export function federate(
  argv: readonly string[],
  home: string,
): { process: ChildProcess; result: Promise<CliResult> } {
  const { PATH, HOME, DHARMA_MONGOD } = process.env;
  const env = { PATH, HOME, ...(DHARMA_MONGOD === undefined ? {} : { DHARMA_MONGOD }) };
  const process_ = spawn(process.execPath, [distPath('federator/cli/main.js'), ...argv], {
    env: { ...env, DHARMA_HOME: home, DHARMA_LOG: 'info' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err] = [collect(process_.stdout), collect(process_.stderr)];
  const result = once(process_, 'close').then(([code]) => ({
    code: code as number | null,
    out: out(),
    err: err(),
  }));
  return { process: process_, result };
}

export interface Sandbox {
  readonly dir: string;
  readonly home: string;
  /** `federate up` at free ports; throws with all it said when it fails. */
  up(): Promise<CliResult>;
  /** Runs `federate` to its end: `up` and `down` as users do, in a process; what asks a federation in this one. */
  run(...argv: string[]): Promise<CliResult>;
  /** As `run`; throws with all it said when it fails. */
  done(...argv: string[]): Promise<CliResult>;
  /** Writes a file below the sandbox and tells its path. */
  file(name: string, content: unknown): Promise<string>;
  /** An app without dependencies, whose main.js is `source`. */
  app(name: string, source: string, manifest?: object): Promise<string>;
  /** Ends the federation, whatever state it is in, and removes everything. */
  close(): Promise<void>;
}

/** A busy machine takes many times as long as a quiet one. */
const PATIENCE_MS = 100_000;

/** Reads until it holds, and tells what it read. What cannot be read (nobody answers) is read again. */
export async function until<T>(
  read: () => Promise<T>,
  holds: (value: T) => boolean,
  everyMs = 100,
): Promise<T> {
  const giveUpAt = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await read().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    if ('value' in found && holds(found.value)) return found.value;
    if (performance.now() > giveUpAt) throw new Error(`still so: ${inspect(found, { depth: 8 })}`);
    await sleep(everyMs);
  }
}

/** Commands that start processes or stay: what they give their children is their own environment. */
const OF_PROCESSES: readonly string[] = ['up', 'down'];

export async function sandbox(): Promise<Sandbox> {
  const dir = await mkdtemp(join(tmpdir(), 'dharma-c-'));
  const home = join(dir, 'h');
  const run = (...argv: string[]): Promise<CliResult> =>
    OF_PROCESSES.includes(argv[0]!) ? federate(argv, home).result : cli(argv, { env: { DHARMA_HOME: home } });
  const done = async (...argv: string[]): Promise<CliResult> => {
    const result = await run(...argv);
    if (result.code !== 0)
      throw new Error(`federate ${argv[0]} ended with ${result.code}: ${result.out}${result.err}`);
    return result;
  };
  const file = async (name: string, content: unknown): Promise<string> => {
    const path = join(dir, name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  return {
    dir,
    home,
    up: () => done('up', ...FREE_PORTS, '--json'),
    run,
    done,
    file,
    app: async (name, source, manifest) => {
      await file(`${name}/package.json`, { name: 'tiny', version: '1.0.0', type: 'module', main: 'main.js' });
      await file(`${name}/main.js`, source);
      if (manifest !== undefined) await file(`${name}/dharma.json`, manifest);
      return join(dir, name);
    },
    close: async () => {
      await run('down');
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** An app that says its `word` at every path. */
export const sayingApp = (word: string): string => `
import { createServer } from 'node:http';
createServer((request, response) => response.end(${JSON.stringify(word)} + ' ' + process.pid))
  .listen(Number(process.env.PORT), process.env.HOST);
process.once('SIGTERM', () => process.exit(0));
`;

/** Every process of this machine whose environment carries the federation's mark. */
export { processesWithEnv } from '../../federator/home/process-identity.js';
