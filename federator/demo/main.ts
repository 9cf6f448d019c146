#!/usr/bin/env node
/**
 * The main job, end to end, on this machine: `npm start`. It does what a user would: it types `federate` commands, while
 * visitors use the shop. With `--once` it ends after the report and leaves nothing behind.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DharmaError, ExitCode, messageOf } from '../../common/index.js';
import { Cli } from './cli.js';
import { Progress } from './progress.js';
import { endShow, runShow, stay } from './show.js';

const USAGE = `Usage: npm start [-- --once [--report FILE]]

  --once         end after the report, and leave nothing behind
  --report FILE  also write the report there, as JSON
  --home DIR     where the federation keeps its state (default ./.dharma; with --once a temporary folder)
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      home: { type: 'string' },
      report: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const abort = new AbortController();
  // Not once: npm passes a Ctrl-C on that the terminal has sent already, and the second must not cut the ending short.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => abort.abort(new Error(`stopped by ${signal}`)));

  const temporary = values.once && values.home === undefined;
  const home = temporary ? await mkdtemp(join(tmpdir(), 'dharma-')) : resolve(values.home ?? '.dharma');
  const progress = new Progress(process.stdout);
  const cli = new Cli(home, abort.signal);
  const show = {
    ...{ cli, progress, home, once: values.once, signal: abort.signal, owned: [] },
    reportFile: values.report === undefined ? undefined : resolve(values.report),
  };
  try {
    await runShow(show);
    if (!values.once) await stay(show);
  } finally {
    await endShow(show);
    if (temporary) await rm(home, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  const remedy = error instanceof DharmaError ? `\n  ${error.remedy}` : '';
  process.stderr.write(
    `\n${error instanceof DharmaError ? `${error.code}: ` : ''}${messageOf(error)}${remedy}\n`,
  );
  process.exitCode = error instanceof DharmaError ? error.exitCode : ExitCode.failed;
});
