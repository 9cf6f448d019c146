import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { getPriority } from 'node:os';
import { DharmaError, systemCode } from '../errors.js';
import { findNative } from '../paths.js';

/** How a program is started. */
export interface ChildSpec {
  /** For logs and errors. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** The whole environment: nothing is inherited. See `baseEnv`. */
  readonly env: Readonly<Record<string, string>>;
  /** File that stdout and stderr are appended to (mode 0600). */
  readonly logFile: string;
  /** Opens a Node IPC channel (the program must be Node's). */
  readonly ipc?: boolean;
  /** Options of `dharma-run` besides `--die-with-parent`, e.g. its jail. */
  readonly launcherArgs?: readonly string[];
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The little of this process's environment that a child may see. */
export function baseEnv(): Record<string, string> {
  const kept = [
    'PATH',
    'HOME',
    'LANG',
    'TZ',
    'TMPDIR',
    'NODE_ENV',
    'DHARMA_LOG',
    'XDG_CACHE_HOME',
    'DHARMA_NATIVE_DIR',
    'DHARMA_MONGOD',
    // Marks what belongs to a federation, so that orphans of a killed one can be told from everything else.
    'DHARMA_FEDERATION',
  ];
  return Object.fromEntries(
    kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/**
 * A child process in a process group of its own, which dies with this process (through dharma-run, where it is built)
 * and whose output goes to a file. The owner must `stop()` it.
 */
export class Child {
  readonly #process: ChildProcess;
  readonly name: string;
  readonly logFile: string;
  readonly pid: number;
  readonly exited: Promise<ChildExit>;
  #exit: ChildExit | undefined;

  private constructor(process: ChildProcess, spec: ChildSpec) {
    this.#process = process;
    this.name = spec.name;
    this.logFile = spec.logFile;
    this.pid = process.pid!;
    this.exited = new Promise((resolve) => {
      process.once('exit', (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  /** Error: PROGRAM_NOT_FOUND, or the system's own. */
  static async start(spec: ChildSpec): Promise<Child> {
    const launcher = findNative('dharma-run');
    const [command, args] =
      launcher === undefined
        ? [spec.command, [...spec.args]]
        : [
            launcher,
            // With our id: a child that starts after our death would not know otherwise.
            [
              `--die-with-parent=${process.pid}`,
              ...niceness(spec.launcherArgs),
              ...(spec.launcherArgs ?? []),
              '--',
              spec.command,
              ...spec.args,
            ],
          ];
    if (launcher === undefined && spec.launcherArgs !== undefined && spec.launcherArgs.length > 0)
      throw new DharmaError({
        code: 'NATIVE_NOT_BUILT',
        message: 'dharma-run is not built, so nothing can be started in a jail',
        remedy: 'Run: npm run build:native',
      });
    const log = openSync(spec.logFile, 'a', 0o600);
    try {
      const child = spawn(command, args, {
        cwd: spec.cwd,
        env: { ...spec.env },
        detached: true,
        stdio: spec.ipc ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
        // A JSON channel cannot carry bigint or bytes; this one can.
        ...(spec.ipc ? { serialization: 'advanced' as const } : {}),
      });
      await started(child, spec);
      return new Child(child, spec);
    } finally {
      closeSync(log);
    }
  }

  get exit(): ChildExit | undefined {
    return this.#exit;
  }

  /** The Node IPC side; only with `ipc: true`. */
  get channel(): ChildProcess {
    return this.#process;
  }

  /** Sends a signal to the process alone; nothing happens when it has ended. */
  signal(signal: NodeJS.Signals): void {
    if (this.#exit === undefined) this.#process.kill(signal);
  }

  /** SIGTERM, then after `deadlineMs` SIGKILL to its whole group. Resolves when it has ended. Idempotent. */
  async stop(deadlineMs = 5000): Promise<ChildExit> {
    if (this.#exit === undefined) {
      this.#process.kill('SIGTERM');
      const timer = setTimeout(() => this.#killGroup(), deadlineMs);
      await this.exited;
      clearTimeout(timer);
    }
    // What it started in its group must not outlive it.
    this.#killGroup();
    return this.exited;
  }

  #killGroup(): void {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch (error) {
      if (systemCode(error) !== 'ESRCH') throw error;
    }
  }
}

/** What this process gives way to, its children do too: a session of their own would not know of it by itself. */
function niceness(launcherArgs: readonly string[] = []): string[] {
  const nice = getPriority();
  return nice > 0 && !launcherArgs.includes('--nice') ? ['--nice', String(nice)] : [];
}

async function started(child: ChildProcess, spec: ChildSpec): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => {
      reject(
        systemCode(error) === 'ENOENT'
          ? new DharmaError({
              code: 'PROGRAM_NOT_FOUND',
              message: `cannot start ${spec.name}: there is no ${spec.command} (or no folder ${spec.cwd ?? '.'})`,
              remedy: `Install ${spec.command}, or correct the command.`,
              cause: error,
            })
          : error,
      );
    });
  });
}

/** The last lines of a log file, for errors; at most `bytes` bytes. */
export async function logTail(file: string, bytes = 2000): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, bytes);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8').trim();
  } finally {
    await handle.close();
  }
}
