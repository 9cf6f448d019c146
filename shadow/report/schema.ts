import { z } from 'zod';
import { ARMS } from '../../common/index.js';

/** The shape of a report, strictly: docs/report.md describes it field by field, and tests hold both to it. */

const count = z.int().min(0);
const ms = z.number().min(0);
const verdict = z.enum(['identical', 'differs', 'inconclusive']);
const kind = z.enum(['removed', 'retyped', 'changed', 'added']);
const risk = z.enum(['high', 'medium', 'low']);
const sides = { old: z.string().optional(), new: z.string().optional() };

const difference = z.strictObject({
  id: z.string(),
  endpoint: z.string(),
  where: z.string(),
  detail: z.string().optional(),
  traits: z.array(z.string()).optional(),
  kind,
  risk,
  count,
  of: count,
  noise: count,
  confidence: z.number().min(0).max(1),
  changes: z.array(z.strictObject({ kind, old: z.string(), new: z.string(), count, accepted: z.boolean() })),
  accepted: z.boolean(),
  acceptedBecause: z.string().optional(),
  examples: z.array(
    z.strictObject({
      exchange: z.string(),
      request: z.strictObject({ index: z.int(), method: z.string(), target: z.string() }),
      ...sides,
    }),
  ),
});

const attribution = z.strictObject({
  causes: z.array(
    z.strictObject({
      differences: z.array(z.string()),
      changes: z.array(
        z.strictObject({
          kind: z.enum(['package', 'manifest', 'env', 'file']),
          name: z.string(),
          from: z.string().nullable(),
          to: z.string().nullable(),
          direct: z.boolean(),
          through: z.array(z.string()),
          changelog: z.strictObject({ file: z.string(), text: z.string(), cut: z.boolean() }).optional(),
        }),
      ),
      confidence: z.enum(['proven', 'inseparable', 'narrowed']),
      trials: count,
    }),
  ),
  unattributed: z.array(z.strictObject({ difference: z.string(), because: z.string() })),
  trials: count,
  unresolved: z.array(z.strictObject({ changes: z.array(z.string()), because: z.string() })),
  requests: count,
  tookMs: ms,
});

const quantile = z.strictObject({ value: ms, low: ms, high: ms });
const quantiles = z.strictObject({ p50: quantile, p95: quantile, p99: quantile });
const cost = z.strictObject({
  old: ms,
  new: ms,
  noise: ms,
  told: z.enum(['more', 'less', 'untold']),
  confidence: z.number().min(0).max(1),
});

const nodeLimits = z.strictObject({ cpus: count, memory: count });

const performance = z.strictObject({
  exchanges: count,
  latencyMs: z.strictObject({ old: quantiles, new: quantiles, typical: cost, tail: cost }),
  cpuMs: cost,
  limits: z.strictObject({ old: nodeLimits.optional(), new: nodeLimits.optional() }).optional(),
  memory: z.array(z.strictObject({ arm: z.enum(ARMS), rssBytes: count, peakBytes: count })),
});

const cron = z.strictObject({
  name: z.string(),
  runs: count,
  failed: count,
  problem: z.string().optional(),
  tookMs: ms,
  cpuMs: ms,
  beside: performance.pick({ exchanges: true, latencyMs: true }).optional(),
  busyCpus: z.strictObject({ requests: z.number(), run: z.number() }),
  nodes: z.strictObject({ requests: count, withRun: count }).optional(),
});

export const reportSchema = z.strictObject({
  version: z.literal(1),
  upgrade: z.string(),
  old: z.strictObject({ release: z.string() }),
  new: z.strictObject({ release: z.string() }),
  packages: z.array(
    z.strictObject({ name: z.string(), old: z.string().nullable(), new: z.string().nullable() }),
  ),
  verdict,
  because: z.string(),
  otherwise: z.strictObject({ verdict, because: z.string() }),
  requests: count,
  differences: z.array(difference),
  differing: z.array(
    z.strictObject({
      difference: z.string(),
      accepted: z.boolean(),
      request: count,
      where: z.string(),
      kind,
      risk,
      ...sides,
      confidence: z.number().min(0).max(1),
    }),
  ),
  accepted: z.array(z.string()),
  noise: z.array(
    z.strictObject({ endpoint: z.string(), where: z.string(), count, of: count, shape: z.string() }),
  ),
  unbound: count,
  ledger: z.strictObject({
    captured: count,
    compared: count,
    pending: count,
    unbound: count,
    truncated: count,
    unanswered: count,
    dropped: z.record(z.string(), count),
  }),
  coverage: z.strictObject({
    endpoints: z.array(
      z.strictObject({ endpoint: z.string(), captured: count, compared: count, differing: count }),
    ),
    neverHit: z.array(z.string()),
    bodiesNotCompared: z.array(z.string()),
    sample: z.number().gt(0).max(1).optional(),
    caveats: z.array(z.string()).optional(),
  }),
  guard: z.strictObject({
    enforcement: z.enum(['namespace', 'preload', 'none']),
    answered: count,
    stubbed: count,
    refused: count,
    calls: z.array(z.strictObject({ destination: z.string(), arm: z.enum(ARMS), count })),
    escaped: count,
  }),
  attribution: attribution.optional(),
  performance: performance.optional(),
  cron: cron.optional(),
  timings: z.strictObject({
    startedAt: ms,
    cloneMs: ms,
    replayedMs: ms,
    lagMs: ms,
    armMedianMs: z.record(z.string(), ms),
  }),
});
