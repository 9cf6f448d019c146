import type { ExitCode } from '../../common/index.js';
import type { FederationClient } from '../client/client.js';
import type { Home } from '../home/home.js';
import type { Confirm } from './confirm.js';
import type { Printer } from './printer.js';

/** A positional argument: `NAME` is required, `[NAME]` is not, `[NAME...]` takes the rest. */
export interface ArgumentSpec {
  readonly syntax: string;
  readonly about: string;
}

export interface OptionSpec {
  /** As commander writes it: `--config <file>`. */
  readonly flags: string;
  readonly about: string;
  readonly required?: boolean;
  readonly choices?: readonly string[];
}

/** What a handler works with. */
export interface CommandContext {
  readonly home: Home;
  readonly json: boolean;
  readonly printer: Printer;
  readonly confirm: Confirm;
  /** Aborted by Ctrl-C: whoever waits tidies up and rejects. */
  readonly signal: AbortSignal;
  /** The API of the federation that runs in the home. Error: NOT_RUNNING. */
  readonly client: () => Promise<FederationClient>;
}

/** What a command came to: the data that `--json` prints, how people see it, and the exit code. */
export interface Outcome {
  readonly data: unknown;
  readonly show?: (printer: Printer) => void | Promise<void>;
  readonly exitCode?: ExitCode;
}

export interface CommandInput {
  readonly args: readonly (string | undefined)[];
  /** All values of a variadic last argument. */
  readonly rest: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * A command as data: the program, its help and the README's table are made of these. All are loaded for each; so what one
 * alone needs, and is large (engine, agent, database), its `run` imports.
 */
export interface Command {
  /** Words: `shadow start`. */
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  readonly args?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  /** At least one, as typed. */
  readonly examples: readonly string[];
  /** What it exits with where it fails and 1 has a meaning of its own. Default: 1. */
  readonly failureExit?: ExitCode;
  readonly run: (context: CommandContext, input: CommandInput) => Promise<Outcome>;
}
