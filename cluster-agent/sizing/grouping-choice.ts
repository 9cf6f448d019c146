import { bet, isSure } from './e-detector.js';
import { groupAs, groupEndpoints, scaleTo, type GroupingInput, type NodeGroup } from './grouping.js';
import type { MeasuredLoad } from './loads.js';

/** How endpoints may be grouped. */
export interface GroupingConfig {
  /** `auto`: where it is cheaper for certain; `on`: by the cheapest grouping there is; `off`: never. */
  readonly mode: 'auto' | 'on' | 'off';
  /** Nodes that a group has at least, and the cluster at most. */
  readonly least: number;
  readonly most: number;
  /** The number of nodes is what the config says: grouping costs nothing, and is for targets that are missed without. */
  readonly fixed: boolean;
  /** Why it is off though nobody said so. */
  readonly because?: string;
}

/** What is remembered of grouping: plain data, bounded by the number of endpoints. */
export interface GroupingState {
  /** What was decided last; none: all endpoints share all nodes. */
  readonly groups: readonly NodeGroup[];
  /** log of what bets on another grouping have grown to (see `e-detector`), and what it would have saved last, in nodes. */
  readonly log: number;
  readonly gain: number | undefined;
  /** Smoothed square of how far that moves from tick to tick by itself. */
  readonly noise: number;
  /** Ticks since the last change. */
  readonly ticks: number;
  /** Nodes that it really took without groups, over what the model says. */
  readonly shared: number;
}

export const NO_GROUPING: GroupingState = {
  groups: [],
  log: 0,
  gain: undefined,
  noise: 0,
  ticks: 0,
  shared: 1,
};

/** What is decided on. */
export interface GroupingSight {
  readonly loads: readonly MeasuredLoad[];
  /** Forecast work, in nodes. */
  readonly work: number;
  /** Nodes that the forecast alone asks for, and with what it took of late to keep endpoints at their targets. */
  readonly forecast: number;
  readonly decided: number;
}

export interface GroupingChoice {
  readonly state: GroupingState;
  /** Nodes that the groups need together; 0: there are none. */
  readonly nodes: number;
  /** Whether other endpoints share nodes than before. */
  readonly isNew: boolean;
  /** For people. */
  readonly why: string;
}

/** Whole nodes are told apart from half of one on. */
const ROUNDING = 0.25;
const TICKS = 10;

/**
 * Whether endpoints share nodes, and which: the cheapest grouping on forecast work against what there is. What there is has
 * been measured, and is believed where the model says otherwise: while every endpoint keeps its target without groups, they
 * could save nothing. Another grouping is taken when it has saved nodes for longer than its own noise explains. Pure.
 */
export function chooseGrouping(
  before: GroupingState,
  sight: GroupingSight,
  config: GroupingConfig,
): GroupingChoice {
  const { mode, least, most } = config;
  if (mode === 'off') {
    const state = { ...NO_GROUPING, shared: before.shared };
    const isNew = before.groups.length > 0;
    return { state, nodes: 0, isNew, why: config.because ?? 'off by the config' };
  }
  const input: GroupingInput = {
    endpoints: scaleTo(sight.loads, sight.work),
    sizes: [{ size: 'node', price: 1, speed: 1 }],
    least,
    most,
    // What no grouping would take is known better than the model knows it.
    leastGroups: 2,
  };
  const found = groupEndpoints(input);
  // Nothing was asked: nothing is known better than before.
  if (found.groups.length === 0) return stay(before, before.groups, 'nothing was measured to group by');
  const held = before.groups.length === 0 ? undefined : groupAs(cutOf(before.groups), input);
  const none = found.ungrouped?.nodes ?? Infinity;
  const met = isMet(sight.loads);
  const shared = held === undefined ? learnShared(before, sight.decided, none, met) : before.shared;
  const together = Number.isFinite(none) ? Math.ceil(none * shared - 1e-9) : Infinity;
  const cost = costBy(sight, config);
  const now =
    held === undefined
      ? cost(met ? sight.decided : Math.max(sight.decided, together))
      : cost(Math.max(sight.decided, met ? sumOf(held.groups) : held.nodes));
  const better = cheaper(found.groups, mode === 'on' ? Infinity : together, cost);
  const said = telling(together, met, held === undefined, sight.decided);
  const gain = isSame(better.groups, before.groups) ? 0 : now - better.cost;
  const weighed = weigh({ ...before, shared }, gain);
  const isForced = mode === 'on' && held === undefined && better.groups.length > 1;
  if (!isForced && !isSure(weighed.log)) return stay(weighed, held?.groups ?? [], said);
  return {
    state: { ...NO_GROUPING, groups: better.groups, shared },
    nodes: sumOf(better.groups),
    isNew: true,
    why: `${said}; changed, as it saves ${gain} node${gain === 1 ? '' : 's'} for certain`,
  };
}

/**
 * After a tick in which another grouping would have saved `gain`. A first one may be all noise; a jump is believed no more
 * than it moved until it has stayed.
 */
function weigh(before: GroupingState, gain: number): GroupingState {
  const moved = before.gain === undefined ? gain ** 2 : (gain - before.gain) ** 2 / 2;
  const noise = before.noise + (moved - before.noise) / Math.min(before.ticks + 1, TICKS);
  const deviation = Math.sqrt(Math.max(noise, moved) + ROUNDING);
  return { ...before, gain, noise, ticks: before.ticks + 1, log: bet(before.log, gain / deviation) };
}

function stay(state: GroupingState, groups: readonly NodeGroup[], why: string): GroupingChoice {
  return { state: { ...state, groups }, nodes: sumOf(groups), isNew: false, why };
}

/** The best there could be: the groups that were found, or none. */
function cheaper(
  found: readonly NodeGroup[],
  together: number,
  cost: (nodes: number) => number,
): { readonly groups: readonly NodeGroup[]; readonly cost: number } {
  const none = { groups: [], cost: cost(together) };
  if (found.length < 2) return none;
  const grouped = { groups: found, cost: cost(sumOf(found)) };
  return grouped.cost < none.cost ? grouped : none;
}

/** What so many nodes cost, in nodes: no fewer than the forecast asks for; where they are out of reach, as many again. */
function costBy({ forecast }: GroupingSight, { most, fixed }: GroupingConfig): (nodes: number) => number {
  return (nodes) => (nodes > most ? 2 * most : fixed ? most : Math.max(nodes, Math.min(forecast, most)));
}

/** Whether every endpoint waits no longer than its target lets it, as measured. */
function isMet(loads: readonly MeasuredLoad[]): boolean {
  return loads.every(({ target, mean, waited }) => target === undefined || waited <= target - mean);
}

function learnShared({ shared, ticks }: GroupingState, decided: number, none: number, met: boolean): number {
  if (!Number.isFinite(none)) return shared;
  const took = met ? decided : Math.max(decided + 1, none);
  return shared + (took / none - shared) / Math.min(ticks + 1, TICKS);
}

const sumOf = (groups: readonly NodeGroup[]): number => groups.reduce((sum, { nodes }) => sum + nodes, 0);
const cutOf = (groups: readonly NodeGroup[]): readonly (readonly string[])[] =>
  groups.map(({ endpoints }) => endpoints);

/** Whether the same endpoints share nodes; one that is in none of `held` counts as the longest. */
function isSame(found: readonly NodeGroup[], held: readonly NodeGroup[]): boolean {
  if (found.length !== held.length) return false;
  const heldBy = (endpoint: string): number => {
    const place = held.findIndex(({ endpoints }) => endpoints.includes(endpoint));
    return place === -1 ? held.length - 1 : place;
  };
  return found.every(({ endpoints }, place) => endpoints.every((endpoint) => heldBy(endpoint) === place));
}

function telling(together: number, met: boolean, isShared: boolean, decided: number): string {
  const all = Number.isFinite(together) ? `${together} nodes` : 'more nodes than there may be';
  if (!isShared) return `without groups ${all} would be needed`;
  return met
    ? `every endpoint keeps its target on ${decided} shared nodes`
    : `some endpoint waits longer than its target lets it; shared, ${all} would be needed`;
}
