import type { NodeState } from '../../common/index.js';

/** A release with the env its nodes get: nodes of one group are alike, and any difference makes another group. */
export type GroupKey = string;

export interface PlannedNode {
  readonly name: string;
  readonly group: GroupKey;
  readonly state: NodeState;
  /** Where it is not that of its group's other nodes. */
  readonly size?: string;
}

/** So many of a group's nodes are of this size. */
export interface SizeCount {
  readonly size: string;
  readonly count: number;
}

export interface PlanInput {
  readonly active: GroupKey;
  readonly warm: readonly GroupKey[];
  /** How many nodes of each group are to serve. */
  readonly count: number;
  /** So many more of the group that serves wait ready, without requests, for one that is lost. */
  readonly spares: number;
  /** The group that has had the traffic until now. */
  readonly serving: GroupKey | undefined;
  /** Of `count`, those that are of another size than the rest, by group. */
  readonly sized?: ReadonlyMap<GroupKey, readonly SizeCount[]>;
  /** In the order they were started. */
  readonly nodes: readonly PlannedNode[];
}

export interface Plan {
  readonly serving: GroupKey | undefined;
  /** Nodes that get requests from now on. */
  readonly traffic: readonly string[];
  readonly start: readonly { readonly group: GroupKey; readonly count: number; readonly size?: string }[];
  /** Nodes that are not wanted any more. */
  readonly retire: readonly string[];
}

/** What to do so that the nodes become what the spec says, without a moment in which nobody serves. Pure. */
export function plan(input: PlanInput): Plan {
  const serving = servingGroup(input);
  const wanted = [...new Set([input.active, ...input.warm])];
  const living = input.nodes.filter(({ state }) => state !== 'draining' && state !== 'stopped');
  const start = wanted.flatMap((group) =>
    quotasOf(input, group).flatMap(({ size, count }) => {
      const missing = count - living.filter((node) => isAlike(node, { group, size })).length;
      return missing > 0 ? [{ group, count: missing, ...(size === undefined ? {} : { size }) }] : [];
    }),
  );
  const retire = living.filter((node) => isUnwanted(node, living, input, [...wanted, serving]));
  const ready = living.filter(
    (node) => node.group === serving && node.state === 'ready' && !retire.includes(node),
  );
  const traffic = chosen(ready, serving, input);
  return { serving, traffic: traffic.map(nameOf), start, retire: retire.map(nameOf) };
}

/** How many nodes of each size a group is to have. Warm releases only run their tests: what waits there is enough for a flip. */
function quotasOf(
  { active, count, spares, sized }: PlanInput,
  group: GroupKey | undefined,
): readonly { readonly size: string | undefined; readonly count: number }[] {
  const others = group === undefined ? [] : (sized?.get(group) ?? []);
  const rest = count - others.reduce((sum, other) => sum + other.count, 0);
  return [{ size: undefined, count: Math.max(0, rest) + (group === active ? spares : 0) }, ...others];
}

function isAlike(
  node: PlannedNode,
  { group, size }: { readonly group: GroupKey | undefined; readonly size: string | undefined },
): boolean {
  return node.group === group && node.size === size;
}

/** Those that serve: of each size as many as are wanted, without the spares; where some are missing, others stand in for them. */
function chosen(
  ready: readonly PlannedNode[],
  serving: GroupKey | undefined,
  input: PlanInput,
): readonly PlannedNode[] {
  const quotas = quotasOf({ ...input, spares: 0 }, serving);
  const own = quotas.flatMap(({ size, count }) => ready.filter((node) => node.size === size).slice(0, count));
  const most = Math.max(1, input.count);
  const others = ready.filter((node) => !own.includes(node)).slice(0, Math.max(0, most - own.length));
  return ready.filter((node) => own.includes(node) || others.includes(node)).slice(0, most);
}

function nameOf({ name }: PlannedNode): string {
  return name;
}

/**
 * The active group takes the traffic once all its nodes are ready; at once where nobody else can serve. Until then
 * whoever serves goes on.
 */
function servingGroup({ active, count, serving, nodes }: PlanInput): GroupKey | undefined {
  const ready = (group: GroupKey | undefined): number =>
    nodes.filter((node) => node.group === group && node.state === 'ready').length;
  if (serving === active || ready(active) >= count) return active;
  if (ready(serving) === 0 && ready(active) > 0) return active;
  return serving;
}

/**
 * Of a group that nobody wants, or more than the group is to have: those that do not work go first, then the youngest. What is
 * too many of one size stands in for another until that is there.
 */
function isUnwanted(
  node: PlannedNode,
  living: readonly PlannedNode[],
  input: PlanInput,
  wanted: readonly (GroupKey | undefined)[],
): boolean {
  if (!wanted.includes(node.group)) return true;
  const quotas = quotasOf(input, node.group);
  const alike = (size: string | undefined): PlannedNode[] =>
    living.filter((other) => isAlike(other, { group: node.group, size })).sort((a, b) => rank(a) - rank(b));
  const own = quotas.find(({ size }) => size === node.size)?.count ?? 0;
  if (alike(node.size).indexOf(node) < own) return false;
  const isWhole = quotas.every(
    ({ size, count }) => alike(size).filter(({ state }) => state === 'ready').length >= count,
  );
  const isOfSeveral = quotas.length > 1 || node.size !== undefined;
  return node.state !== 'ready' || !isOfSeveral || isWhole;
}

function rank({ state }: PlannedNode): number {
  return state === 'ready' ? 0 : state === 'failed' ? 2 : 1;
}
