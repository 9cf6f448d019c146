import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { must } from './command.mjs';
import { filesUnder, hashOf, root, say } from './root.mjs';

const dist = join(root, 'dist');
const stamp = join(dist, '.sources');

/** Compiles into dist/ where a source has changed since the last time. */
export function ensureTypeScript() {
  const config = join(root, 'tsconfig.json');
  const folders = JSON.parse(readFileSync(config, 'utf8')).include.map((folder) => join(root, folder));
  const sources = folders.flatMap((folder) => filesUnder(folder, (name) => name.endsWith('.ts')));
  const now = hashOf([config, join(root, 'package-lock.json'), ...sources]);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === now) return;
  say('compiling TypeScript');
  removeOrphans();
  must(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', config], {
    cwd: root,
    failure: 'the TypeScript does not compile',
  });
  writeFileSync(stamp, now);
}

/** What was compiled from a source that is gone would still be found and run. */
function removeOrphans() {
  for (const file of filesUnder(dist, (name) => /\.(js|js\.map|d\.ts)$/.test(name))) {
    const source = join(root, relative(dist, file)).replace(/\.(js\.map|js|d\.ts)$/, '.ts');
    if (!existsSync(source)) rmSync(file);
  }
}
