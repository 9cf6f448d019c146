import { z } from 'zod';
import {
  acceptedRuleSchema,
  nameSchema,
  redactionRuleSchema,
  sizingExplanationSchema,
  sizingStatusSchema,
} from '../../common/index.js';
import { assetCountsSchema } from '../daemon/edge-assets.js';
import { limitStateSchema } from '../daemon/limit-counts.js';

/** What the API takes and gives; the CLI speaks by the same schemas. */

export const errorSchema = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    found: z.string().optional(),
    remedy: z.string(),
  }),
});

const absolutePath = z.string().startsWith('/', 'expected an absolute path').max(4096);

const changeSet = {
  packages: z.array(z.string().min(1).max(256)).min(1).max(100).optional(),
  files: z.record(z.string().min(1), absolutePath.nullable()).optional(),
  env: z.record(z.string().min(1), z.string().nullable()).optional(),
};

export const addClusterSchema = z.strictObject({
  name: nameSchema,
  /** As in the config file; checked against its schema. */
  config: z.record(z.string(), z.unknown()),
  /** The app's folder; needed for the first cluster. */
  app: absolutePath.optional(),
});

/** Of a path on any host, or of a whole URL. */
export const purgeSchema = z.strictObject({
  prefix: z
    .string()
    .regex(/^(\/|https?:\/\/)/, 'expected a path like /img/, or the beginning of a URL')
    .max(2048),
});

const configChange = {
  /** Default: all. */
  cluster: nameSchema.optional(),
  /** As in the config file, whole; checked against its schema. */
  config: z.record(z.string(), z.unknown()).optional(),
  nodeSize: z.string().min(1).optional(),
};

type ConfigChanges = { readonly [key in keyof typeof configChange]?: unknown };

/** A cluster is named for its config alone. */
const hasConfigForCluster = ({ cluster, config, nodeSize }: ConfigChanges): boolean =>
  cluster === undefined || config !== undefined || nodeSize !== undefined;

/** A release, configs of clusters, or both. */
export const deploySchema = z
  .strictObject({
    app: absolutePath.optional(),
    /** The live release with the files of a folder in place of those it has there. */
    assets: z.strictObject({ dir: absolutePath, into: z.string().min(1).optional() }).optional(),
    ...configChange,
  })
  .refine((deploy) => Object.keys(deploy).length > 0, 'expected app, assets, config or nodeSize')
  .refine(({ app, assets }) => app === undefined || assets === undefined, 'expected app or assets, not both')
  .refine(hasConfigForCluster, 'expected config or nodeSize beside cluster');

export const configureSchema = z
  .strictObject({ config: configChange.config, nodeSize: configChange.nodeSize })
  .refine((change) => Object.keys(change).length > 0, 'expected config or nodeSize');

export const tuningOrderSchema = z.discriminatedUnion('order', [
  z.strictObject({ order: z.enum(['on', 'undo']) }),
  /** `restore`: clusters get back what they had before they were tuned; else all have the best config found. */
  z.strictObject({ order: z.literal('off'), restore: z.boolean().optional() }),
  z.strictObject({ order: z.enum(['pin', 'unpin']), cluster: nameSchema }),
]);

export const startShadowSchema = z
  .strictObject({
    /** What is rehearsed: a release, configs of clusters, or both; nothing where it is a cron. */
    change: z
      .strictObject({ ...changeSet, ...configChange })
      .refine(hasConfigForCluster, 'expected config or nodeSize beside cluster')
      .default({}),
    /** Name of a cron, or task, of the app that runs: its runs are laid over the replay. */
    cron: z.string().min(1).max(64).optional(),
    arms: z.enum(['2x2', '1x1']).optional(),
    /** The operator's word to go on where nothing keeps the arms from the outside. */
    unguarded: z.boolean().optional(),
    /** Bytes of disk that captured exchanges may take while they wait; by default a share of what is free. */
    spoolBytes: z.int().min(0).optional(),
    /** Share of live's sessions to copy; all by default. */
    sample: z.number().gt(0).max(1).optional(),
    /** How long it may be tried at a time which package makes which difference, ms; 0: not at all. Default 10 minutes. */
    attributeMs: z.int().min(0).optional(),
    /** What its report does not keep: names of header fields, JSON paths. */
    redact: z.array(redactionRuleSchema).max(1000).optional(),
  })
  .refine(
    ({ change, cron }) => Object.keys(change).length > 0 === (cron === undefined),
    'expected packages, files, env, config or nodeSize in change, or cron instead of them',
  );

export const acceptSchema = z.strictObject({
  difference: z.string().min(1).max(128),
  reason: acceptedRuleSchema.shape.reason,
});

export const promoteSchema = z.strictObject({
  /** The operator's word that a verdict which cannot be told is no obstacle. */
  yes: z.boolean().default(false),
  /** Ids of open differences that are no obstacle. */
  despite: z.array(z.string().min(1).max(128)).max(10_000).default([]),
  /** How long the old nodes stay warm, ms. */
  rollbackWindowMs: z.int().min(0).optional(),
});

export const operationSchema = z.object({
  id: z.string(),
  kind: z.string(),
  subject: z.string(),
  state: z.enum(['queued', 'running', 'done', 'failed']),
  doing: z.string(),
  steps: z.array(z.object({ name: z.string(), state: z.string(), at: z.string() })),
  error: errorSchema.shape.error.optional(),
  createdAt: z.string(),
  endedAt: z.string().optional(),
});
export type Operation = z.output<typeof operationSchema>;

export const upgradeSchema = z.object({
  id: z.string(),
  kind: z.enum(['shadow', 'deploy']),
  state: z.string(),
  change: z.strictObject(changeSet).or(z.object({})),
  base: z.string(),
  next: z.string().nullable(),
  /** Where configs change: what, key by key. */
  configs: z.array(z.object({ cluster: z.string(), changes: z.array(z.string()) })).optional(),
  /** The cron that is rehearsed instead of an update. */
  cron: z.string().optional(),
  createdAt: z.string(),
  promotedAt: z.string().optional(),
  rollbackUntil: z.string().optional(),
  endedAt: z.string().optional(),
  error: errorSchema.shape.error.optional(),
});
export type Upgrade = z.output<typeof upgradeSchema>;

const tallySchema = z.object({
  count: z.number(),
  errors: z.number(),
  median: z.number().optional(),
  p90: z.number().optional(),
  p99: z.number().optional(),
  open: z.number(),
  /** What nodes say that they took themselves. */
  own: z.number().optional(),
});

/** A line of the route map; times in ms, within the last `reconfigure` interval. */
const endpointSchema = tallySchema.extend({
  endpoint: z.string(),
  routes: z.array(z.string()),
  perfAvg: z.number().optional(),
  target: z.number().optional(),
  frequency: z.number(),
  nodes: z.array(tallySchema.extend({ node: z.string() })),
});

const nodeSchema = z.object({
  name: z.string(),
  release: z.string(),
  state: z.string(),
  address: z.string(),
  port: z.int(),
  pid: z.int().optional(),
  restarts: z.int(),
  /** Where it is not that of the cluster's other nodes. */
  size: z.string().optional(),
  reason: z.string().optional(),
});

const taskSchema = z.object({
  task: z.string(),
  count: z.int(),
  errors: z.int(),
  median: z.number().optional(),
  p99: z.number().optional(),
  wait: z.number().optional(),
  work: z.number(),
});

export const clusterSchema = z.object({
  name: z.string(),
  state: z.enum(['adding', 'live', 'removing']),
  /** What its agent says; `unreachable` while it does not answer. */
  health: z.enum(['converged', 'converging', 'failed', 'unreachable']),
  generation: z.int(),
  active: z.string(),
  warm: z.array(z.string()),
  listen: z.object({ address: z.string(), port: z.int() }),
  nodes: z.array(nodeSchema),
  /** What its proxy tells of who waits and who is left out; counts are of the last `reconfigure`. */
  proxy: z
    .object({
      pid: z.int().optional(),
      restarts: z.int(),
      measure: z.boolean(),
      waiting: z.int(),
      queued: z.int(),
      refused: z.int(),
      glitches: z.int(),
      nodesOut: z.array(z.object({ node: z.string(), ejected: z.boolean(), unhealthy: z.boolean() })),
    })
    .optional(),
  endpoints: z.array(endpointSchema),
  sizing: sizingStatusSchema.optional(),
  /** Nodes that take tasks, and what they did; where the app has a `worker`. */
  workers: z.array(nodeSchema),
  tasks: z.array(taskSchema),
  config: z.record(z.string(), z.unknown()),
  error: errorSchema.shape.error.optional(),
});
export type Cluster = z.output<typeof clusterSchema>;

export const endpointsSchema = z.array(z.object({ cluster: z.string(), endpoints: z.array(endpointSchema) }));
export type ClusterEndpoints = z.output<typeof endpointsSchema>[number];

/** Decisions of the clusters asked about, and why some have none to tell. */
export const explanationsSchema = z.object({
  clusters: z.array(sizingExplanationSchema),
  /** By cluster, what tuning does with its config; those it leaves out are not tuned. */
  tuning: z.record(z.string(), z.array(z.string())).optional(),
  missing: z.array(z.object({ cluster: z.string(), error: errorSchema.shape.error })),
});
export type Explanations = z.output<typeof explanationsSchema>;

const processSchema = z.object({
  name: z.string(),
  pid: z.int().optional(),
  restarts: z.int(),
  lastExit: z.string().optional(),
});

export const statusSchema = z.object({
  federation: z.string(),
  /** `degraded`: something that should run does not. */
  health: z.enum(['ok', 'degraded']),
  problems: z.array(z.string()),
  instance: z.object({ name: z.string(), active: z.boolean(), epoch: z.int() }),
  edge: z.object({
    url: z.string(),
    /** Where the edge has certificates. */
    httpsUrl: z.string().optional(),
    pid: z.int().optional(),
    restarts: z.int(),
    capture: z.boolean(),
    limits: limitStateSchema.optional(),
    glitches: z.int().optional(),
    assets: assetCountsSchema.optional(),
  }),
  api: z.object({ url: z.string() }),
  stores: z.object({ mongo: z.string(), processes: z.array(processSchema) }),
  /** US dollars; null: no ceiling. `hourly`: what nodes cost that are there or on their way. */
  spend: z.object({
    hourly: z.number(),
    maxHourly: z.number().nullable(),
    thisMonth: z.number(),
    maxMonthly: z.number().nullable(),
  }),
  live: z.string().nullable(),
  clusters: z.array(clusterSchema),
  upgrade: upgradeSchema.nullable(),
  operations: z.array(operationSchema),
});
export type FederationStatus = z.output<typeof statusSchema>;

/** Reports and statuses of shadows are the engine's documents; common/domain/shadow.ts describes them. */
export const shadowDocumentSchema = z.record(z.string(), z.unknown());
