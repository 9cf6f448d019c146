/** `npm run bench [-- NAME...]`: builds what is measured and what it is measured with, then runs bench/main.ts. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { must } from './command.mjs';
import { ensureNative } from './native.mjs';
import { root, run, say } from './root.mjs';
import { compiler } from './system.mjs';
import { ensureTypeScript } from './typescript.mjs';

run(async () => {
  const native = ensureNative();
  ensureTypeScript();
  process.env.DHARMA_BENCH_BACKEND = ensureBackend(native);
  await import(join(root, 'dist', 'bench', 'main.js'));
});

/** The backend is not a part of the product: it is built only here. */
function ensureBackend(folder) {
  const source = join(root, 'bench', 'backend.c');
  const program = join(folder, 'bench-backend');
  if (existsSync(program) && statSync(program).mtimeMs >= statSync(source).mtimeMs) return program;
  say('building the backend of the benchmarks');
  must(compiler(), ['-std=c17', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-o', program, source], {
    failure: 'the backend of the benchmarks cannot be built',
  });
  return program;
}
