import { isDeepStrictEqual } from 'node:util';
import type { Release } from '../../common/index.js';
import {
  DEPENDENCY_FIELDS,
  broughtBy,
  copiesByName,
  resolveFrom,
  type Installed,
  type InstalledPackage,
} from './installed.js';

/** What an update changes, as items that can be taken or left one by one. Pure. */

/** One item. `key` is unique among an update's: for a package, its name. */
export type Change = PackageChange | OtherChange;

export interface PackageChange {
  readonly key: string;
  readonly kind: 'package';
  /** Versions, several where several copies are installed; null: not installed. */
  readonly from: string | null;
  readonly to: string | null;
  /** package.json asks for it, on either side. */
  readonly direct: boolean;
  /** Those of the changed direct packages below which it stands. */
  readonly through: readonly string[];
}

export interface OtherChange {
  readonly key: string;
  /** `manifest`: package.json beside its dependencies; `env`: a variable; `file`: a file laid over the app. */
  readonly kind: 'manifest' | 'env' | 'file';
  readonly name: string;
}

/** A change with those that usually come with it: a direct package with what is installed for its sake. */
export interface Unit {
  readonly head: Change;
  readonly below: readonly Change[];
}

/** Both sides of an update. */
export interface Sides {
  readonly old: Installed;
  readonly next: Installed;
}

/**
 * All items in which `next` is not `old`. Packages that only come or go because another one asks for them follow from
 * that other one and are no items.
 */
export function changesBetween(
  sides: Sides,
  releases: { readonly next: Pick<Release, 'base'> },
): readonly Change[] {
  const change = releases.next.base?.change ?? {};
  const ownFiles = Object.keys(change.files ?? {}).filter((path) => !PACKAGE_FILES.has(path));
  return [
    ...packageChanges(sides),
    ...(isDeepStrictEqual(besidesDependencies(sides.old), besidesDependencies(sides.next))
      ? []
      : [{ key: 'manifest:', kind: 'manifest', name: 'package.json' } as const]),
    ...Object.keys(change.env ?? {}).map((name) => ({ key: `env:${name}`, kind: 'env', name }) as const),
    ...ownFiles.map((name) => ({ key: `file:${name}`, kind: 'file', name }) as const),
  ];
}

/** Files of an app that say what is installed. */
export const PACKAGE_FILES: ReadonlySet<string> = new Set([
  'package.json',
  'package-lock.json',
  'npm-shrinkwrap.json',
]);

/** Fields of package.json that are about what is installed, which the changes of packages tell. */
const ABOUT_INSTALLING: ReadonlySet<string> = new Set([
  ...DEPENDENCY_FIELDS,
  'devDependencies',
  'peerDependencies',
  'peerDependenciesMeta',
  'overrides',
]);

export function besidesDependencies({ manifest }: Installed): Record<string, unknown> {
  return Object.fromEntries(Object.entries(manifest).filter(([field]) => !ABOUT_INSTALLING.has(field)));
}

function packageChanges(sides: Sides): readonly PackageChange[] {
  const [old, next] = [copiesByName(sides.old), copiesByName(sides.next)];
  const isDirect = (name: string): boolean => sides.old.direct.has(name) || sides.next.direct.has(name);
  const changed = [...new Set([...old.keys(), ...next.keys()])]
    .filter((name) => isChanged(name, sides, old.get(name) ?? [], next.get(name) ?? []))
    .filter((name) => isDirect(name) || (old.has(name) && next.has(name)))
    .sort();
  const below = changed
    .filter(isDirect)
    .map((name) => [name, new Set([...broughtBy(sides.old, name), ...broughtBy(sides.next, name)])] as const);
  return changed.map((name) => ({
    key: name,
    kind: 'package',
    from: versionsOf(old.get(name)),
    to: versionsOf(next.get(name)),
    direct: isDirect(name),
    through: isDirect(name) ? [] : below.filter(([, names]) => names.has(name)).map(([direct]) => direct),
  }));
}

function isChanged(
  name: string,
  sides: Sides,
  old: readonly InstalledPackage[],
  next: readonly InstalledPackage[],
): boolean {
  const contents = (copies: readonly InstalledPackage[]): string[] =>
    [...new Set(copies.map(({ version, content }) => `${version} ${content}`))].sort();
  if (!isDeepStrictEqual(contents(old), contents(next))) return true;
  // The same copies, of which the app itself gets another one.
  return (
    resolveFrom(sides.old, '', name)?.content !== resolveFrom(sides.next, '', name)?.content &&
    sides.old.direct.has(name) &&
    sides.next.direct.has(name)
  );
}

function versionsOf(copies: readonly InstalledPackage[] | undefined): string | null {
  if (copies === undefined) return null;
  return [...new Set(copies.map(({ version }) => version))].sort().join(', ');
}

/**
 * The changes as units: each direct package with the transitive ones below it, and everything else by itself. A package
 * below two direct ones stands in both units.
 */
export function unitsOf(changes: readonly Change[]): readonly Unit[] {
  const isBelow = (change: Change): change is PackageChange =>
    change.kind === 'package' && change.through.length > 0;
  return changes
    .filter((change) => !isBelow(change))
    .map((head) => ({
      head,
      below: changes.filter((change) => isBelow(change) && change.through.includes(head.key)),
    }));
}

/** The changes of several units, each once. */
export function changesOf(units: readonly Unit[]): readonly Change[] {
  return [...new Set([...units.map(({ head }) => head), ...units.flatMap(({ below }) => below)])];
}
