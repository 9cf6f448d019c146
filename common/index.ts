/** What every part may know. The only door of common/. */
export * from './bytes.js';
export * from './clock.js';
export * from './deadline.js';
export * from './config/cluster.js';
export * from './config/manifest.js';
export * from './config/parse.js';
export * from './config/proxy.js';
export * from './config/read-json.js';
export * from './config/redaction.js';
export * from './config/schedule.js';
export * from './domain/accepted-rule.js';
export * from './domain/app-launcher.js';
export * from './domain/cluster.js';
export * from './domain/exchange.js';
export * from './domain/release.js';
export * from './domain/shadow.js';
export * from './domain/sizing.js';
export * from './domain/spend.js';
export * from './duration.js';
export * from './duplicate-key.js';
export * from './errors.js';
export * from './read-body.js';
export * from './read-only-tree.js';
export * from './socket-root.js';
export * from './statistics/lean.js';
export {
  histogramAbove,
  histogramCount,
  histogramQuantile,
  mergeHistograms,
  type HistogramBucket,
  type EndpointNode,
  type CacheFrame,
  type LimitsFrame,
  type TelemetryFrame,
} from './frames/index.js';
export * from './lease.js';
export * from './log.js';
export * from './native.js';
export * from './net.js';
export * from './outbound/call-queue.js';
export * from './outbound/http-call.js';
export * from './outbound/recorder.js';
export * from './paths.js';
export * from './process/child.js';
export * from './process/supervise.js';
export * from './proxy/index.js';
export * from './stores/index.js';
