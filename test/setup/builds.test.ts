import { existsSync } from 'node:fs';
import { chown, mkdir, readFile, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../common/paths.js';
import { Sandbox } from './sandbox.js';

describe('packages', () => {
  const lock = (version: string): object => ({
    packages: {
      '': { name: 'x' },
      'node_modules/a': { version },
      'node_modules/other-platform': { version: '1.0.0', optional: true },
    },
  });

  async function withNpm(): Promise<Sandbox> {
    const sandbox = await Sandbox.create();
    await sandbox.program(
      'npm',
      'echo "$@" >> npm.log; mkdir -p node_modules; cp package-lock.json node_modules/.package-lock.json',
    );
    return sandbox;
  }

  it('are installed when the lock says something else than node_modules holds', async () => {
    const sandbox = await withNpm();
    await sandbox.write('package-lock.json', lock('1.0.0'));
    const first = await sandbox.call('packages.mjs', 'ensurePackages()');
    expect(first).toMatchObject({ code: 0, stderr: 'dharma: installing packages (npm ci)\n' });
    expect(await sandbox.call('packages.mjs', 'ensurePackages()')).toMatchObject({ code: 0, stderr: '' });

    await sandbox.write('package-lock.json', lock('1.0.1'));
    expect((await sandbox.call('packages.mjs', 'ensurePackages()')).stderr).toContain('npm ci');
    const log = await readFile(join(sandbox.dir, 'npm.log'), 'utf8');
    expect(log.trim().split('\n')).toHaveLength(2);
    expect(log).toContain('ci --ignore-scripts');
  });

  it('of other platforms are not missed', async () => {
    const sandbox = await withNpm();
    await sandbox.write('package-lock.json', lock('1.0.0'));
    await sandbox.write('node_modules/.package-lock.json', {
      packages: { 'node_modules/a': { version: '1.0.0' } },
    });
    expect(await sandbox.call('packages.mjs', 'ensurePackages()')).toMatchObject({ code: 0, stderr: '' });
  });

  it('that npm cannot install end the set-up with what npm said', async () => {
    const sandbox = await Sandbox.create();
    await sandbox.program('npm', 'echo "npm error code E404" >&2; exit 1');
    await sandbox.write('package-lock.json', lock('1.0.0'));
    const outcome = await sandbox.call('packages.mjs', 'ensurePackages()');
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('E404');
    expect(outcome.stderr).toContain('dharma: npm ci failed');
  });
});

// Each runs the compiler several times, on a machine that may be busy.
describe('TypeScript', { timeout: 300_000 }, () => {
  async function project(): Promise<Sandbox> {
    const sandbox = await Sandbox.create();
    await symlink(join(packageRoot, 'node_modules'), join(sandbox.dir, 'node_modules'));
    await sandbox.write('package.json', { type: 'module' });
    await sandbox.write('package-lock.json', {});
    await sandbox.write('tsconfig.json', {
      compilerOptions: {
        outDir: 'dist',
        rootDir: '.',
        module: 'NodeNext',
        types: [],
        strict: true,
        lib: ['ES5'],
      },
      include: ['part'],
    });
    await sandbox.write('part/a.ts', 'export const a: number = 1;\n');
    await sandbox.write('part/b.ts', 'export const b = 1;\n');
    return sandbox;
  }

  it('is compiled when a source has changed, and what lost its source goes', async () => {
    const sandbox = await project();
    expect(await sandbox.call('typescript.mjs', 'ensureTypeScript()')).toMatchObject({
      code: 0,
      stderr: 'dharma: compiling TypeScript\n',
    });
    expect(await sandbox.call('typescript.mjs', 'ensureTypeScript()')).toMatchObject({ code: 0, stderr: '' });

    await rm(join(sandbox.dir, 'part/b.ts'));
    expect((await sandbox.call('typescript.mjs', 'ensureTypeScript()')).stderr).toContain('compiling');
    expect(existsSync(join(sandbox.dir, 'dist/part/a.js'))).toBe(true);
    expect(existsSync(join(sandbox.dir, 'dist/part/b.js'))).toBe(false);
  });

  it('that does not compile is shown and tried again', async () => {
    const sandbox = await project();
    await sandbox.write('part/a.ts', "export const a: number = 'one';\n");
    for (let attempt = 0; attempt < 2; attempt++) {
      const outcome = await sandbox.call('typescript.mjs', 'ensureTypeScript()');
      expect(outcome.code).toBe(1);
      expect(outcome.stderr).toContain('part/a.ts');
      expect(outcome.stderr).toContain('dharma: the TypeScript does not compile');
    }
  });
});

describe('native programs', () => {
  /** A native/ whose make writes its two programs and a line to a log. */
  async function project(): Promise<Sandbox> {
    const sandbox = await Sandbox.create();
    await sandbox.link('make', 'cc', 'flock');
    await sandbox.write(
      'native/Makefile',
      'BUILD ?= build\nall:\n\tcp src/a.c $(BUILD)/dharma-proxy && cp src/a.c $(BUILD)/dharma-run && echo made >> $(BUILD)/log\n',
    );
    await sandbox.write('native/src/a.c', 'one\n');
    return sandbox;
  }
  const made = async (dir: string): Promise<number> =>
    (await readFile(join(dir, 'log'), 'utf8')).trim().split('\n').length;

  it('are built where they do not stand or a source has changed', async () => {
    const sandbox = await project();
    const build = join(sandbox.dir, 'native/build');
    const first = await sandbox.call('native.mjs', 'ensureNative()');
    expect(first).toEqual({ code: 0, stdout: `${build}\n`, stderr: 'dharma: building the proxy (make)\n' });
    expect((await sandbox.call('native.mjs', 'ensureNative()')).stderr).toBe('');
    expect(await made(build)).toBe(1);
    // Other users of the machine may run them: a jail's unprivileged user, for one.
    expect((await stat(build)).mode & 0o777).toBe(0o777 & ~process.umask());

    await sandbox.write('native/src/a.c', 'two\n');
    expect((await sandbox.call('native.mjs', 'ensureNative()')).code).toBe(0);
    expect(await made(build)).toBe(2);
    await rm(join(build, 'dharma-run'));
    expect((await sandbox.call('native.mjs', 'ensureNative()')).code).toBe(0);
    expect(await made(build)).toBe(3);
  });

  it('that do not compile end the set-up with what make said', async () => {
    const sandbox = await project();
    await sandbox.write('native/Makefile', 'all:\n\t@echo "a.c:1: error: no" >&2; exit 1\n');
    const outcome = await sandbox.call('native.mjs', 'ensureNative()');
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('a.c:1: error: no');
    expect(outcome.stderr).toContain('dharma: the native programs cannot be built');
  });

  // Only root can become somebody who may not write here (root itself may write anywhere), and that one must reach node.
  it.runIf(process.getuid?.() === 0 && !process.execPath.startsWith('/root/'))(
    "are built in the user's cache where the package is not writable",
    async () => {
      const nobody = 65534;
      const sandbox = await project();
      const cache = join(sandbox.dir, 'cache');
      await mkdir(cache);
      await chown(cache, nobody, nobody);
      const as = { uid: nobody, env: { XDG_CACHE_HOME: cache } };
      const build = join(cache, 'dharma/native');
      expect(await sandbox.call('native.mjs', 'ensureNative()', as)).toMatchObject({
        code: 0,
        stdout: `${build}\n`,
      });

      // An upgraded package finds the old one's programs there.
      await sandbox.write('native/src/a.c', 'two\n');
      expect(await sandbox.call('native.mjs', 'ensureNative()', as)).toMatchObject({ code: 0 });
      expect(await readFile(join(build, 'dharma-proxy'), 'utf8')).toBe('two\n');
      expect(existsSync(join(sandbox.dir, 'native/build'))).toBe(false);
    },
  );
});
