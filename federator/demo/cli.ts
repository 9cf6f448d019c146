import { spawn } from 'node:child_process';
import { DharmaError, distPath, type DharmaErrorJson } from '../../common/index.js';

export interface CliResult {
  readonly exitCode: number;
  /** What the command printed on stdout, parsed; undefined when it printed nothing. */
  readonly data: unknown;
}

/** Runs `federate` as a user would: the same program, another process. */
export class Cli {
  constructor(
    private readonly home: string,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * `federate ARGS --json`; throws the DharmaError it ends with, unless its exit code is among `accept`.
   * `accept` is for commands that tell a verdict by it.
   */
  async run(args: readonly string[], accept: readonly number[] = [0]): Promise<CliResult> {
    const child = spawn(
      process.execPath,
      [distPath('federator/cli/main.js'), ...args, '--home', this.home, '--json'],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        signal: this.signal,
      },
    );
    const [stdout, stderr, exitCode] = await Promise.all([
      read(child.stdout),
      read(child.stderr),
      new Promise<number>((resolve, reject) => {
        child.once('error', reject);
        child.once('close', (code) => resolve(code ?? 1));
      }),
    ]);
    const data: unknown = stdout.trim() === '' ? undefined : JSON.parse(stdout);
    if (accept.includes(exitCode)) return { exitCode, data };
    throw errorOf(args, exitCode, data, stderr);
  }

  /** Like `run`, also when the signal has aborted: for cleaning up. */
  async always(args: readonly string[]): Promise<CliResult> {
    return new Cli(this.home, new AbortController().signal).run(args);
  }

  /** `federate ARGS` with its output for people, straight to this process's own. */
  async show(args: readonly string[]): Promise<number> {
    const child = spawn(process.execPath, [distPath('federator/cli/main.js'), ...args, '--home', this.home], {
      stdio: ['ignore', 'inherit', 'inherit'],
      signal: this.signal,
    });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? 1));
    });
  }
}

async function read(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

function errorOf(args: readonly string[], exitCode: number, data: unknown, stderr: string): Error {
  const error = (data as { error?: DharmaErrorJson } | undefined)?.error;
  if (error) return new DharmaError(error);
  return new Error(`federate ${args.join(' ')} ended with ${exitCode}: ${stderr.trim().slice(-2000)}`);
}
