import { describe, expect, it } from 'vitest';
import { changesBetween, unitsOf, type Sides } from '../../../shadow/attribute/changes.js';
import { installedOf, type Installed } from '../../../shadow/attribute/installed.js';
import { misfits, mixedManifest } from '../../../shadow/attribute/mix.js';

type Entry = [version: string, dependencies?: Record<string, string>];

/** Folder below node_modules, with `/` for a further node_modules → version and dependencies. */
function installed(manifest: object, packages: Record<string, Entry>): Installed {
  const entries = Object.entries(packages).map(([path, [version, dependencies]]) => [
    path
      .split('/')
      .map((name) => `node_modules/${name}`)
      .join('/'),
    { version, ...(dependencies && { dependencies }) },
  ]);
  return installedOf(manifest, { packages: Object.fromEntries(entries) as unknown });
}

const OLD = installed(
  { name: 'app', dependencies: { web: '^1.0.0', log: '^1.0.0', same: '1' } },
  {
    web: ['1.0.0', { ms: '1', gone: '1' }],
    log: ['1.0.0', { ms: '2' }],
    'log/ms': ['2.0.0'],
    ms: ['1.0.0'],
    gone: ['1.0.0'],
    same: ['1.0.0'],
  },
);
const NEXT = installed(
  { name: 'app', dependencies: { web: '^2.0.0', log: '^1.0.0', same: '1', extra: '1' } },
  {
    web: ['2.0.0', { ms: '3', fresh: '1' }],
    log: ['1.0.0', { ms: '2' }],
    ms: ['3.0.0'],
    'log/ms': ['2.1.0'],
    fresh: ['1.0.0'],
    same: ['1.0.0'],
    extra: ['1.0.0'],
  },
);
const sides: Sides = { old: OLD, next: NEXT };
const changes = changesBetween(sides, { next: {} });

describe('the changes of an update', () => {
  it('are the packages that moved, with all their versions; what follows from another is none', () => {
    expect(changes).toEqual([
      { key: 'extra', kind: 'package', from: null, to: '1.0.0', direct: true, through: [] },
      {
        key: 'ms',
        kind: 'package',
        from: '1.0.0, 2.0.0',
        to: '2.1.0, 3.0.0',
        direct: false,
        through: ['web'],
      },
      { key: 'web', kind: 'package', from: '1.0.0', to: '2.0.0', direct: true, through: [] },
    ]);
  });

  it('come in units: a package of the app with what is below it', () => {
    expect(unitsOf(changes).map(({ head, below }) => [head.key, below.map(({ key }) => key)])).toEqual([
      ['extra', []],
      ['web', ['ms']],
    ]);
  });

  it('tell of package.json beside its dependencies, of env and of files', () => {
    const other = installed({ name: 'app', version: '2.0.0' }, {});
    const base = {
      id: 'r1',
      change: { env: { FLAG: '1' }, files: { 'a.js': '/a.js', 'package.json': '/p' } },
    };
    expect(changesBetween({ old: installed({ name: 'app' }, {}), next: other }, { next: { base } })).toEqual([
      { key: 'manifest:', kind: 'manifest', name: 'package.json' },
      { key: 'env:FLAG', kind: 'env', name: 'FLAG' },
      { key: 'file:a.js', kind: 'file', name: 'a.js' },
    ]);
  });
});

describe('a mixed package.json', () => {
  it('asks for each package exactly, as the side it is taken from has it', () => {
    expect(mixedManifest(sides, new Set(['web']))).toEqual({
      name: 'app',
      dependencies: { web: '2.0.0', log: '1.0.0', same: '1.0.0' },
      optionalDependencies: {},
      overrides: {
        web: { '.': '2.0.0', ms: '1.0.0' },
        log: { '.': '1.0.0', ms: '2.0.0' },
        same: '1.0.0',
        extra: '1.0.0',
        fresh: '1.0.0',
        gone: '1.0.0',
      },
    });
  });

  it('has what is added only where it is taken', () => {
    expect(mixedManifest(sides, new Set(['extra', 'ms']))).toMatchObject({
      dependencies: { extra: '1.0.0', web: '1.0.0' },
      overrides: { web: { '.': '1.0.0', ms: '3.0.0' }, log: { ms: '2.1.0' } },
    });
  });

  it('asks for archives by where they lie, and for aliases by their true name', () => {
    const lock = {
      'node_modules/a': { version: '1.0.0', resolved: 'file:vendor/a.tgz' },
      'node_modules/b': {
        version: '1.0.0',
        resolved: 'https://registry.example.test/real/-/real-1.0.0.tgz',
        name: 'real',
      },
      'node_modules/c': { version: '1.0.0', resolved: 'https://registry.example.test/c/-/c-1.0.0.tgz' },
    };
    const one = installedOf(
      { dependencies: { a: 'file:vendor/a.tgz', b: 'npm:real@1', c: '*' } },
      { packages: lock },
    );
    expect(mixedManifest({ old: one, next: one }, new Set())).toMatchObject({
      dependencies: { a: 'file:vendor/a.tgz', b: 'npm:real@1.0.0', c: '1.0.0' },
    });
  });

  it('is told from what npm made of it', () => {
    const taken = new Set(['ms']);
    expect(misfits(OLD, sides, changes, new Set())).toEqual([]);
    expect(misfits(NEXT, sides, changes, new Set(['extra', 'ms', 'web']))).toEqual([]);
    expect(misfits(OLD, sides, changes, taken)).toEqual(['npm installed ms 2.0.0 instead of 3.0.0, 2.1.0']);
    expect(misfits(OLD, sides, changes, new Set(['extra']))).toEqual(['npm did not install extra 1.0.0']);
  });
});
