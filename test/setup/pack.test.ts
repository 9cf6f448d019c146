import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { packageRoot } from '../../common/paths.js';

const run = promisify(execFile);

it('the package carries what an installed federate needs, and nothing else', async () => {
  // Without scripts: what is packed is what npm test has compiled already.
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: packageRoot,
    maxBuffer: 2 ** 26,
  });
  const [packed] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const paths = packed.files.map((file) => file.path);
  for (const needed of [
    'LICENSE',
    'README.md',
    'dist/federator/cli/main.js',
    'docs/architecture.md',
    'examples/shop/dharma.json',
    'examples/shop/package-lock.json',
    'examples/shop/scenario.jsonl',
    'examples/traffic.mjs',
    'native/Makefile',
    'native/bin/dharma-proxy.mjs',
    'native/src/main.c',
    'native/src/run/main.c',
    'scripts/native.mjs',
  ])
    expect(paths).toContain(needed);
  const unwanted = paths.filter((path) =>
    /^(dist\/)?(test|bench)\/|node_modules|native\/build|\.dharma/.test(path),
  );
  expect(unwanted).toEqual([]);
});

it('the package has a dharma-proxy command', async () => {
  const { stdout } = await run(process.execPath, [
    join(packageRoot, 'native/bin/dharma-proxy.mjs'),
    '--version',
  ]);
  expect(stdout).toMatch(/^dharma-proxy \d+\.\d+\.\d+\n$/);
});

it('the dharma-proxy command ends as the proxy does', async () => {
  const args = [join(packageRoot, 'native/bin/dharma-proxy.mjs'), '--config', '/nowhere.json'];
  await expect(run(process.execPath, args)).rejects.toMatchObject({ code: 2 });
});
