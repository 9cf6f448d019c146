import { drawOf } from './draw.js';
import { isWithin, keysOf, samePoint, type Point, type Space, type TunedKey } from './point.js';

export type Direction = 'up' | 'down';

/** Why a point is tried: a cluster came with it, or it is a step from the best one. */
export type Origin =
  | { readonly kind: 'brought'; readonly cluster: string }
  | { readonly kind: 'bred'; readonly key: TunedKey; readonly direction: Direction };

/** How a trial ended: for certain better or worse, neither, or it could not be brought about or was taken back. */
export type Outcome = 'better' | 'worse' | 'undecided' | 'impossible';

/** What is known of one key around the best point. */
export interface KeySearch {
  /** Ratio by which a number is moved. */
  readonly ratio: number;
  /** Ways from the best point that were tried at this ratio. */
  readonly tried: readonly Direction[];
}

/**
 * The search for better points: a pattern search (Hooke and Jeeves 1961). Points that clusters came with are tried first,
 * then steps of one key from the best so far; a way that led to a better point is gone on; where all ways fail the steps
 * get smaller, and end.
 */
export interface Search {
  readonly best: Point;
  /** Points that clusters came with and that were not tried yet. */
  readonly brought: readonly { readonly cluster: string; readonly point: Point }[];
  readonly keys: Readonly<Partial<Record<TunedKey, KeySearch>>>;
  /** Never tried again: the operator took them back, or they cannot be brought about. */
  readonly refused: readonly Point[];
}

const FIRST_RATIO = 2;
/** Steps below this change what is measured by less than it varies by itself. */
const LEAST_RATIO = 1.1;

export function newSearch(
  best: Point,
  brought: Search['brought'],
  space: Space,
  refused: readonly Point[] = [],
): Search {
  const others: { readonly cluster: string; readonly point: Point }[] = [];
  for (const one of brought)
    if (
      isWithin(one.point, space) &&
      !samePoint(one.point, best) &&
      !others.some(({ point }) => samePoint(point, one.point))
    )
      others.push(one);
  return { best, brought: others, keys: {}, refused };
}

/** What is tried next, and the search in which it is a step; undefined: nothing is left. The seed says which way is first. Pure. */
export function nextChallenger(
  search: Search,
  space: Space,
  seed: string,
): { readonly point: Point; readonly origin: Origin; readonly search: Search } | undefined {
  const allowed = (point: Point): boolean =>
    isWithin(point, space) &&
    !samePoint(point, search.best) &&
    !search.refused.some((one) => samePoint(one, point));
  for (const { cluster, point } of search.brought)
    if (allowed(point)) return { point, origin: { kind: 'brought', cluster }, search };
  const ways = keysOf(space).flatMap((key) => {
    const { tried } = keySearch(search, key);
    return (['up', 'down'] as const)
      .filter((direction) => !tried.includes(direction))
      .flatMap((direction) => {
        const point = step(search, space, key, direction);
        return point === undefined || !allowed(point) ? [] : [{ key, direction, point }];
      });
  });
  const [first] = ways.sort(
    (a, b) => drawOf(seed, `${a.key} ${a.direction}`) - drawOf(seed, `${b.key} ${b.direction}`),
  );
  if (first !== undefined) {
    const { point, key, direction } = first;
    return { point, origin: { kind: 'bred', key, direction }, search };
  }
  const finer = refined(search, space);
  return finer === undefined ? undefined : nextChallenger(finer, space, seed);
}

/** What is known after a trial of `point`, a step in this search. Pure. */
export function learned(
  search: Search,
  space: Space,
  { point, origin }: { readonly point: Point; readonly origin: Origin },
  outcome: Outcome,
): Search {
  const brought = search.brought.filter((one) => !samePoint(one.point, point));
  const refused = outcome === 'impossible' ? [...search.refused, point] : search.refused;
  if (outcome === 'better') {
    const keys = keysOf(space).map((key): [TunedKey, KeySearch] => {
      const back = origin.kind === 'bred' && origin.key === key ? [opposite(origin.direction)] : [];
      return [key, { ratio: keySearch(search, key).ratio, tried: back }];
    });
    return { best: point, brought, keys: Object.fromEntries(keys), refused };
  }
  if (origin.kind === 'brought') return { ...search, brought, refused };
  const { ratio, tried } = keySearch(search, origin.key);
  const after = { ratio, tried: [...tried, origin.direction] };
  return { ...search, brought, refused, keys: { ...search.keys, [origin.key]: after } };
}

function keySearch(search: Search, key: TunedKey): KeySearch {
  return search.keys[key] ?? { ratio: FIRST_RATIO, tried: [] };
}

function step(search: Search, space: Space, key: TunedKey, direction: Direction): Point | undefined {
  const [value, dimension] = [search.best[key], space[key]!];
  if (dimension.kind === 'list') {
    const at = dimension.values.findIndex((one) => one === value);
    const next = dimension.values[at + (direction === 'up' ? 1 : -1)];
    return at < 0 || next === undefined ? undefined : { ...search.best, [key]: next };
  }
  const { ratio } = keySearch(search, key);
  const number = Number(value) * (direction === 'up' ? ratio : 1 / ratio);
  const bounded = Math.min(dimension.most, Math.max(dimension.least, number));
  return { ...search.best, [key]: key === 'reconfigure' ? Math.round(bounded) : bounded };
}

/** The search with smaller steps; undefined where they are as small as is of use. */
function refined(search: Search, space: Space): Search | undefined {
  const ranges = keysOf(space).filter((key) => space[key]!.kind === 'range');
  const keys = ranges.map((key): [TunedKey, KeySearch] => [
    key,
    { ratio: Math.sqrt(keySearch(search, key).ratio), tried: [] },
  ]);
  if (keys.every(([, { ratio }]) => ratio < LEAST_RATIO)) return undefined;
  return { ...search, keys: { ...search.keys, ...Object.fromEntries(keys) } };
}

function opposite(direction: Direction): Direction {
  return direction === 'up' ? 'down' : 'up';
}
