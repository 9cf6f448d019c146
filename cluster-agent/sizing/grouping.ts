import { cheapestPartition, priceCut, type Segment } from './grouping-search.js';
import { mix, NO_TRAFFIC, workOf, type Traffic } from './wait-model.js';

/** What one endpoint brings, and how long it may take. */
export interface EndpointLoad extends Traffic {
  readonly endpoint: string;
  /** The mean time to answer it may have (see `targetOf`), ms; undefined: it waits no longer than it takes. */
  readonly target: number | undefined;
}

/** A kind of node that can be had. */
export interface NodeSize {
  readonly size: string;
  /** US dollars an hour. */
  readonly price: number;
  /** How much faster than the node on which service times were measured. */
  readonly speed: number;
}

export interface GroupingInput {
  readonly endpoints: readonly EndpointLoad[];
  /** At least one. */
  readonly sizes: readonly NodeSize[];
  /** Nodes that each group has at least: 2, where a lost node may not silence endpoints. */
  readonly least: number;
  /** Nodes that the cluster has at most. */
  readonly most: number;
  /** Groups that there are to be at least, where that can be; default 1: no grouping is chosen where it is as cheap. */
  readonly leastGroups?: number;
}

export interface NodeGroup {
  /** The class of its nodes in the proxy's config. */
  readonly nodeClass: string;
  readonly endpoints: readonly string[];
  readonly size: string;
  readonly nodes: number;
  /** Nodes that would be busy with its own work. */
  readonly work: number;
  /** Mean wait for a node that the model expects, ms. */
  readonly wait: number;
}

export interface Grouping {
  /** Shortest endpoints first. One group: all endpoints share all nodes; none: nothing was asked. */
  readonly groups: readonly NodeGroup[];
  /** US dollars an hour. */
  readonly price: number;
  /** The same without grouping; undefined: then no number of nodes in reach meets all targets. */
  readonly ungrouped: { readonly nodes: number; readonly size: string; readonly price: number } | undefined;
  /** Endpoints whose target nothing in reach meets, even alone; they are grouped as if they had none. */
  readonly unattainable: readonly string[];
}

/** So many classes a route of the proxy may name. */
export const MOST_GROUPS = 8;
/** Endpoints are bundled with their neighbours in duration above so many: the search takes the square of it. */
const MOST_BUNDLES = 64;

/**
 * The cheapest grouping of endpoints onto nodes, by duration: neighbours in duration share nodes, so that short requests do
 * not stand behind long ones. Grouping is chosen only where it is cheaper than none, or where none meets the targets. Pure.
 */
export function groupEndpoints(input: GroupingInput): Grouping {
  const used = input.endpoints.filter(isUsable).sort(byDuration);
  const unattainable = used.filter((load) => !isAttainable(load, input)).map(({ endpoint }) => endpoint);
  if (used.length === 0) return { groups: [], price: 0, ungrouped: undefined, unattainable };
  const bundles = bundle(used).map((loads) => bundleOf(loads, unattainable));
  const best = cheapestPartition(bundles, input, MOST_GROUPS, input.leastGroups);
  const none = cheapestPartition(bundles, input, 1);
  const chosen = withinReach(best, input.most) ?? none ?? [overfull(bundles, input)];
  return {
    groups: chosen.map((segment, place) => groupOf(segment, place, bundles)),
    price: priceOf(chosen),
    ungrouped: none === undefined ? undefined : { ...sizeOf(none[0]!), price: priceOf(none) },
    unattainable,
  };
}

/**
 * What the groups of `cut` (names of endpoints, the shortest first) would take of nodes; one that is in none counts as the
 * longest. `nodes` is Infinity where no number in reach meets all targets; each group then has what its work asks for. Pure.
 */
export function groupAs(
  cut: readonly (readonly string[])[],
  input: GroupingInput,
): { readonly groups: readonly NodeGroup[]; readonly nodes: number } {
  const used = input.endpoints.filter(isUsable).sort(byDuration);
  const unattainable = used.filter((load) => !isAttainable(load, input)).map(({ endpoint }) => endpoint);
  const placeOf = (endpoint: string): number => {
    const place = cut.findIndex((names) => names.includes(endpoint));
    return place === -1 ? cut.length - 1 : place;
  };
  const bundles = cut.map((_, place) =>
    bundleOf(
      used.filter(({ endpoint }) => placeOf(endpoint) === place),
      unattainable,
    ),
  );
  const segments = priceCut(bundles, input);
  const size = input.sizes[0]!;
  const groups = bundles.map((bundle, from): NodeGroup => {
    const atLeast = { nodes: Math.max(input.least, Math.ceil(workOf(bundle) / size.speed)), size };
    const segment = segments?.[from] ?? { ...atLeast, from, to: from + 1, price: 0, wait: Infinity };
    const group = groupOf(segment, from, bundles);
    // An endpoint that nobody asked for of late stays where it was.
    const quiet = cut[from]!.filter((name) => !group.endpoints.includes(name));
    return { ...group, endpoints: [...group.endpoints, ...quiet] };
  });
  const nodes = groups.reduce((sum, group) => sum + group.nodes, 0);
  return { groups, nodes: segments === undefined || nodes > input.most ? Infinity : nodes };
}

/** As many of the loads as make `work`, in nodes: what was measured, scaled to what is forecast. */
export function scaleTo(loads: readonly EndpointLoad[], work: number): EndpointLoad[] {
  const measured = loads.reduce((sum, load) => sum + workOf(load), 0);
  return measured === 0
    ? [...loads]
    : loads.map((load) => ({ ...load, rate: (load.rate * work) / measured }));
}

/** Neighbouring endpoints that are grouped as one. */
export interface Bundle extends Traffic {
  readonly endpoints: readonly string[];
  /** What each endpoint takes, and what it may take; ms. */
  readonly targets: readonly { readonly mean: number; readonly target: number | undefined }[];
}

/** An endpoint nobody asks for takes no nodes, and a figure that cannot be says nothing. */
function isUsable({ rate, mean, square }: EndpointLoad): boolean {
  return [rate, mean, square].every((figure) => Number.isFinite(figure) && figure > 0);
}

/** Ties by name: the order of the input decides nothing. */
function byDuration(a: EndpointLoad, b: EndpointLoad): number {
  return a.mean - b.mean || (a.endpoint < b.endpoint ? -1 : 1);
}

function isAttainable(load: EndpointLoad, input: GroupingInput): boolean {
  return cheapestPartition([bundleOf([load], [])], input, 1) !== undefined;
}

/** One each; of many, those that are alike: equal steps of the logarithm of duration. */
function bundle(loads: readonly EndpointLoad[]): EndpointLoad[][] {
  if (loads.length <= MOST_BUNDLES) return loads.map((load) => [load]);
  const [low, high] = [Math.log(loads[0]!.mean), Math.log(loads.at(-1)!.mean)];
  const bins = new Map<number, EndpointLoad[]>();
  for (const load of loads) {
    const share = high === low ? 0 : (Math.log(load.mean) - low) / (high - low);
    const bin = Math.min(MOST_BUNDLES - 1, Math.floor(share * MOST_BUNDLES));
    bins.set(bin, [...(bins.get(bin) ?? []), load]);
  }
  return [...bins.values()];
}

function bundleOf(loads: readonly EndpointLoad[], unattainable: readonly string[]): Bundle {
  return {
    ...loads.reduce<Traffic>(mix, NO_TRAFFIC),
    endpoints: loads.map(({ endpoint }) => endpoint),
    targets: loads.map(({ endpoint, mean, target }) => ({
      mean,
      target: unattainable.includes(endpoint) ? undefined : target,
    })),
  };
}

function withinReach(segments: readonly Segment[] | undefined, most: number): readonly Segment[] | undefined {
  const nodes = segments?.reduce((sum, segment) => sum + segment.nodes, 0);
  return nodes === undefined || nodes > most ? undefined : segments;
}

/** Where even the work alone is more than the nodes there may be: all of them, of the size that does most for its price. */
function overfull(bundles: readonly Bundle[], { sizes, most }: GroupingInput): Segment {
  const size = sizes.reduce((best, other) =>
    other.speed / other.price > best.speed / best.price ? other : best,
  );
  return { from: 0, to: bundles.length, nodes: most, size, price: most * size.price, wait: Infinity };
}

const priceOf = (segments: readonly Segment[]): number => segments.reduce((sum, { price }) => sum + price, 0);
const sizeOf = ({ nodes, size }: Segment): { nodes: number; size: string } => ({ nodes, size: size.size });

function groupOf(segment: Segment, place: number, bundles: readonly Bundle[]): NodeGroup {
  const own = bundles.slice(segment.from, segment.to);
  return {
    nodeClass: `group-${place}`,
    endpoints: own.flatMap(({ endpoints }) => endpoints),
    ...sizeOf(segment),
    work: workOf(own.reduce<Traffic>(mix, NO_TRAFFIC)) / segment.size.speed,
    wait: segment.wait,
  };
}
