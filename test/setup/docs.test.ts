import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../common/paths.js';
import { COMMANDS } from '../../federator/cli/commands/index.js';

const read = (file: string): Promise<string> => readFile(join(packageRoot, file), 'utf8');

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly scripts: Record<string, string>;
}

it('docs/dependencies.md has a line for each dependency and for nothing else', async () => {
  const { dependencies, devDependencies } = JSON.parse(await read('package.json')) as Manifest;
  const packages = (await read('docs/dependencies.md')).split('## Overrides')[0] ?? '';
  const told = [...packages.matchAll(/^\| (.+?) \|/gm)].flatMap((row) =>
    [...(row[1] ?? '').matchAll(/`([^`]+)`/g)].map((name) => name[1]),
  );
  expect(told.sort()).toEqual(Object.keys({ ...dependencies, ...devDependencies }).sort());
});

it('dependencies are pinned, and the lock names no download addresses', async () => {
  const { dependencies, devDependencies } = JSON.parse(await read('package.json')) as Manifest;
  for (const version of Object.values({ ...dependencies, ...devDependencies }))
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
  expect(await read('package-lock.json')).not.toContain('"resolved"');
  expect(await read('examples/shop/package-lock.json')).not.toContain('"resolved"');
});

// npm 11 refuses a lock without every platform's optional packages; npm writes one where the registry lacks some.
it('the locks are complete', async () => {
  for (const file of ['package-lock.json', 'examples/shop/package-lock.json']) {
    const { packages } = JSON.parse(await read(file)) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const names = new Set(Object.keys(packages).map((path) => path.split('node_modules/').at(-1)));
    const wanted = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
    expect(wanted.filter((name) => !names.has(name))).toEqual([]);
  }
});

it.each(['README.md', 'CONTRIBUTING.md', '.ci/run'])('%s names only npm scripts that exist', async (file) => {
  const { scripts } = JSON.parse(await read('package.json')) as Manifest;
  const named = [
    ...(await read(file)).matchAll(
      /npm (?:run (?:--silent )?)?(start|test|lint|format|bench|build[:\w]*)\b/g,
    ),
  ];
  expect(named.length).toBeGreaterThan(0);
  for (const [, script] of named) expect(scripts).toHaveProperty(script ?? '');
});

it('README tells every command of federate, and none that is not there', async () => {
  const commands = COMMANDS.map((command) => command.name);
  const readme = await read('README.md');
  const table = readme.split('| command | what |')[1]?.split('\n\n')[0] ?? '';
  const told = table.split('\n').flatMap((row) => {
    const names = [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map((name) => name[1] ?? '');
    // "`shadow start`, `status`": the group is said once.
    const group = names[0]?.includes(' ') ? `${names[0].split(' ')[0]} ` : '';
    return names.map((name) => (name.startsWith(group) ? name : `${group}${name}`));
  });
  expect(told.sort()).toEqual([...commands].sort());
  for (const [, typed = ''] of readme.matchAll(/federate ((?:shadow |assets )?[a-z-]+)/g))
    if (typed !== 'federate')
      expect(
        commands.filter((name) => `${typed} `.startsWith(`${name} `)),
        typed,
      ).not.toEqual([]);
});
