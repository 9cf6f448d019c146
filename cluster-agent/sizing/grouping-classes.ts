import type { ProxyNode, ProxyRoute } from '../../common/index.js';
import type { NodeGroup } from './grouping.js';

interface Listed {
  readonly nodes: readonly ProxyNode[];
  /** Each names its endpoint. */
  readonly routes: readonly ProxyRoute[];
}

/**
 * What a cluster's proxy is told of its nodes and routes, with `groups` as classes of nodes. Without a node for each group
 * there are no groups: a class without nodes would refuse what the others could serve. A node keeps the class it has in
 * `before` wherever that group still wants it. `sizes`: of nodes, by name, where there are several. Pure.
 */
export function withGroups(
  { nodes, routes }: Listed,
  measured: readonly NodeGroup[],
  before: ReadonlyMap<string, string> = new Map(),
  sizes: ReadonlyMap<string, string> = new Map(),
): Listed {
  const endpoints = new Set(routes.map(endpointOf));
  // Another release may not have them: nodes kept for nobody would be missing elsewhere.
  const groups = measured.filter((group) => group.endpoints.some((endpoint) => endpoints.has(endpoint)));
  const active = nodes.filter(({ state }) => state !== 'drain').map(({ name }) => name);
  if (groups.length < 2 || active.length < groups.length) return { nodes, routes };
  const classes = classify(active, groups, before, sizes);
  return {
    nodes: nodes.map((node) => {
      const nodeClass = classes.get(node.name) ?? before.get(node.name);
      return nodeClass === undefined ? node : { ...node, class: nodeClass };
    }),
    routes: routes.map((route) => ({
      ...route,
      nodeClasses: nodeClassesOf(groups, endpointOf(route)),
    })),
  };
}

function endpointOf({ endpoint, pattern }: ProxyRoute): string {
  return endpoint ?? pattern;
}

/**
 * The classes of nodes an endpoint may use: those of its own group, then the idle ones of every longer group; never those
 * of a shorter one. One that was not measured counts as the longest: it may not hold up the short ones. Pure.
 */
export function nodeClassesOf(groups: readonly NodeGroup[], endpoint: string): string[] {
  const place = groups.findIndex(({ endpoints }) => endpoints.includes(endpoint));
  return groups.slice(place === -1 ? groups.length - 1 : place).map(({ nodeClass }) => nodeClass);
}

/**
 * How many of `nodes` (no fewer than groups) each group gets: what it needs and its share, by work, of what is over; where
 * nodes are missing, at least one and the share (largest remainders, Hamilton's method). Pure.
 */
export function shareNodes(groups: readonly NodeGroup[], nodes: number): number[] {
  const needed = groups.reduce((sum, group) => sum + group.nodes, 0);
  const floor = groups.map((group) => (nodes >= needed ? group.nodes : 1));
  const left = nodes - floor.reduce((sum, count) => sum + count, 0);
  const work = groups.reduce((sum, group) => sum + group.work, 0);
  const shares = groups.map((group) => left * (work > 0 ? group.work / work : 1 / groups.length));
  const over = left - shares.reduce((sum, share) => sum + Math.floor(share), 0);
  const first = groups
    .map((_, place) => place)
    .sort((a, b) => (shares[b]! % 1) - (shares[a]! % 1) || a - b)
    .slice(0, over);
  return floor.map((count, place) => count + Math.floor(shares[place]!) + (first.includes(place) ? 1 : 0));
}

/** First those that stay, then those of the size a group asks for, then whoever is left. */
function classify(
  active: readonly string[],
  groups: readonly NodeGroup[],
  before: ReadonlyMap<string, string>,
  sizes: ReadonlyMap<string, string>,
): Map<string, string> {
  const open = shareNodes(groups, active.length);
  const classes = new Map<string, string>();
  const place = (fits: (group: NodeGroup, node: string) => boolean): void => {
    for (const node of active) {
      if (classes.has(node)) continue;
      const at = groups.findIndex((group, i) => open[i]! > 0 && fits(group, node));
      if (at === -1) continue;
      open[at]! -= 1;
      classes.set(node, groups[at]!.nodeClass);
    }
  };
  const isOfSize = (group: NodeGroup, node: string): boolean =>
    (sizes.get(node) ?? group.size) === group.size;
  place((group, node) => before.get(node) === group.nodeClass && isOfSize(group, node));
  place(isOfSize);
  place(() => true);
  return classes;
}
