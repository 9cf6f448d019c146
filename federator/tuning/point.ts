import { isDeepStrictEqual } from 'node:util';
import { formatDuration, type ClusterConfig } from '../../common/index.js';

/** Keys of a cluster's config that tuning may set. */
export const TUNED_KEYS = [
  'waitMultiplier',
  'reconfigure',
  'shortShare',
  'standby',
  'grouping',
  'nodeSize',
] as const;
export type TunedKey = (typeof TUNED_KEYS)[number];

/** A cluster's config as tuning sees it: its place in the space of what may be tuned. Durations in ms. */
export type Point = Readonly<Partial<Pick<ClusterConfig, TunedKey>>>;
export type PointValue = NonNullable<Point[TunedKey]>;

/** A key's values: a number between bounds, moved by ratios, or a list in order, moved by one place. */
export type Dimension =
  | { readonly kind: 'range'; readonly least: number; readonly most: number }
  | { readonly kind: 'list'; readonly values: readonly PointValue[] };

/** What may be tuned, by key: the operator's overrides. Keys that are not here are never touched. */
export type Space = Readonly<Partial<Record<TunedKey, Dimension>>>;

export function keysOf(space: Space): readonly TunedKey[] {
  return TUNED_KEYS.filter((key) => space[key] !== undefined);
}

export function pointOf(config: ClusterConfig, space: Space): Point {
  return Object.fromEntries(keysOf(space).map((key) => [key, config[key]]));
}

/** The config with a point's values in place of its own: none of them hangs on another key. Pure. */
export function withPoint(config: ClusterConfig, point: Point): ClusterConfig {
  return { ...config, ...point };
}

export function samePoint(a: Point, b: Point): boolean {
  return isDeepStrictEqual(a, b);
}

/** Whether each value is one that the space has. */
export function isWithin(point: Point, space: Space): boolean {
  return keysOf(space).every((key) => {
    const value = point[key];
    const dimension = space[key]!;
    if (value === undefined) return false;
    if (dimension.kind === 'list') return dimension.values.includes(value);
    return typeof value === 'number' && value >= dimension.least && value <= dimension.most;
  });
}

/** The nearest point within the space. */
export function intoSpace(point: Point, space: Space): Point {
  const values = keysOf(space).map((key) => {
    const [value, dimension] = [point[key], space[key]!];
    if (dimension.kind === 'list')
      return [key, dimension.values.find((one) => one === value) ?? dimension.values[0]!] as const;
    const number = typeof value === 'number' ? value : dimension.least;
    return [key, Math.min(dimension.most, Math.max(dimension.least, number))] as const;
  });
  return Object.fromEntries(values);
}

/** Where two points differ, for people: `waitMultiplier 2 → 2.8`. */
export function difference(from: Point, to: Point): string {
  const parts = TUNED_KEYS.filter((key) => from[key] !== to[key]).map(
    (key) => `${key} ${show(key, from[key])} → ${show(key, to[key])}`,
  );
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}

function show(key: TunedKey, value: PointValue | undefined): string {
  if (value === undefined) return '-';
  if (typeof value !== 'number') return value;
  return key === 'reconfigure' ? formatDuration(value) : String(Number(value.toPrecision(3)));
}
