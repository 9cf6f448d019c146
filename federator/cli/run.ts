import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { DharmaError, ExitCode, messageOf, packageRoot, type DharmaErrorJson } from '../../common/index.js';
import { FederationClient } from '../client/client.js';
import { Home } from '../home/home.js';
import type { Command, CommandContext, CommandInput } from './command.js';
import { COMMANDS } from './commands/index.js';
import { terminalConfirm, type Confirm } from './confirm.js';
import { Printer, spinnerFor, type Streams } from './printer.js';
import { createProgram, isHelp, type GlobalOptions } from './program.js';

export interface RunCliOptions {
  /** What was typed after `federate`. */
  readonly argv: readonly string[];
  readonly streams: Streams;
  readonly env: NodeJS.ProcessEnv;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** How questions are asked; default: at the process's terminal. */
  readonly confirm?: Confirm;
}

/** Runs one command line to its end and tells the exit code. It never throws: a bug is printed with its stack. */
export async function runCli(options: RunCliOptions): Promise<ExitCode> {
  const printer = new Printer(options.streams, options.env, await spinnerFor(options.streams));
  const json = options.argv.includes('--json');
  let exitCode: ExitCode = ExitCode.ok;
  let failureExit: ExitCode = ExitCode.failed;
  const program = createProgram(
    COMMANDS,
    packageVersion(),
    {
      out: (text) => options.streams.out.write(text),
      err: (text) => options.streams.err.write(text),
    },
    async (command, input, globals) => {
      failureExit = command.failureExit ?? ExitCode.failed;
      exitCode = await runCommand(command, input, globals, options, printer);
    },
  );
  try {
    await program.parseAsync([...options.argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    printer.stop();
    if (error instanceof CommanderError && isHelp(error)) return ExitCode.ok;
    const told = report(asKnown(error, options), json, printer);
    return told === ExitCode.failed ? failureExit : told;
  }
}

async function runCommand(
  command: Command,
  input: CommandInput,
  globals: GlobalOptions,
  options: RunCliOptions,
  printer: Printer,
): Promise<ExitCode> {
  const home = Home.locate(globals.home, options.env);
  const confirm = options.confirm ?? terminalConfirm(process.stdin, process.stderr, printer, options.signal);
  const context: CommandContext = {
    home,
    json: globals.json,
    printer,
    confirm,
    signal: options.signal,
    client: () => FederationClient.connect(home),
  };
  const outcome = await command.run(context, input);
  printer.stop();
  if (globals.json) printer.json(outcome.data);
  else await outcome.show?.(printer);
  return outcome.exitCode ?? ExitCode.ok;
}

interface Known {
  readonly error: DharmaErrorJson;
  readonly exitCode: ExitCode;
  /** Of a bug. */
  readonly stack?: string;
}

function asKnown(error: unknown, { signal, argv }: RunCliOptions): Known {
  if (signal.aborted && !(error instanceof DharmaError))
    return { error: interrupted(), exitCode: ExitCode.failed };
  if (error instanceof DharmaError) return { error: error.toJSON(), exitCode: error.exitCode };
  if (error instanceof CommanderError) return { error: usage(error, argv), exitCode: ExitCode.usage };
  return {
    error: {
      code: 'INTERNAL',
      message: messageOf(error),
      remedy: 'This is a bug of dharma: please report it with the lines above.',
    },
    exitCode: ExitCode.failed,
    ...(error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {}),
  };
}

function report({ error, exitCode, stack }: Known, json: boolean, printer: Printer): ExitCode {
  if (stack !== undefined) printer.note(stack);
  if (json) printer.json({ error });
  else printer.problem(error.message, error.found, error.remedy);
  return exitCode;
}

function interrupted(): DharmaErrorJson {
  return {
    code: 'INTERRUPTED',
    message: 'interrupted',
    remedy: 'What the federation had begun it brings to its end (or takes back): federate status',
  };
}

function usage(error: CommanderError, argv: readonly string[]): DharmaErrorJson {
  const words = argv.filter((word) => !word.startsWith('-'));
  const names = COMMANDS.map((command) => command.name);
  const known = names.find((name) => words.join(' ').startsWith(name));
  const group = known ?? (names.some((name) => name.startsWith(`${words[0]} `)) ? words[0] : undefined);
  const message = error.code.startsWith('commander.help')
    ? 'which command?'
    : error.message.replace(/^error: /, '').replace(/\n/g, ' ');
  return { code: 'USAGE', message, remedy: `See: federate ${group === undefined ? '' : `${group} `}--help` };
}

function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version;
}
