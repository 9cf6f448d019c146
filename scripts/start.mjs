/** `npm start`: set-up, then the main job. What follows `--` (such as `--once`) is the main job's. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, run } from './root.mjs';
import { setUp } from './setup.mjs';

run(async () => {
  await setUp();
  // In this process, so that a signal meant for the main job reaches it.
  process.argv[1] = join(root, 'dist', 'federator', 'demo', 'main.js');
  await import(pathToFileURL(process.argv[1]).href);
});
