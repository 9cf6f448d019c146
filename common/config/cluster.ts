import { z } from 'zod';
import { durationSchema } from '../duration.js';

/**
 * One cluster's configuration: what `federate add-cluster NAME --config FILE` reads. Clusters differ in it on purpose.
 * The compiled form (durations in ms, every default filled in) is `ClusterConfig`.
 */
export const clusterConfigSchema = z.strictObject({
  $schema: z.string().optional(),
  /** Number of nodes that serve; the sizing moves it between `minNodes` and `maxNodes` once it is built. */
  nodes: z.int('expected a whole number').min(1).max(64).default(2),
  /** A node's size, by the provider's name for it. */
  nodeSize: z.string().min(1).default('small'),
  provider: z.enum(['local', 'digitalocean']).default('local'),
  /** Scale when an endpoint's median exceeds this many times its perfAvg. */
  waitMultiplier: z.number().gt(1).max(100).default(2),
  /** How often sizing is reconsidered. */
  reconfigure: durationSchema.prefault('60s'),
  /** How long an old node may finish what it has, after it gets no more. */
  drainTimeout: durationSchema.prefault('10s'),
  /** Env of the app's nodes in this cluster, over the manifest's. */
  env: z.record(z.string(), z.string()).default({}),
  /** Whether route tests are followed by the short load that measures perfAvg. */
  measure: z.boolean().default(true),
  proxy: z
    .strictObject({
      workers: z.int().min(1).max(64).default(1),
      /** How often the proxy tells its measurements. */
      telemetryInterval: durationSchema.prefault('1s'),
      /** No byte from a node for this long: 504. */
      upstreamTimeout: durationSchema.prefault('60s'),
      /** Largest request body; 0: no limit. */
      bodyBytes: z.int().min(0).default(0),
      /** Requests a node has at once at most, the others wait at the proxy; 0: no limit. */
      maxRequests: z.int().min(0).max(1_000_000).default(0),
      /** Requests that may wait for a node, above: 503. */
      queue: z.int().min(0).max(1_000_000).default(1000),
      /** How long they may wait, then: 503. */
      queueTimeout: durationSchema.prefault('5s'),
    })
    .prefault({}),
});

export type ClusterConfig = z.output<typeof clusterConfigSchema>;
/** As written in the file, before defaults and durations are worked in. */
export type ClusterConfigInput = z.input<typeof clusterConfigSchema>;
