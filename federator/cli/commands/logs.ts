import { DharmaError } from '../../../common/index.js';
import type { Command } from '../command.js';
import { followLogs, logFiles, tailOf } from '../log-files.js';
import { numberOption } from '../options.js';

const DEFAULT_LINES = 50;

export const logs: Command = {
  name: 'logs',
  summary: 'show the logs of the federation or of one part of it',
  description:
    'NAME is a cluster, or a part such as dharmad, federator, edge, shadow. Without it, the last lines of all. Works also when nothing runs.',
  args: [{ syntax: '[name]', about: 'a cluster or a part' }],
  options: [
    { flags: '-n, --lines <n>', about: `lines of each log (default: ${DEFAULT_LINES})` },
    { flags: '-f, --follow', about: 'go on with what comes, until Ctrl-C' },
  ],
  examples: ['federate logs blue --follow', 'federate logs federator -n 200'],
  run: async ({ home, json, printer, signal }, { args, options }) => {
    const lines = numberOption(options, 'lines', '--lines', { least: 0, most: 1_000_000 }) ?? DEFAULT_LINES;
    const all = await logFiles(home);
    const wanted =
      args[0] === undefined ? all : all.filter((file) => file.part === args[0] || file.name === args[0]);
    if (wanted.length === 0) throw noSuchLog(args[0], [...new Set(all.map((file) => file.part))]);
    const found = await Promise.all(
      wanted.map(async (file) => ({ ...file, lines: await tailOf(file.path, lines) })),
    );
    if (options.follow !== true)
      return {
        data: found.map(({ name, path, lines: text }) => ({ name, path, lines: text })),
        show: (out) => {
          for (const file of found)
            for (const line of file.lines) out.line(`${out.colors.cyan(file.name)} ${line}`);
        },
      };
    const write = (name: string, line: string): void =>
      printer.line(json ? JSON.stringify({ name, line }) : `${printer.colors.cyan(name)} ${line}`);
    for (const file of found) for (const line of file.lines) write(file.name, line);
    await followLogs(wanted, write, signal);
    return { data: null, show: () => undefined };
  },
};

function noSuchLog(name: string | undefined, known: readonly string[]): DharmaError {
  return new DharmaError({
    code: 'LOG_UNKNOWN',
    message: name === undefined ? 'there are no logs yet' : `there is no log of "${name}"`,
    remedy: known.length === 0 ? 'Start the federation with: federate up' : `There are: ${known.join(', ')}.`,
  });
}
