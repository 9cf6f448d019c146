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
  return {
    nodes,
    routes: routes.map((route) => ({
      pattern: route.pattern,
      ...(route.methods === undefined ? {} : { methods: route.methods }),
      endpoint: endpointName(route),
      class: route.class,
      sticky: route.sticky,
    })),
    limits: { upstreamTimeout: config.proxy.upstreamTimeout, bodyBytes: config.proxy.bodyBytes },
    telemetry: { interval: config.proxy.telemetryInterval },
    exchangeHeader: EXCHANGE_HEADER,
    // The edge stands before it on this machine: it has set the exchange's id and the client's address.
    trusted: ['127.0.0.0/8'],
    drainTimeout: config.drainTimeout,
  };
}
