import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { DharmaError } from '../../../common/index.js';
import { createReleaseStore } from '../../../cluster-agent/index.js';
import { tarball, temporaryFolder, writeFiles } from '../support/folders.js';
import { startRegistry } from '../support/registry.js';

const signal = new AbortController().signal;

describe('updates from a registry', () => {
  it('installs what is there, and says which package or version is not', async () => {
    const root = await temporaryFolder();
    const dep = await Promise.all(['1.0.0', '1.1.0'].map((v) => tarball(root, 'dha-dep', v, '')));
    onTestFinished(() => void vi.unstubAllEnvs());
    vi.stubEnv('npm_config_registry', await startRegistry({ 'dha-dep': dep }));
    vi.stubEnv('npm_config_cache', join(root, 'cache'));
    vi.stubEnv('npm_config_fetch_retries', '0');
    const app = join(root, 'app');
    await writeFiles(app, {
      'server.js': '',
      'package.json': { name: 'app', main: 'server.js', dependencies: { 'dha-dep': '1.0.0' } },
    });
    const store = createReleaseStore({ dir: join(root, 'releases') });
    const base = await store.create(app, { signal });
    expect(base.packages).toEqual({ 'dha-dep': '1.0.0' });
    const updated = await store.update(base, { packages: ['dha-dep@1.1.0'] }, { signal });
    expect(updated.packages).toEqual({ 'dha-dep': '1.1.0' });

    const failed = async (spec: string): Promise<DharmaError> =>
      (await store.update(base, { packages: [spec] }, { signal }).catch((e: unknown) => e)) as DharmaError;
    expect(await failed('dha-dep@9.9.9')).toMatchObject({
      code: 'PACKAGE_NOT_FOUND',
      message: 'there is no version dha-dep@9.9.9',
      remedy: 'See which there are: npm view dha-dep versions',
    });
    expect(await failed('dha-nope@1.0.0')).toMatchObject({
      code: 'PACKAGE_NOT_FOUND',
      message: 'there is no package dha-nope',
    });
    expect(await readdir(join(root, 'releases'))).toHaveLength(2);
    // Six runs of npm, each a second on a machine that is idle and many on one that is not.
  }, 180_000);
});
