import { join } from 'node:path';
import { z } from 'zod';
import { parseConfig, readJson, type Release } from '../../common/index.js';

/** What is installed in a release: npm's own record of it (`node_modules/.package-lock.json`) as a graph. */

export const DEPENDENCY_FIELDS = ['dependencies', 'optionalDependencies'] as const;
export type DependencyField = (typeof DEPENDENCY_FIELDS)[number];

/** One installed copy of a package. */
export interface InstalledPackage {
  /** Its folder, relative to the app: `node_modules/a/node_modules/b`. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  /** What asks npm for exactly this one: a version, or where it was got from. */
  readonly spec: string;
  /** Tells two contents of one version apart. */
  readonly content: string;
  /** The names it asks for. */
  readonly wants: readonly string[];
}

export interface Installed {
  /** package.json, as it stands. */
  readonly manifest: Readonly<Record<string, unknown>>;
  /** What package.json asks for: name → field and specification. */
  readonly direct: ReadonlyMap<string, { readonly field: DependencyField; readonly spec: string }>;
  readonly packages: ReadonlyMap<string, InstalledPackage>;
}

const names = z.record(z.string(), z.string()).default({});
const entrySchema = z.looseObject({
  name: z.string().optional(),
  version: z.string().optional(),
  resolved: z.string().optional(),
  integrity: z.string().optional(),
  link: z.boolean().default(false),
  inBundle: z.boolean().default(false),
  dependencies: names,
  optionalDependencies: names,
  peerDependencies: names,
});
const lockSchema = z.looseObject({ packages: z.record(z.string(), entrySchema).default({}) });
const manifestSchema = z.looseObject({ dependencies: names, optionalDependencies: names });

/** Reads what a release has installed. Errors: CONFIG_NOT_JSON, CONFIG_INVALID. */
export async function readInstalled(release: Pick<Release, 'dir'>): Promise<Installed> {
  const [manifest, lock] = await Promise.all([
    readJson(join(release.dir, 'package.json')),
    readJson(join(release.dir, 'node_modules', '.package-lock.json')),
  ]);
  return installedOf(manifest ?? {}, lock ?? {});
}

/** The graph of a package.json and a lock file. Pure. Error: CONFIG_INVALID. */
export function installedOf(manifest: unknown, lock: unknown): Installed {
  const { dependencies, optionalDependencies } = parseConfig(manifestSchema, manifest, 'package.json');
  const direct = new Map(
    [
      ...entriesOf('dependencies', dependencies),
      // npm has it that what stands in both is optional.
      ...entriesOf('optionalDependencies', optionalDependencies),
    ].map(({ name, field, spec }) => [name, { field, spec }] as const),
  );
  const packages = new Map<string, InstalledPackage>();
  for (const [path, entry] of Object.entries(parseConfig(lockSchema, lock, '.package-lock.json').packages)) {
    // What comes inside of another package is part of that one; a link is a folder of the app's own.
    if (!path.includes('node_modules/') || entry.link || entry.inBundle || entry.version === undefined)
      continue;
    packages.set(path, packageOf(path, entry, entry.version));
  }
  return { manifest: manifest as Record<string, unknown>, direct, packages };
}

function entriesOf(
  field: DependencyField,
  specs: Readonly<Record<string, string>>,
): { name: string; field: DependencyField; spec: string }[] {
  return Object.entries(specs).map(([name, spec]) => ({ name, field, spec }));
}

function packageOf(path: string, entry: z.output<typeof entrySchema>, version: string): InstalledPackage {
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  return {
    path,
    name,
    version,
    spec: specOf(name, entry, version),
    content: entry.integrity ?? entry.resolved ?? version,
    wants: [
      ...new Set([
        ...Object.keys(entry.dependencies),
        ...Object.keys(entry.optionalDependencies),
        ...Object.keys(entry.peerDependencies),
      ]),
    ],
  };
}

function specOf(name: string, entry: z.output<typeof entrySchema>, version: string): string {
  const { resolved } = entry;
  if (entry.name !== undefined && entry.name !== name) return `npm:${entry.name}@${version}`;
  // A registry names its archives by the package; anything else was got from somewhere of its own.
  const fromRegistry = resolved === undefined || /^https?:\/\/.*\/-\/[^/]*\.tgz$/.test(resolved);
  return fromRegistry ? version : resolved;
}

/** The copy that a package at `from` (empty: the app) gets when it asks for `name`, as Node looks for it. */
export function resolveFrom(installed: Installed, from: string, name: string): InstalledPackage | undefined {
  for (let folder = from; ; folder = outer(folder)) {
    const found = installed.packages.get(`${folder === '' ? '' : `${folder}/`}node_modules/${name}`);
    if (found !== undefined || folder === '') return found;
  }
}

/** The folder whose node_modules this one stands in. */
function outer(path: string): string {
  const at = path.lastIndexOf('/node_modules/');
  return at < 0 ? '' : path.slice(0, at);
}

/** The names of all that is installed for the sake of `name`, which package.json asks for, itself included. */
export function broughtBy(installed: Installed, name: string): ReadonlySet<string> {
  const seen = new Map<string, InstalledPackage>();
  const first = resolveFrom(installed, '', name);
  const open = first === undefined ? [] : [first];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next.path)) continue;
    seen.set(next.path, next);
    for (const wanted of next.wants) {
      const found = resolveFrom(installed, next.path, wanted);
      if (found !== undefined) open.push(found);
    }
  }
  return new Set([...seen.values()].map((one) => one.name));
}

/** All copies by their name. */
export function copiesByName(installed: Installed): ReadonlyMap<string, readonly InstalledPackage[]> {
  const byName = new Map<string, InstalledPackage[]>();
  for (const copy of installed.packages.values())
    byName.set(copy.name, [...(byName.get(copy.name) ?? []), copy]);
  return byName;
}
