import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { packageRoot } from '../../common/paths.js';

export const exampleFile = (path: string): string => join(packageRoot, 'examples', path);

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves with the first match in stdout; rejects when the program ends without one. */
  saw(pattern: RegExp): Promise<RegExpExecArray>;
}

/** Starts `node FILE args…`; it is killed when the test is over. */
export function start(file: string, args: readonly string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [file, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  const ended = closed.then(() => ({ code: child.exitCode, stdout, stderr }));
  const saw = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(stdout);
        if (match) resolve(match);
      };
      child.stdout.on('data', look);
      look();
      void ended.then(() => reject(new Error(`ended without ${String(pattern)}: ${stdout}${stderr}`)));
    });
  return { child, ended, saw };
}

/** Where a server that says `listening on URL` can be reached. */
export async function listening(running: Running): Promise<string> {
  return (await running.saw(/listening on (http:\S+)/))[1] ?? '';
}
