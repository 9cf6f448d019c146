import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Something the person at the keyboard must do. Shown as one line, without a stack. */
export class SetupError extends Error {}

/** Progress goes to stderr: stdout belongs to what is run afterwards. */
export const say = (text) => process.stderr.write(`dharma: ${text}\n`);

/** Runs a script's main function; a SetupError ends it with one line and exit code 1. */
export function run(main) {
  main().catch((error) => {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exitCode = 1;
  });
}

/** Files under `dir` whose name `accepts` says yes to; absolute paths, sorted. Hidden folders and node_modules are left out. */
export function filesUnder(dir, accepts) {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(dir, entry.name);
      if (entry.isDirectory()) {
        return entry.name === 'node_modules' || entry.name.startsWith('.') ? [] : filesUnder(path, accepts);
      }
      return accepts(entry.name) ? [path] : [];
    })
    .sort();
}

/** SHA-256 over the names and contents of files, hex. */
export function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files)
    hash.update(relative(root, file)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}
