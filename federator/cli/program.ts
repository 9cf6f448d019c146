import type { CommanderError } from 'commander';
import { Command as Program, Option } from 'commander';
import type { Command, CommandInput } from './command.js';

export interface GlobalOptions {
  readonly home?: string;
  readonly json: boolean;
}

export type Execute = (command: Command, input: CommandInput, options: GlobalOptions) => Promise<void>;

/** Groups of commands and what they are about. */
const GROUPS: Readonly<Record<string, string>> = {
  shadow: 'rehearse an upgrade on copies of live traffic',
  tuning: 'let the better config win among clusters',
};

/**
 * The parser, made of commands as data. `execute` runs the one that was typed. Wrong usage, and help, end in a
 * CommanderError.
 */
export function createProgram(
  commands: readonly Command[],
  version: string,
  write: { out: (text: string) => void; err: (text: string) => void },
  execute: Execute,
): Program {
  const program = new Program('federate');
  configure(program, write);
  program
    .description(
      'Runs a web app as several tuned clusters, and rehearses every upgrade before it is promoted.',
    )
    .version(version, '--version', 'print the version')
    .addHelpText(
      'after',
      '\nExit codes: 0 ok, 1 failed, 2 usage, 3 degraded or inconclusive, 4 an answer is needed (--yes).\n' +
        'Example:\n  $ federate up && federate add-cluster blue --config blue.json --app ./shop',
    );
  const groups = new Map<string, Program>();
  for (const command of commands) {
    const words = command.name.split(' ');
    const name = words.at(-1)!;
    const parent = words.length === 1 ? program : groupOf(program, groups, words[0]!, write);
    addCommand(parent, name, command, write, execute);
  }
  return program;
}

/** Whether a CommanderError is help or the version that was asked for. */
export function isHelp(error: CommanderError): boolean {
  return (
    ['commander.helpDisplayed', 'commander.help', 'commander.version'].includes(error.code) &&
    error.exitCode === 0
  );
}

function groupOf(
  program: Program,
  groups: Map<string, Program>,
  name: string,
  write: Parameters<typeof configure>[1],
): Program {
  let group = groups.get(name);
  if (group === undefined) {
    group = program.command(name).description(GROUPS[name] ?? name);
    configure(group, write);
    groups.set(name, group);
  }
  return group;
}

function addCommand(
  parent: Program,
  name: string,
  command: Command,
  write: Parameters<typeof configure>[1],
  execute: Execute,
): void {
  const sub = parent
    .command(name)
    .summary(command.summary)
    .description(command.description ?? command.summary);
  configure(sub, write);
  for (const { syntax, about } of command.args ?? [])
    sub.argument(syntax.startsWith('[') ? syntax : `<${syntax}>`, about);
  for (const option of command.options ?? []) addOption(sub, option);
  sub
    .option('--json', 'print data as JSON on stdout, errors too')
    .option('--home <dir>', 'home folder of the federation (default: $DHARMA_HOME or ./.dharma)')
    .addHelpText('after', `\nExample:\n${command.examples.map((line) => `  $ ${line}`).join('\n')}`);
  sub.action(async (...values: unknown[]) => {
    const positional = values.slice(0, command.args?.length ?? 0);
    const options = sub.opts<Record<string, unknown>>();
    const last = positional.at(-1);
    await execute(
      command,
      {
        args: positional.map((value) => (typeof value === 'string' ? value : undefined)),
        rest: Array.isArray(last) ? (last as string[]) : [],
        options,
      },
      { json: options.json === true, ...(typeof options.home === 'string' ? { home: options.home } : {}) },
    );
  });
}

function addOption(program: Program, spec: NonNullable<Command['options']>[number]): void {
  const option = new Option(spec.flags, spec.about);
  if (spec.required === true) option.makeOptionMandatory();
  if (spec.choices !== undefined) option.choices(spec.choices);
  program.addOption(option);
}

function configure(
  program: Program,
  write: { out: (text: string) => void; err: (text: string) => void },
): void {
  program
    .exitOverride()
    .showHelpAfterError(false)
    // Errors are said by our own printer, once and in one form.
    .configureOutput({
      writeOut: write.out,
      writeErr: (text) => void (text.startsWith('error:') ? undefined : write.err(text)),
    })
    .helpCommand(false)
    .helpOption('-h, --help', 'print this help');
}
