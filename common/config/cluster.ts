import { z } from 'zod';
import { bytesSchema } from '../bytes.js';
import type { NodeLimits } from '../domain/app-launcher.js';
import { durationSchema } from '../duration.js';
import { nameSchema } from './manifest.js';

/** Nodes a cluster can have. */
export const MOST_NODES = 64;

const classNodesSchema = z.int('expected a whole number').min(1).max(MOST_NODES);
/** `2`, or `{ "nodes": 2, "size": "large" }`. */
const nodeClassSchema = z.union(
  [classNodesSchema, z.strictObject({ nodes: classNodesSchema, size: z.string().min(1) })],
  { error: 'expected a whole number, or { "nodes", "size" }' },
);

/**
 * One cluster's configuration: what `federate add-cluster NAME --config FILE` reads. Clusters differ in it on purpose.
 * The compiled form (durations in ms, every default filled in) is `ClusterConfig`.
 */
const plainConfigSchema = z.strictObject({
  $schema: z.string().optional(),
  /** Number of nodes that serve. It is fixed, unless `minNodes` or `maxNodes` is given: then sizing begins with it. */
  nodes: z.int('expected a whole number').min(1).max(MOST_NODES).default(2),
  /** Sizing never goes below it; default: `nodes`. */
  minNodes: z.int('expected a whole number').min(1).max(MOST_NODES).optional(),
  /** Sizing never goes above it; default: as many as a cluster can have. */
  maxNodes: z.int('expected a whole number').min(1).max(MOST_NODES).optional(),
  /** Nodes that are tested and wait for one that is lost; `auto`: as many as losses and readiness ask for. */
  standby: z
    .union([z.literal('auto'), z.int().min(0).max(8)], { error: 'expected "auto" or 0 to 8' })
    .default('auto'),
  /**
   * How many of the nodes are kept for routes of each `nodeClass`, and of which size where that is not `nodeSize`; at least one
   * node stays for all other routes.
   */
  nodeClasses: z.record(nameSchema, nodeClassSchema).optional(),
  /**
   * Whether endpoints of like duration get nodes of their own, so that short requests do not stand behind long ones: `auto`,
   * where that is cheaper for certain than more nodes for all; `on`, by the cheapest grouping there is.
   */
  grouping: z.enum(['auto', 'on', 'off']).default('auto'),
  /** A node's size, by the provider's name for it. */
  nodeSize: z.string().min(1).default('small'),
  /** What nodes of a size have. This machine's are held to it, and so are the copies of a shadow; those without have all there is. */
  sizes: z
    .record(
      z.string(),
      z.strictObject({ cpus: z.int('expected a whole number').min(1), memory: bytesSchema }),
    )
    .default({}),
  /** Nodes that take tasks, where the app's manifest has a `worker`; 0: other clusters' do. Fixed, unless `minWorkers` or `maxWorkers` is given. */
  workers: z.int('expected a whole number').min(0).max(MOST_NODES).default(1),
  /** With either of them the number of workers is sized as nodes are, by what tasks take and wait; it begins with `workers`. */
  minWorkers: z.int('expected a whole number').min(1).max(MOST_NODES).optional(),
  maxWorkers: z.int('expected a whole number').min(1).max(MOST_NODES).optional(),
  provider: z.enum(['local', 'digitalocean']).default('local'),
  /** Scale when an endpoint's median exceeds this many times its perfAvg. */
  waitMultiplier: z.number().gt(1).max(100).default(2),
  /** No endpoint's target is above it, whatever `waitMultiplier` says. */
  targetCeiling: durationSchema.optional(),
  /** Share of seconds in which work may be left waiting; what keeps it lower costs nodes. */
  shortShare: z.number().gt(0).max(0.1).default(0.001),
  /** US dollars an hour by node size, over what the provider says. */
  prices: z.record(z.string(), z.number().min(0)).default({}),
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
      /** Nobody waits for `maxRequests`; it is counted who would have. */
      measureLimits: z.boolean().optional(),
      /** For so long a node that is new, or back, gets less than its share: for apps that are slow until they are warm. */
      slowStart: durationSchema.optional(),
    })
    .prefault({}),
});

/** `nodes` leaves room for `nodeClasses`. */
export const clusterConfigSchema = plainConfigSchema.superRefine(
  ({ nodes, minNodes, maxNodes, minWorkers, maxWorkers, nodeClasses, grouping }, context) => {
    if (minWorkers !== undefined && maxWorkers !== undefined && maxWorkers < minWorkers)
      context.addIssue({
        code: 'custom',
        path: ['maxWorkers'],
        message: `expected at least minWorkers (${minWorkers})`,
      });
    if (grouping === 'on' && nodeClasses !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['grouping'],
        message: 'expected "auto" or "off" beside "nodeClasses": these say which nodes routes have',
      });
    if (minNodes !== undefined && maxNodes !== undefined && maxNodes < minNodes)
      context.addIssue({
        code: 'custom',
        path: ['maxNodes'],
        message: `expected at least minNodes (${minNodes})`,
      });
    const least = Math.min(nodes, minNodes ?? nodes);
    const kept = nodeClassesOf({ nodeClasses, nodeSize: '' }).reduce((sum, { count }) => sum + count, 0);
    if (kept > 0 && kept >= least)
      context.addIssue({
        code: 'custom',
        path: ['nodeClasses'],
        message: `expected fewer than ${least < nodes ? '"minNodes"' : '"nodes"'} (${least}) in all, found ${kept}: one node at least serves the other routes`,
      });
  },
);

export type ClusterConfig = z.output<typeof clusterConfigSchema>;
/** As written in the file, before defaults and durations are worked in. */
export type ClusterConfigInput = z.input<typeof clusterConfigSchema>;

/** Nodes that are kept for routes of a class. */
export interface NodeClass {
  readonly name: string;
  readonly count: number;
  /** Where it is not that of the cluster's other nodes. */
  readonly size: string | undefined;
}

/** The classes of a cluster's nodes, by name. Pure. */
export function nodeClassesOf({
  nodeClasses = {},
  nodeSize,
}: Pick<ClusterConfig, 'nodeClasses' | 'nodeSize'>): NodeClass[] {
  return Object.entries(nodeClasses)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, wanted]) => {
      const { nodes: count, size } = typeof wanted === 'number' ? { nodes: wanted, size: nodeSize } : wanted;
      return { name, count, size: size === nodeSize ? undefined : size };
    });
}

/** What a node of the cluster may take of its machine; undefined: nobody has said. Pure. */
export function limitsOf({
  sizes = {}, // A config that an earlier build wrote says nothing of them.
  nodeSize,
}: Partial<Pick<ClusterConfig, 'sizes' | 'nodeSize'>>): NodeLimits | undefined {
  return nodeSize === undefined ? undefined : sizes[nodeSize];
}

/** The config as it holds for workers: how many, and between how many sizing may choose. Pure. */
export function workersConfig(config: ClusterConfig): ClusterConfig {
  // A spec that an earlier build wrote says nothing of workers.
  const { workers = 1, minWorkers, maxWorkers }: Partial<ClusterConfig> = config;
  return {
    ...config,
    minNodes: minWorkers,
    maxNodes: maxWorkers,
    nodeClasses: undefined,
    nodes: workers,
    standby: 'auto',
    grouping: 'off',
  };
}

/** Between how many nodes sizing may choose; undefined where the number is fixed. Pure. */
export function sizingBounds({
  nodes,
  minNodes,
  maxNodes,
}: Pick<ClusterConfig, 'nodes' | 'minNodes' | 'maxNodes'>):
  { readonly least: number; readonly most: number } | undefined {
  if (minNodes === undefined && maxNodes === undefined) return undefined;
  const most = maxNodes ?? MOST_NODES;
  return { least: minNodes ?? Math.min(nodes, most), most };
}
