/**
 * Errors a user can cause. Everything else that is thrown is a bug: it crashes the process that has it, loudly,
 * and a supervisor restarts that process and says so.
 */

/** Exit codes of `federate` (and of every program of dharma). */
export const ExitCode = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** Degraded, or a verdict that cannot be told yet. */
  degraded: 3,
  /** An answer of the operator's is needed and there is no terminal to ask at. */
  inputNeeded: 4,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export interface DharmaErrorInit {
  /** SCREAMING_SNAKE_CASE, stable: scripts match on it. */
  readonly code: string;
  /** One sentence: what went wrong. */
  readonly message: string;
  /** What was found, where that helps (a value, a path, a state). Never a secret. */
  readonly found?: string;
  /** What to do about it: one line, a command where there is one. */
  readonly remedy: string;
  readonly exitCode?: ExitCode;
  /** HTTP status the API answers with. */
  readonly httpStatus?: number;
  readonly cause?: unknown;
}

/** The JSON form of a DharmaError, in API answers and `--json` output. */
export interface DharmaErrorJson {
  readonly code: string;
  readonly message: string;
  readonly found?: string;
  readonly remedy: string;
}

export class DharmaError extends Error {
  override readonly name = 'DharmaError';
  readonly code: string;
  readonly found: string | undefined;
  readonly remedy: string;
  readonly exitCode: ExitCode;
  readonly httpStatus: number;

  constructor(init: DharmaErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.found = init.found;
    this.remedy = init.remedy;
    this.exitCode = init.exitCode ?? ExitCode.failed;
    this.httpStatus = init.httpStatus ?? 400;
  }

  toJSON(): DharmaErrorJson {
    return {
      code: this.code,
      message: this.message,
      ...(this.found === undefined ? {} : { found: this.found }),
      remedy: this.remedy,
    };
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` of a Node system error (ENOENT, EADDRINUSE…), if it has one. */
export function systemCode(thrown: unknown): string | undefined {
  if (thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string') return thrown.code;
  return undefined;
}

/** Throws the signal's reason, as an Error, when it is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}
