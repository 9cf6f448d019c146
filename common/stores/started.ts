import { accessSync, constants, mkdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { systemClock } from '../clock.js';
import { isLate, withDeadline } from '../deadline.js';
import { DharmaError, systemCode, throwIfAborted } from '../errors.js';
import { freePort } from '../net.js';
import { Child, logTail, type ChildExit, type ChildSpec } from '../process/child.js';

/** How a store is started. */
export interface StartStoreOptions {
  /** Folder of its data, log and socket; made (mode 0700) when it is not there. */
  readonly dir: string;
  /** TCP port on loopback; 0 or none picks a free one. */
  readonly port?: number;
  /** Path of a unix socket to listen on as well (mode 0600). */
  readonly socket?: string;
  /** Whether the data must outlive the process: yes for live stores, no for mirrors. */
  readonly persist: boolean;
  readonly signal?: AbortSignal;
}

/** A store that runs as a child of this process, and dies with it. The owner must `close()` it. */
export interface StartedStore {
  readonly uri: string;
  readonly socketPath: string | undefined;
  /** Of the process to signal: the launcher's, which passes signals on, where dharma-run is built. */
  readonly pid: number;
  readonly version: string;
  readonly logFile: string;
  /** Resolves when the process has ended, by whatever cause. */
  readonly exited: Promise<ChildExit>;
  /** Ends it in order: what was acknowledged stays. Idempotent. */
  close(): Promise<void>;
}

/** A store answers within this time of its start, even with much data to read, or does not at all; ms. */
const READY_WITHIN_MS = 60_000;

/** Path of a program on PATH; undefined when it is not installed. */
export function findExecutable(name: string, path = process.env.PATH ?? ''): string | undefined {
  return path
    .split(delimiter)
    .filter((dir) => dir !== '')
    .map((dir) => join(dir, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export function prepareDir(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
}

/** Size of a file, 0 when it is not there. */
export async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0;
    throw error;
  }
}

/** A free port may be taken before a store binds it: so often another one is tried. Each time it is most unlikely. */
const PORT_TRIES = 5;

/** Has a store start on the port that is wanted; where any will do, on a free one, and on another if that was taken meanwhile. */
export async function onPort<T>(wanted: number | undefined, start: (port: number) => Promise<T>): Promise<T> {
  if (wanted !== undefined && wanted !== 0) return start(wanted);
  for (let tries = 1; ; tries += 1) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (tries === PORT_TRIES || !isPortTaken(error)) throw error;
    }
  }
}

function isPortTaken(error: unknown): boolean {
  const isStore = error instanceof DharmaError && error.code === 'STORE_NOT_STARTED';
  return isStore && /address already in use/i.test(error.found ?? '');
}

/**
 * Starts a store's process and waits until `answers` gives something. Error: STORE_NOT_STARTED, with the end of its
 * log, when it ends before that or takes too long. Nothing is left running then.
 */
export async function startStore<T>(
  spec: ChildSpec,
  answers: (signal: AbortSignal) => Promise<T | undefined>,
  outer?: AbortSignal,
): Promise<readonly [Child, T]> {
  throwIfAborted(outer);
  const child = await Child.start(spec);
  try {
    return await withDeadline(READY_WITHIN_MS, outer, (signal) =>
      untilItAnswers(spec, child, answers, signal).catch(async (error: unknown) => {
        throw isLate(signal) ? await notStarted(spec, 'it did not answer', error) : error;
      }),
    );
  } catch (error) {
    await child.stop();
    throw error;
  }
}

async function untilItAnswers<T>(
  spec: ChildSpec,
  child: Child,
  answers: (signal: AbortSignal) => Promise<T | undefined>,
  signal: AbortSignal,
): Promise<readonly [Child, T]> {
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 1.5, 200)) {
    if (child.exit !== undefined) throw await notStarted(spec, 'it ended at once');
    const result = await answers(signal);
    if (result !== undefined) return [child, result];
    await systemClock.sleep(pauseMs, signal);
  }
}

async function notStarted(spec: ChildSpec, why: string, cause?: unknown): Promise<DharmaError> {
  return new DharmaError({
    code: 'STORE_NOT_STARTED',
    message: `${spec.name} did not start: ${why}`,
    found: await logTail(spec.logFile),
    remedy: `Read ${spec.logFile}; a port or socket that is taken, or a full disk, are the usual causes.`,
    cause,
  });
}
