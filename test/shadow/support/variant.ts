import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestSchema, packageRoot, type Release, type ReleaseStore } from '../../../common/index.js';

/** A release made of a fixture, nothing installed: it finds the packages of this repository. */
export async function fixtureRelease(dir: string, fixture: string, isNew: boolean): Promise<Release> {
  await mkdir(dir, { recursive: true });
  await cp(join(packageRoot, 'test', 'shadow', 'fixtures', fixture), join(dir, 'app.mjs'));
  await writeFile(join(dir, 'version.mjs'), `export const NEW = ${isNew};\n`);
  await writeFile(
    join(dir, 'package.json'),
    JSON.stringify({ name: 'fixture', version: isNew ? '2.0.0' : '1.0.0', type: 'module', main: 'app.mjs' }),
  );
  await symlink(join(packageRoot, 'node_modules'), join(dir, 'node_modules'));
  return {
    id: isNew ? 'r0000000000000002' : 'r0000000000000001',
    app: 'fixture',
    dir,
    manifest: manifestSchema.parse({ name: 'fixture', command: ['node', 'app.mjs'] }),
    packages: { fixture: isNew ? '2.0.0' : '1.0.0' },
    createdAt: 0,
  };
}

/** Hands out the two releases in the order they are asked for. */
export function fixedReleases(old: Release, fresh: Release): ReleaseStore {
  const queue = [old, fresh];
  return {
    create: async () => queue.shift()!,
    update: async () => fresh,
    get: async () => undefined,
    list: async () => [old, fresh],
    remove: async () => undefined,
  };
}
