import type { Bundle, GroupingInput, NodeSize } from './grouping.js';
import { meanWait, mix, NO_TRAFFIC, residual, workOf, type Traffic } from './wait-model.js';

/** Bundles `from` (with) to `to` (without) on nodes of their own. */
export interface Segment {
  readonly from: number;
  readonly to: number;
  readonly nodes: number;
  readonly size: NodeSize;
  readonly price: number;
  readonly wait: number;
}

type Limits = Pick<GroupingInput, 'sizes' | 'least' | 'most'>;

/**
 * The cheapest way to cut a row of bundles, ordered by duration, into `leastGroups` to `mostGroups` neighbouring segments; of
 * equal ones that with the fewest. Dynamic programming over where the last segment begins (Bellman 1961). Undefined: no way
 * meets every target. Pure.
 */
export function cheapestPartition(
  bundles: readonly Bundle[],
  limits: Limits,
  mostGroups: number,
  leastGroups = 1,
): readonly Segment[] | undefined {
  const count = bundles.length;
  const segments = priceSegments(bundles, limits, mostGroups === 1);
  // ways[to]: the cheapest way for the first `to` bundles, with as many segments as the round has had.
  let ways = new Map<number, Way>([[0, { price: 0, segments: [] }]]);
  let best: Way | undefined;
  for (let round = 0; round < Math.min(mostGroups, count); round += 1) {
    const next = new Map<number, Way>();
    for (const [from, way] of ways)
      for (const segment of segments[from] ?? []) {
        const price = way.price + segment.price;
        if (isCheaper(price, next.get(segment.to)?.price))
          next.set(segment.to, { price, segments: [...way.segments, segment] });
      }
    ways = next;
    const whole = ways.get(count);
    if (whole !== undefined && round + 1 >= leastGroups && isCheaper(whole.price, best?.price)) best = whole;
  }
  return best?.segments;
}

/** What the given groups, the shortest first, would take; undefined: some target is out of reach. Pure. */
export function priceCut(groups: readonly Bundle[], limits: Limits): readonly Segment[] | undefined {
  let guests: Traffic = NO_TRAFFIC;
  const segments: Segment[] = [];
  for (const [from, group] of groups.entries()) {
    const found = cheapestNodes(group, [group], guests, limits);
    if (found === undefined) return undefined;
    segments.push({ ...found, from, to: from + 1 });
    guests = mix(guests, group);
  }
  return segments;
}

interface Way {
  readonly price: number;
  readonly segments: readonly Segment[];
}

/** By more than rounding. */
function isCheaper(price: number, than: number | undefined): boolean {
  return than === undefined || price < than - 1e-9 * Math.max(1, than);
}

/** All segments that can be had, by where they begin. */
function priceSegments(bundles: readonly Bundle[], limits: Limits, wholeOnly: boolean): Segment[][] {
  let guests: Traffic = NO_TRAFFIC;
  return bundles.slice(0, wholeOnly ? 1 : bundles.length).map((_, from) => {
    const found: Segment[] = [];
    let traffic: Traffic = NO_TRAFFIC;
    for (let to = from + 1; to <= bundles.length; to += 1) {
      traffic = mix(traffic, bundles[to - 1]!);
      if (wholeOnly && to < bundles.length) continue;
      const segment = cheapestNodes(traffic, bundles.slice(from, to), guests, limits);
      if (segment !== undefined) found.push({ ...segment, from, to });
    }
    guests = mix(guests, bundles[from]!);
    return found;
  });
}

/** The size and number of nodes that serve `traffic` for the least money; undefined: none does. */
function cheapestNodes(
  traffic: Traffic,
  bundles: readonly Bundle[],
  guests: Traffic,
  limits: Limits,
): Omit<Segment, 'from' | 'to'> | undefined {
  let best: Omit<Segment, 'from' | 'to'> | undefined;
  for (const size of limits.sizes) {
    const own = at(traffic, size);
    // A long one may find a short one on its node, once: while any waits, none of its nodes is idle, and none is lent.
    const lent = residual(at(guests, size));
    const allowed = bundles
      .flatMap(({ targets }) => targets)
      .reduce((least, { mean, target }) => Math.min(least, waitAllowed(mean / size.speed, target)), Infinity);
    const nodes = fewestNodes(own, allowed - lent, limits);
    if (nodes === undefined) continue;
    const price = nodes * size.price;
    if (isCheaper(price, best?.price)) best = { nodes, size, price, wait: meanWait(own, nodes) + lent };
  }
  return best;
}

function waitAllowed(service: number, target: number | undefined): number {
  return target === undefined ? service : target - service;
}

function at({ rate, mean, square }: Traffic, { speed }: NodeSize): Traffic {
  return { rate, mean: mean / speed, square: square / speed ** 2 };
}

/** The fewest nodes with which the mean wait is within `allowed` ms: it falls with every node, so halving finds them. */
function fewestNodes(traffic: Traffic, allowed: number, { least, most }: Limits): number | undefined {
  let low = Math.max(least, Math.floor(workOf(traffic)) + 1);
  if (low > most || !(meanWait(traffic, most) <= allowed)) return undefined;
  let high = most;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (meanWait(traffic, middle) <= allowed) high = middle;
    else low = middle + 1;
  }
  return low;
}
