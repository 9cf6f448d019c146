import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';

const SOURCES = {
  context: '../../../common/preload/context.ts',
  determinism: '../../../shadow/preload/determinism.ts',
  guard: '../../../shadow/preload/guard.ts',
} as const;

/** Compiles preloads, each alone, into `dir`; the options of node that load them, in order. */
export async function compiled(dir: string, ...names: (keyof typeof SOURCES)[]): Promise<string[]> {
  const options: string[] = [];
  for (const name of names) {
    const source = await readFile(new URL(SOURCES[name], import.meta.url), 'utf8');
    const file = join(dir, `${name}.mjs`);
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
    await writeFile(file, ts.transpileModule(source, { compilerOptions }).outputText);
    options.push(`--import=file://${file}`);
  }
  return options;
}
