import { z } from 'zod';
import type { AppManifest, ClusterConfig, ClusterSpec } from '../../common/index.js';

/**
 * A ClusterSpec as it comes over the agent's socket. Config and manifest are in their compiled form, which the schemas of
 * common/config made and checked before; here their frame is.
 */
const configSchema = z.custom<ClusterConfig>(
  (value) =>
    z
      .looseObject({
        nodes: z.int().min(1),
        workers: z.int().min(0).optional(),
        provider: z.string(),
        env: z.record(z.string(), z.string()),
        drainTimeout: z.number(),
        reconfigure: z.number(),
        measure: z.boolean(),
        proxy: z.looseObject({
          workers: z.int(),
          telemetryInterval: z.number(),
          upstreamTimeout: z.number(),
        }),
      })
      .safeParse(value).success,
  'expected a compiled cluster config',
);

const manifestSchema = z.custom<AppManifest>(
  (value) =>
    z
      .looseObject({
        name: z.string(),
        routes: z.array(z.looseObject({ pattern: z.string() })),
        readyTimeout: z.number(),
        stores: z.looseObject({ mongo: z.string(), redis: z.string() }),
        outbound: z.record(z.string(), z.string()),
        env: z.record(z.string(), z.string()),
        writable: z.record(z.string(), z.string()),
      })
      .safeParse(value).success,
  'expected a compiled manifest',
);

const releaseSchema = z.strictObject({
  id: z.string().min(1),
  app: z.string().min(1),
  dir: z.string().startsWith('/', 'expected an absolute path'),
  manifest: manifestSchema,
  packages: z.record(z.string(), z.string()),
  base: z.looseObject({ id: z.string() }).optional(),
  createdAt: z.number(),
});

export const specSchema = z.strictObject({
  name: z.string().min(1),
  generation: z.int().min(0),
  config: configSchema,
  active: releaseSchema,
  warm: z.array(releaseSchema),
  warmConfigs: z.record(z.string(), configSchema).optional(),
  stores: z.strictObject({ mongo: z.string(), redis: z.string() }),
  listen: z.strictObject({ address: z.string(), port: z.int().min(0).max(65535) }),
  writableDir: z.string().startsWith('/', 'expected an absolute path'),
  recordOutbound: z.boolean(),
}) as unknown as z.ZodType<ClusterSpec>; // `base.change` is carried along unread.
