import type { AppManifest, NodeClass, ProxyNode, ProxyRoute } from '../../common/index.js';

/** The class of nodes that are kept for no route; no name that a user can give. */
const GENERAL = '*';

/**
 * Keeps routes with a `nodeClass` to nodes of their own, where the cluster has such a class: `wanted` nodes of each. The
 * other routes have the other nodes, and of these only those that are idle while their own are busy; a route never gets
 * nodes of a class by chance. One node stays for all: with fewer nodes than are wanted, classes go without; and so does one
 * whose nodes are of a size of their own (`sizes`: of nodes, by name, where they have one) before these are there. Pure.
 */
export function withClasses(
  nodes: readonly ProxyNode[],
  wanted: readonly NodeClass[],
  sizes: ReadonlyMap<string, string> = new Map(),
): readonly ProxyNode[] {
  // By name, so that nodes that stay keep their class when others come and go.
  const free = nodes
    .filter(({ state }) => state !== 'drain')
    .map(({ name }) => name)
    .sort();
  const classes = new Map<string, string>();
  for (const { name, count, size } of wanted)
    for (let i = 0; i < count && free.length > 1; i++) {
      const at = free.findIndex((node) => sizes.get(node) === size);
      if (at === -1) break;
      classes.set(free.splice(at, 1)[0]!, name);
    }
  if (classes.size === 0) return nodes;
  return nodes.map((node) => ({ ...node, class: classes.get(node.name) ?? GENERAL }));
}

/** The classes that a route may use, given those that nodes have. Pure. */
export function classesFor(
  route: Pick<AppManifest['routes'][number], 'nodeClass'>,
  nodes: readonly ProxyNode[],
): Pick<ProxyRoute, 'nodeClasses'> {
  const present = [...new Set(nodes.flatMap((node) => (node.state === 'drain' ? [] : (node.class ?? []))))];
  if (present.length === 0) return {};
  if (route.nodeClass !== undefined && present.includes(route.nodeClass))
    return { nodeClasses: [route.nodeClass] };
  return { nodeClasses: [GENERAL, ...present.filter((name) => name !== GENERAL).sort()] };
}
