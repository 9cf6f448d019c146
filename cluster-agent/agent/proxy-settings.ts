import {
  EXCHANGE_HEADER,
  endpointName,
  type AppManifest,
  type ClusterConfig,
  type ProxyNode,
  type ProxySettings,
} from '../../common/index.js';

/** What a cluster's proxy is told. Pure. */
export function proxySettings(
  config: ClusterConfig,
  routes: AppManifest['routes'],
  nodes: readonly ProxyNode[],
): ProxySettings {
  const { upstreamTimeout, bodyBytes, maxRequests, queue, queueTimeout } = config.proxy;
  return {
    nodes: maxRequests > 0 ? nodes.map((node) => ({ ...node, maxRequests })) : nodes,
    routes: routes.map((route) => ({
      pattern: route.pattern,
      ...(route.methods === undefined ? {} : { methods: route.methods }),
      endpoint: endpointName(route),
      class: route.class,
      sticky: route.sticky,
    })),
    limits: { upstreamTimeout, bodyBytes, queue, queueTimeout },
    telemetry: { interval: config.proxy.telemetryInterval },
    exchangeHeader: EXCHANGE_HEADER,
    // The edge stands before it on this machine: it has set the exchange's id and the client's address.
    trusted: ['127.0.0.0/8'],
    drainTimeout: config.drainTimeout,
  };
}
