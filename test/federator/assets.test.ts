import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { assetFiles } from '../../federator/upgrade/assets.js';

async function folders(): Promise<{ release: string; assets: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'dharma-assets-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const [release, assets] = [join(dir, 'release'), join(dir, 'public')];
  await mkdir(join(release, 'public', 'old'), { recursive: true });
  await mkdir(join(assets, 'img'), { recursive: true });
  await writeFile(join(release, 'server.js'), '');
  await writeFile(join(release, 'public', 'app.css'), 'old');
  await writeFile(join(release, 'public', 'old', 'gone.js'), '');
  await writeFile(join(assets, 'app.css'), 'new');
  await writeFile(join(assets, 'img', 'a.png'), '');
  return { release, assets };
}

test("assets take the place of the app's folder of that name: laid over, added, and what is gone removed", async () => {
  const { release, assets } = await folders();
  expect(await assetFiles(release, { dir: assets })).toEqual({
    'public/app.css': join(assets, 'app.css'),
    'public/img/a.png': join(assets, 'img', 'a.png'),
    'public/old/gone.js': null,
  });
  expect(await assetFiles(release, { dir: assets, into: 'static/v2' })).toEqual({
    'static/v2/app.css': join(assets, 'app.css'),
    'static/v2/img/a.png': join(assets, 'img', 'a.png'),
  });
});

test('assets that are not there, or would stand outside the app, are refused', async () => {
  const { release, assets } = await folders();
  for (const dir of [join(assets, 'none'), join(assets, 'app.css')])
    await expect(assetFiles(release, { dir })).rejects.toMatchObject({ code: 'ASSETS_NOT_FOUND' });
  for (const into of ['/etc', '../x', 'a/../../x', 'node_modules/express', ''])
    await expect(assetFiles(release, { dir: assets, into })).rejects.toMatchObject({
      code: 'ASSETS_PLACE_INVALID',
    });
});
