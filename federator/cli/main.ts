#!/usr/bin/env node
/** The command line of dharma. */
import { runCli } from './run.js';

const stop = new AbortController();
let asked = 0;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    asked += 1;
    stop.abort(new Error('interrupted'));
    // Whoever presses it a third time does not want to wait for a tidy end.
    if (asked > 2) process.exit(1);
  });
// A reader that has seen enough (`federate logs | head`) is no error; what is under way is tidied up first.
let hasSeenEnough = false;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  hasSeenEnough = true;
  stop.abort(new Error('nobody reads on'));
});

const exitCode = await runCli({
  argv: process.argv.slice(2),
  streams: { out: process.stdout, err: process.stderr },
  env: process.env,
  signal: stop.signal,
});
process.exitCode = hasSeenEnough ? 0 : exitCode;
