import type { NodeState } from '../../common/index.js';

/** A release with the env its nodes get: nodes of one group are alike, and any difference makes another group. */
export type GroupKey = string;

export interface PlannedNode {
  readonly name: string;
  readonly group: GroupKey;
  readonly state: NodeState;
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
  /** In the order they were started. */
  readonly nodes: readonly PlannedNode[];
}

export interface Plan {
  readonly serving: GroupKey | undefined;
  /** Nodes that get requests from now on. */
  readonly traffic: readonly string[];
  readonly start: readonly { readonly group: GroupKey; readonly count: number }[];
  /** Nodes that are not wanted any more. */
  readonly retire: readonly string[];
}

/** What to do so that the nodes become what the spec says, without a moment in which nobody serves. Pure. */
export function plan(input: PlanInput): Plan {
  const serving = servingGroup(input);
  const wanted = [...new Set([input.active, ...input.warm])];
  const living = input.nodes.filter(({ state }) => state !== 'draining' && state !== 'stopped');
  const start = wanted.flatMap((group) => {
    const missing = sizeOf(input, group) - living.filter((node) => node.group === group).length;
    return missing > 0 ? [{ group, count: missing }] : [];
  });
  const retire = living.filter((node) => isUnwanted(node, living, input, [...wanted, serving]));
  const traffic = living
    .filter((node) => node.group === serving && node.state === 'ready' && !retire.includes(node))
    .slice(0, Math.max(1, input.count));
  return { serving, traffic: traffic.map(nameOf), start, retire: retire.map(nameOf) };
}

/** Warm releases only run their tests: what waits there is enough for a flip. */
function sizeOf({ active, count, spares }: PlanInput, group: GroupKey | undefined): number {
  return group === active ? count + spares : count;
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

/** Of a group that nobody wants, or more than the group is to have: those that do not work go first, then the youngest. */
function isUnwanted(
  node: PlannedNode,
  living: readonly PlannedNode[],
  input: PlanInput,
  wanted: readonly (GroupKey | undefined)[],
): boolean {
  if (!wanted.includes(node.group)) return true;
  const better = living.filter((other) => other.group === node.group).sort((a, b) => rank(a) - rank(b));
  return better.indexOf(node) >= sizeOf(input, node.group);
}

function rank({ state }: PlannedNode): number {
  return state === 'ready' ? 0 : state === 'failed' ? 2 : 1;
}
