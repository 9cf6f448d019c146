#!/usr/bin/env node
/** The `dharma-proxy` command of the package: builds the proxy at its first use and runs it in this one's place. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { ensureNative } from '../../scripts/native.mjs';
import { run } from '../../scripts/root.mjs';

/** The proxy drains, reloads and ends by signals; they are its, not ours. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

run(async () => {
  const dir = ensureNative({ install: false });
  const args = ['--die-with-parent', '--', join(dir, 'dharma-proxy'), ...process.argv.slice(2)];
  const proxy = spawn(join(dir, 'dharma-run'), args, { stdio: 'inherit' });
  for (const signal of SIGNALS) process.on(signal, () => proxy.kill(signal));
  const [code, signal] = await new Promise((resolve, reject) => {
    proxy.once('error', reject);
    proxy.once('exit', (...ending) => resolve(ending));
  });
  process.exitCode = code ?? 128 + constants.signals[signal];
});
