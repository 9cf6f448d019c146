import { besidesDependencies, type Change, type Sides } from './changes.js';
import {
  copiesByName,
  resolveFrom,
  type DependencyField,
  type Installed,
  type InstalledPackage,
} from './installed.js';

/** Mixed releases: the old one with some of an update's changes. Pure. */

type Overrides = Record<string, string | Record<string, string>>;

/**
 * A package.json that asks for the old packages with `taken` as the new release has them, each exactly: what the app asks
 * for by its version, everything below by `overrides`, so that nothing else moves.
 */
export function mixedManifest(sides: Sides, taken: ReadonlySet<string>): Record<string, unknown> {
  const fields: Record<DependencyField, Record<string, string>> = {
    dependencies: {},
    optionalDependencies: {},
  };
  for (const name of new Set([...sides.old.direct.keys(), ...sides.next.direct.keys()])) {
    const side = sideOf(sides, taken, name);
    const asked = side.direct.get(name);
    if (asked !== undefined) fields[asked.field][name] = resolveFrom(side, '', name)?.spec ?? asked.spec;
  }
  return {
    ...besidesDependencies(taken.has('manifest:') ? sides.next : sides.old),
    ...fields,
    overrides: overridesOf(sides, taken),
  };
}

function sideOf(sides: Sides, taken: ReadonlySet<string>, name: string): Installed {
  return taken.has(name) ? sides.next : sides.old;
}

function overridesOf(sides: Sides, taken: ReadonlySet<string>): Overrides {
  const overrides: Overrides = {};
  const [old, next] = [copiesByName(sides.old), copiesByName(sides.next)];
  const several: [string, Installed][] = [];
  for (const name of [...new Set([...old.keys(), ...next.keys()])].sort()) {
    // What only one side has follows from the package that asks for it.
    const isNext = !old.has(name) || (next.has(name) && taken.has(name));
    const side = isNext ? sides.next : sides.old;
    const specs = new Set(((isNext ? next : old).get(name) ?? []).map(({ spec }) => spec));
    if (specs.size === 1) overrides[name] = [...specs][0]!;
    else several.push([name, side]);
  }
  for (const [name, side] of several)
    for (const [asking, spec] of askedBy(side, name)) {
      const before = overrides[asking] ?? {};
      overrides[asking] = { ...(typeof before === 'string' ? { '.': before } : before), [name]: spec };
    }
  return overrides;
}

/** Which copy of `name` each package that asks for it gets: `package`, or `package@version` where its versions differ in that. */
function askedBy(side: Installed, name: string): readonly (readonly [string, string])[] {
  const byAsking = new Map<string, Map<string, string>>();
  for (const asking of side.packages.values()) {
    const got = asking.wants.includes(name) ? resolveFrom(side, asking.path, name) : undefined;
    if (got === undefined) continue;
    byAsking.set(
      asking.name,
      (byAsking.get(asking.name) ?? new Map<string, string>()).set(asking.version, got.spec),
    );
  }
  return [...byAsking].flatMap(([asking, specs]) =>
    new Set(specs.values()).size === 1
      ? [[asking, [...specs.values()][0]!] as const]
      : [...specs].map(([version, spec]) => [`${asking}@${version}`, spec] as const),
  );
}

/** In what an installed mix is not the one that was asked for, a sentence each. Empty: it is. */
export function misfits(
  mixed: Installed,
  sides: Sides,
  changes: readonly Change[],
  taken: ReadonlySet<string>,
): readonly string[] {
  const [old, next, got] = [copiesByName(sides.old), copiesByName(sides.next), copiesByName(mixed)];
  return changes.flatMap(({ key, kind }) => {
    if (kind !== 'package') return [];
    const wanted = (taken.has(key) ? next : old).get(key) ?? [];
    const stray = (got.get(key) ?? []).find(
      (copy) => !wanted.some(({ content }) => content === copy.content),
    );
    if (stray !== undefined) return [`npm installed ${key} ${stray.version} instead of ${listed(wanted)}`];
    const missing = sideOf(sides, taken, key).direct.has(key) && wanted.length > 0 && !got.has(key);
    return missing ? [`npm did not install ${key} ${listed(wanted)}`] : [];
  });
}

function listed(copies: readonly InstalledPackage[]): string {
  return copies.length === 0 ? 'none' : [...new Set(copies.map(({ version }) => version))].join(', ');
}
