import { existsSync } from 'node:fs';
import { chmod, lstat, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createReleaseStore } from '../../../cluster-agent/index.js';
import { tarball, temporaryFolder, writeFiles } from '../support/folders.js';

const signal = new AbortController().signal;

async function appWith(files: Record<string, unknown>): Promise<{ app: string; dir: string; root: string }> {
  const root = await temporaryFolder();
  const app = join(root, 'app');
  await writeFiles(app, { 'server.js': 'require("http").createServer().listen(process.env.PORT)', ...files });
  return { app, dir: join(root, 'releases'), root };
}

describe('release store', () => {
  it('makes a release of an app without dharma.json, leaving out node_modules, .git and .dharma', async () => {
    const { app, dir } = await appWith({
      'package.json': { name: '@acme/My_Shop', scripts: { start: 'node --no-warnings server.js' } },
      'node_modules/junk/index.js': '',
      '.git/HEAD': '',
      '.dharma/state': '',
      'views/home.html': '<p>',
    });
    const release = await createReleaseStore({ dir }).create(app, { signal });
    expect(release.id).toMatch(/^r[0-9a-f]{16}$/);
    expect(release.manifest.name).toBe('my-shop');
    expect(release.manifest.command).toEqual(['node', '--no-warnings', 'server.js']);
    expect((await readdir(release.dir)).sort()).toEqual(['package.json', 'server.js', 'views']);
    expect((await stat(join(release.dir, 'server.js'))).mode & 0o222).toBe(0);
    expect((await stat(release.dir)).mode & 0o222).toBe(0);
  });

  it('gives the same content the same id, anywhere, and another content another', async () => {
    const { app, dir, root } = await appWith({ 'package.json': { main: 'server.js' } });
    const first = await createReleaseStore({ dir }).create(app, { signal });
    const again = await createReleaseStore({ dir }).create(app, { signal });
    expect(again).toEqual(first);
    const elsewhere = await createReleaseStore({ dir: join(root, 'other') }).create(app, { signal });
    expect(elsewhere.id).toBe(first.id);
    await writeFile(join(app, 'server.js'), 'changed');
    expect((await createReleaseStore({ dir }).create(app, { signal })).id).not.toBe(first.id);
  });

  it('installs dependencies once, updates one of them, and keeps the rest', async () => {
    const { app, dir, root } = await appWith({});
    const [one, two, other] = await Promise.all([
      tarball(root, 'dep', '1.0.0', 'module.exports = 1'),
      tarball(root, 'dep', '2.0.0', 'module.exports = 2'),
      tarball(root, 'other', '1.2.3', 'module.exports = 3'),
    ]);
    await writeFiles(app, {
      'package.json': { main: 'server.js', dependencies: { dep: `file:${one}`, other: `file:${other}` } },
    });
    const store = createReleaseStore({ dir });
    const base = await store.create(app, { signal });
    expect(base.packages).toEqual({ dep: '1.0.0', other: '1.2.3' });

    const change = { packages: [`dep@file:${two}`], env: { MODE: 'new' } };
    const updated = await store.update(base, change, { signal });
    expect(updated.packages).toEqual({ dep: '2.0.0', other: '1.2.3' });
    expect(updated.base).toEqual({ id: base.id, change });
    expect(updated.manifest.env).toEqual({ MODE: 'new' });
    expect(await readFile(join(base.dir, 'node_modules/dep/index.js'), 'utf8')).toBe('module.exports = 1');
    expect((await stat(join(updated.dir, 'node_modules/dep/index.js'))).mode & 0o222).toBe(0);

    // The same again, in another process's store: nothing is made anew.
    const again = await createReleaseStore({ dir }).update(base, change, { signal });
    expect(again).toEqual(updated);
    expect((await store.list()).map(({ id }) => id)).toEqual([base.id, updated.id]);
  });

  it('holds what a package in a folder has, not a link to it', async () => {
    const { app, dir, root } = await appWith({});
    const local = join(root, 'local');
    await writeFiles(local, { 'package.json': { name: 'local', version: '1.0.0' }, 'index.js': '' });
    await writeFiles(app, {
      'package.json': { main: 'server.js', dependencies: { local: `file:${local}` } },
    });
    const release = await createReleaseStore({ dir }).create(app, { signal });
    expect((await lstat(join(release.dir, 'node_modules/local'))).isDirectory()).toBe(true);
    expect(existsSync(join(release.dir, 'node_modules/local/index.js'))).toBe(true);
  });

  it('carries env through a chain of updates, unset variables too', async () => {
    const { app, dir } = await appWith({
      'package.json': { main: 'server.js' },
      'dharma.json': { name: 'shop', env: { A: '1', B: '2' } },
    });
    const store = createReleaseStore({ dir });
    const base = await store.create(app, { signal });
    const second = await store.update(base, { env: { A: null, C: '3' } }, { signal });
    const third = await store.update(second, { env: { D: '4' } }, { signal });
    const fourth = await store.update(third, { env: { B: '5' } }, { signal });
    expect(fourth.manifest.env).toEqual({ B: '5', C: '3', D: '4' });
  });

  it('lays files over a release and takes files away', async () => {
    const { app, dir, root } = await appWith({ 'package.json': { main: 'server.js' }, 'old/a.txt': 'a' });
    await writeFiles(root, { 'new.txt': 'new' });
    const store = createReleaseStore({ dir });
    const base = await store.create(app, { signal });
    const files = { 'old/a.txt': null, 'deep/b.txt': join(root, 'new.txt') };
    const updated = await store.update(base, { files }, { signal });
    expect(existsSync(join(updated.dir, 'old/a.txt'))).toBe(false);
    expect(await readFile(join(updated.dir, 'deep/b.txt'), 'utf8')).toBe('new');
    expect(existsSync(join(base.dir, 'old/a.txt'))).toBe(true);
    await writeFiles(root, { 'new.txt': 'other content' });
    expect((await store.update(base, { files }, { signal })).id).not.toBe(updated.id);
  });

  it('removes what a killed process left half-made, and leaves alone what a live one is making', async () => {
    const { app, dir } = await appWith({ 'package.json': { main: 'server.js' } });
    await mkdir(join(dir, 'half-4194304-1-abcdef/app'), { recursive: true }); // No pid is ever this high.
    await mkdir(join(dir, 'half-1-0-abcdef/app'), { recursive: true }); // The pid lives, but was started at another time.
    const stat1 = await readFile('/proc/1/stat', 'utf8');
    const started = stat1.slice(stat1.lastIndexOf(')') + 2).split(' ')[19];
    await mkdir(join(dir, `half-1-${started}-abcdef/app`), { recursive: true });
    const release = await createReleaseStore({ dir }).create(app, { signal });
    expect((await readdir(dir)).sort()).toEqual([`half-1-${started}-abcdef`, release.id]);
  });

  it('reads a release of an earlier build, whose manifest knew less', async () => {
    const { app, dir } = await appWith({ 'package.json': { main: 'server.js' } });
    const { id } = await createReleaseStore({ dir }).create(app, { signal });
    const file = join(dir, id, 'release.json');
    const record = JSON.parse(await readFile(file, 'utf8')) as { manifest: Record<string, unknown> };
    delete record.manifest.stubs;
    delete record.manifest.redact;
    await chmod(file, 0o600);
    await writeFile(file, JSON.stringify(record));
    const read = await createReleaseStore({ dir }).get(id);
    expect(read?.manifest).toMatchObject({ stubs: [], redact: [] });
  });

  it('removes a release and answers nothing for one it does not have', async () => {
    const { app, dir } = await appWith({ 'package.json': { main: 'server.js' } });
    const store = createReleaseStore({ dir });
    const release = await store.create(app, { signal });
    await store.remove(release.id);
    expect(await store.get(release.id)).toBeUndefined();
    expect(await store.get('../../etc')).toBeUndefined();
    expect(await readdir(dir)).toEqual([]);
  });

  it('leaves nothing behind when an install fails, and tells what npm said without secrets', async () => {
    const { app, dir } = await appWith({
      'package.json': {
        main: 'server.js',
        scripts: { postinstall: 'echo "fetching https://user:hunter2@example.test/x" >&2; exit 3' },
      },
    });
    const making = createReleaseStore({ dir }).create(app, { signal });
    await expect(making).rejects.toMatchObject({ code: 'INSTALL_FAILED' });
    const error = (await making.catch((e: unknown) => e)) as { found: string };
    expect(error.found).toContain('https://[redacted]@example.test/x');
    expect(error.found).not.toContain('hunter2');
    expect(await readdir(dir)).toEqual([]);
  });

  it('ends npm at its deadline and when asked to stop', async () => {
    const { app, dir } = await appWith({
      'package.json': { main: 'server.js', scripts: { postinstall: 'sleep 60' } },
    });
    const slow = createReleaseStore({ dir, installDeadlineMs: 700 }).create(app, { signal });
    await expect(slow).rejects.toMatchObject({ code: 'INSTALL_FAILED' });
    await expect(slow).rejects.toThrow('no end after');
    const abort = new AbortController();
    const stopped = createReleaseStore({ dir }).create(app, { signal: abort.signal });
    setTimeout(() => abort.abort(new Error('enough')), 300);
    await expect(stopped).rejects.toThrow('enough');
    expect(await readdir(dir)).toEqual([]);
  });

  it('says so when there is no npm', async () => {
    const { app, dir } = await appWith({
      'package.json': { main: 'server.js', scripts: { install: 'true' } },
    });
    vi.stubEnv('PATH', dir);
    onTestFinished(() => void vi.unstubAllEnvs());
    const making = createReleaseStore({ dir }).create(app, { signal });
    await expect(making).rejects.toMatchObject({ code: 'NPM_NOT_FOUND' });
  });

  it.each([
    ['--global', 'PACKAGE_SPEC_INVALID'],
    ['express@file:../express', 'PACKAGE_SPEC_INVALID'],
    ['git+https://example.test/x.git', 'PACKAGE_SPEC_INVALID'],
    ['', 'PACKAGE_SPEC_INVALID'],
  ])('refuses the package spec %j', async (spec, code) => {
    const { app, dir } = await appWith({ 'package.json': { main: 'server.js' } });
    const store = createReleaseStore({ dir });
    const base = await store.create(app, { signal });
    await expect(store.update(base, { packages: [spec] }, { signal })).rejects.toMatchObject({ code });
  });

  it.each([
    ['a folder without an app', {}, 'APP_NOT_FOUND'],
    [
      'no way to start',
      { 'package.json': { scripts: { start: 'node a.js && node b.js' } } },
      'APP_NO_COMMAND',
    ],
    ['a wrong manifest', { 'dharma.json': { nam: 'x' }, 'package.json': { main: 'a.js' } }, 'CONFIG_INVALID'],
    ['a broken package.json', { 'package.json': '{' }, 'CONFIG_NOT_JSON'],
  ])('refuses %s', async (_name, files, code) => {
    const root = await temporaryFolder();
    await writeFiles(join(root, 'app'), { readme: 'x', ...files });
    const making = createReleaseStore({ dir: join(root, 'releases') }).create(join(root, 'app'), { signal });
    await expect(making).rejects.toMatchObject({ code });
  });

  it('refuses a link that leaves the app and a changed path outside of it', async () => {
    const { app, dir } = await appWith({ 'package.json': { main: 'server.js' } });
    const store = createReleaseStore({ dir });
    const base = await store.create(app, { signal });
    const outside = store.update(base, { files: { '../x': null } }, { signal });
    await expect(outside).rejects.toMatchObject({ code: 'CHANGE_PATH_OUTSIDE' });
    await symlink('../../elsewhere', join(app, 'link'));
    await expect(store.create(app, { signal })).rejects.toMatchObject({ code: 'RELEASE_LINK_OUTSIDE' });
  });
});
