import { z } from 'zod';
import { acceptedRuleSchema, nameSchema, redactionRuleSchema } from '../../common/index.js';
import { limitCountsSchema } from '../daemon/limit-counts.js';

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

export const changeSetSchema = z
  .strictObject({
    packages: z.array(z.string().min(1).max(256)).min(1).max(100).optional(),
    files: z.record(z.string().min(1), absolutePath.nullable()).optional(),
    env: z.record(z.string().min(1), z.string().nullable()).optional(),
  })
  .refine((change) => Object.keys(change).length > 0, 'expected packages, files or env');

export const addClusterSchema = z.strictObject({
  name: nameSchema,
  /** As in the config file; checked against its schema. */
  config: z.record(z.string(), z.unknown()),
  /** The app's folder; needed for the first cluster. */
  app: absolutePath.optional(),
});

export const deploySchema = z.strictObject({ app: absolutePath });

export const startShadowSchema = z.strictObject({
  change: changeSetSchema,
  arms: z.enum(['2x2', '1x1']).optional(),
  /** The operator's word to go on where nothing keeps the arms from the outside. */
  unguarded: z.boolean().optional(),
  /** Bytes of disk that captured exchanges may take while they wait; by default a share of what is free. */
  spoolBytes: z.int().min(0).optional(),
  /** Share of live's sessions to copy; all by default. */
  sample: z.number().gt(0).max(1).optional(),
  /** What its report does not keep: names of header fields, JSON paths. */
  redact: z.array(redactionRuleSchema).max(1000).optional(),
});

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
  change: changeSetSchema.or(z.object({})),
  base: z.string(),
  next: z.string().nullable(),
  createdAt: z.string(),
  promotedAt: z.string().optional(),
  rollbackUntil: z.string().optional(),
  endedAt: z.string().optional(),
  error: errorSchema.shape.error.optional(),
});
export type Upgrade = z.output<typeof upgradeSchema>;

const endpointSchema = z.object({
  endpoint: z.string(),
  count: z.number(),
  errors: z.number(),
  perfAvg: z.number().optional(),
  median: z.number().optional(),
  p99: z.number().optional(),
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
  nodes: z.array(
    z.object({
      name: z.string(),
      release: z.string(),
      state: z.string(),
      address: z.string(),
      port: z.int(),
      pid: z.int().optional(),
      restarts: z.int(),
      reason: z.string().optional(),
    }),
  ),
  endpoints: z.array(endpointSchema),
  config: z.record(z.string(), z.unknown()),
  error: errorSchema.shape.error.optional(),
});
export type Cluster = z.output<typeof clusterSchema>;

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
    limits: limitCountsSchema.optional(),
  }),
  api: z.object({ url: z.string() }),
  stores: z.object({ mongo: z.string(), processes: z.array(processSchema) }),
  live: z.string().nullable(),
  clusters: z.array(clusterSchema),
  upgrade: upgradeSchema.nullable(),
  operations: z.array(operationSchema),
});
export type FederationStatus = z.output<typeof statusSchema>;

/** Reports and statuses of shadows are the engine's documents; common/domain/shadow.ts describes them. */
export const shadowDocumentSchema = z.record(z.string(), z.unknown());
