import {
  EXCHANGE_HEADER,
  endpointName,
  nodeClassesOf,
  type AppManifest,
  type ClusterConfig,
  type ProxyNode,
  type ProxySettings,
} from '../../common/index.js';
import type { NodeGroup } from '../sizing/grouping.js';
import { withGroups } from '../sizing/grouping-classes.js';
import { classesFor, withClasses } from './node-classes.js';

/** Which endpoints share nodes, and the classes that nodes have had until now. */
export interface Grouped {
  readonly groups: readonly NodeGroup[];
  readonly before: ReadonlyMap<string, string>;
  /** Sizes of nodes, by name, where they are not that of the config. */
  readonly sizes: ReadonlyMap<string, string>;
}

/** What a cluster's proxy is told. Pure. */
export function proxySettings(
  config: ClusterConfig,
  { routes, health }: Pick<AppManifest, 'routes' | 'health'>,
  nodes: readonly ProxyNode[],
  { groups, before, sizes }: Grouped = { groups: [], before: new Map(), sizes: new Map() },
): ProxySettings {
  const { upstreamTimeout, bodyBytes, maxRequests, queue, queueTimeout, slowStart, measureLimits } =
    config.proxy;
  const limited = maxRequests > 0 ? nodes.map((node) => ({ ...node, maxRequests })) : nodes;
  const classed = withClasses(limited, nodeClassesOf(config), sizes);
  const listed = {
    nodes: classed,
    routes: routes.map((route) => ({
      pattern: route.pattern,
      ...(route.methods === undefined ? {} : { methods: route.methods }),
      endpoint: endpointName(route),
      class: route.class,
      sticky: route.sticky,
      ...classesFor(route, classed),
    })),
  };
  return {
    ...(config.nodeClasses === undefined ? withGroups(listed, groups, before) : listed),
    limits: {
      upstreamTimeout,
      bodyBytes,
      queue,
      queueTimeout,
      ...(measureLimits === true ? { measure: true } : {}),
    },
    // By what says that a node is up its proxy goes on asking whether it still is.
    ...(health === undefined ? {} : { health: { path: health.path } }),
    ...(slowStart === undefined || slowStart === 0 ? {} : { balance: { slowStart } }),
    telemetry: { interval: config.proxy.telemetryInterval },
    exchangeHeader: EXCHANGE_HEADER,
    // The edge stands before it on this machine: it has set the exchange's id and the client's address.
    trusted: ['127.0.0.0/8'],
    drainTimeout: config.drainTimeout,
  };
}
