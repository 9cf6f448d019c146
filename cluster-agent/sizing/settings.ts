import { MOST_NODES, sizingBounds, type ClusterConfig, type RouteConfig } from '../../common/index.js';
import type { Measurement } from '../routetest/measure.js';
import type { GroupingConfig } from './grouping-choice.js';
import type { SizingConfig } from './input.js';
import type { EndpointCost } from './observe.js';

/** Offered work is told by the second: a shorter interval would decide on nothing. */
const LEAST_INTERVAL_MS = 1000;

/** How often a cluster's size is decided, ms. */
export function intervalOf({ reconfigure }: Pick<ClusterConfig, 'reconfigure'>): number {
  return Math.max(LEAST_INTERVAL_MS, reconfigure);
}

/** The decision's settings for a cluster that may spend `ceiling` US dollars an hour (undefined: any). Pure. */
export function sizingConfig(
  config: ClusterConfig,
  ceiling: number | undefined,
  isSticky = false,
): SizingConfig {
  // Where the number is fixed, what sizing would choose is told all the same.
  const { least, most } = sizingBounds(config) ?? { least: 1, most: MOST_NODES };
  return {
    reconfigureMs: intervalOf(config),
    waitMultiplier: config.waitMultiplier,
    least,
    most,
    maxSpend: ceiling,
    shortShare: config.shortShare,
    targetCeilingMs: config.targetCeiling,
    grouping: groupingConfig(config, isSticky),
  };
}

/** Nodes that a group has where the cluster has as many: with one alone, a lost node silences its endpoints for a moment. */
const GROUP_NODES = 2;

/** How endpoints may be grouped. `isSticky`: some route's clients are tied to nodes. Pure. */
export function groupingConfig(config: ClusterConfig, isSticky: boolean): GroupingConfig {
  const bounds = sizingBounds(config);
  const mode = groupingMode(config);
  const because =
    mode !== 'auto'
      ? undefined
      : config.nodeClasses !== undefined
        ? 'off: the config keeps nodes for routes itself (nodeClasses)'
        : isSticky
          ? 'off: clients are tied to nodes (sticky), and would lose theirs; "grouping": "on" groups all the same'
          : undefined;
  return {
    mode: because === undefined ? mode : 'off',
    least: Math.min(GROUP_NODES, bounds?.least ?? config.nodes),
    most: bounds?.most ?? config.nodes,
    fixed: bounds === undefined,
    ...(because === undefined ? {} : { because }),
  };
}

/** A spec that an earlier build wrote says nothing of grouping. */
export function groupingMode({ grouping = 'auto' }: Partial<ClusterConfig>): GroupingConfig['mode'] {
  return grouping;
}

/** Requests that the test load kept in a node at once, where a measurement does not say its work itself. */
const LOADED_AT_ONCE = 4;

/** What the deploy's test load says of each endpoint's cost. Pure. */
export function costsOf(measurements: readonly Measurement[]): EndpointCost[] {
  return measurements.map(({ endpoint, median, mean, loadedMedian, work }) => ({
    endpoint,
    perfAvg: median,
    mean,
    work: work ?? Math.min(median, (loadedMedian ?? Infinity) / LOADED_AT_ONCE),
  }));
}

/** A route as an operator reads it. */
export function routeText({ pattern, methods }: Pick<RouteConfig, 'pattern' | 'methods'>): string {
  return methods === undefined ? pattern : `${methods.join('|')} ${pattern}`;
}
