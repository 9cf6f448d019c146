import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { durationSchema, rateSchema, readConfig } from '../../common/index.js';
import { writePrivateFile } from './files.js';
import type { Home } from './home.js';

/** How long a promotion's old nodes stay warm: long enough to notice what only real users show. */
export const DEFAULT_ROLLBACK_WINDOW = '15m';

/** Ports of the first federation on a machine; 0 takes a free one. */
export const DEFAULT_EDGE_PORT = 8080;
export const DEFAULT_EDGE_TLS_PORT = 8443;
export const DEFAULT_API_PORT = 7400;

const portSchema = z.int('expected a whole number').min(0).max(65535);

const storeUrisSchema = z.strictObject({
  /** Default: a server of the federation's own on this machine. */
  mongo: z.string().startsWith('mongodb', 'expected a mongodb:// or mongodb+srv:// URI').optional(),
  redis: z.string().startsWith('redis', 'expected a redis:// or rediss:// URI').optional(),
});

const pathSchema = z.string().startsWith('/', 'expected an absolute path');

/** https at the edge. Certificates may be replaced while it runs: the files are looked at. */
const edgeTlsSchema = z.strictObject({
  port: portSchema.min(1, 'expected a port: clients are sent there').default(DEFAULT_EDGE_TLS_PORT),
  /** PEM files: a chain, leaf first, and its key (mode 0600 or 0640). The first is for names no other is for. */
  certificates: z
    .array(z.strictObject({ certificate: pathSchema, key: pathSchema }))
    .min(1, 'expected at least one certificate'),
  /** Clients that come without TLS are sent to https; `false` serves them as well. */
  force: z.boolean().default(true),
});

/** What one client may do at the edge. Clients are told apart by the first bits of their address. */
const edgeLimitsSchema = z.strictObject({
  client: z
    .strictObject({
      ...rateSchema.partial().shape,
      /** Connections at once. */
      connections: z.int().min(1).max(1_000_000).optional(),
      prefix4: z.int().min(8).max(32).optional(),
      prefix6: z.int().min(16).max(128).optional(),
    })
    .optional(),
  /** Bytes a second a client must at least send of a body, or take of an answer; 0: any progress will do. Default: 240. */
  minRate: z.int().min(0).max(1_000_000_000).optional(),
  /** Refuses nothing by these limits and those of routes, and counts what would have been refused. */
  measure: z.boolean().default(false),
});

export type EdgeLimitSettings = z.output<typeof edgeLimitsSchema>;

export type EdgeTlsSettings = z.output<typeof edgeTlsSchema>;

/** Routes of class `asset` are answered through a cache at the edge. Sizes in bytes. */
const edgeAssetsSchema = z.strictObject({
  memoryBytes: z.int().min(65_536).optional(),
  /** On disk, in the federation's home folder: what is stored survives a restart. 0: nothing. */
  diskBytes: z
    .int()
    .refine((bytes) => bytes === 0 || bytes >= 1_048_576, 'expected 0, or at least 1048576')
    .default(1_073_741_824),
  /** Of one answer on disk; default: a 16th of `diskBytes`. */
  diskObjectBytes: z.int().min(1).optional(),
  /** Servers of an S3-compatible store where the assets lie. Default: the app's own nodes serve them. */
  origins: z
    .array(
      z
        .strictObject({
          address: z.union([z.ipv4(), z.ipv6()], { error: 'expected an IP address' }).optional(),
          /** Its name instead: it is looked up, again and again, and each address it has is one server. */
          host: z
            .string()
            .regex(/^(?!-)[a-z\d-]{1,63}(?:\.[a-z\d-]{1,63})*$/i, 'expected a host name')
            .max(253)
            .optional(),
          port: portSchema.min(1),
          tls: z.boolean().default(false),
          /** Whom its certificate must be for; default: its host, or its address. */
          serverName: z.string().optional(),
        })
        .refine(({ address, host }) => (address === undefined) !== (host === undefined), {
          error: 'expected either an address or a host',
        }),
    )
    .min(1, 'expected at least one server')
    .optional(),
  /** The store's name for itself (Host; default: the origins' host, where they have one), and what comes before each path there. */
  originHost: z.string().min(1).optional(),
  originPath: z
    .string()
    .regex(/^\/.*[^/]$/, "expected a path that starts with '/' and does not end with one")
    .optional(),
  /** For private buckets: requests are signed (AWS Signature Version 4). The file holds the secret key, and only its owner may read it. */
  signing: z
    .strictObject({
      region: z.string().min(1),
      accessKeyId: z.string().min(1),
      secretFile: z.string().startsWith('/', 'expected an absolute path'),
    })
    .optional(),
  /** Further request fields the origin gets to see; each should stand in its Vary. */
  requestFields: z.array(z.string().min(1)).optional(),
});

export type EdgeAssetSettings = z.output<typeof edgeAssetsSchema>;

const rangeSchema = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], {
  error: 'expected an address range like 10.0.0.0/8',
});

const dollars = z.number().min(0);

/** Read again while the federation runs: a ceiling may be raised at any time. */
const moneySchema = {
  /** US dollars that all nodes of all clusters may cost; at the ceiling scaling stops, and what runs goes on. */
  maxSpend: z
    .strictObject({
      hourly: dollars.optional(),
      /** In a calendar month (UTC). A node is added only where all that runs could go on through any month. */
      monthly: dollars.optional(),
    })
    .optional(),
  /** Who is told when money stops scaling. */
  mail: z
    .strictObject({
      to: z.array(z.email()).min(1),
      from: z.email(),
      smtp: z.string().regex(/^smtps?:\/\//, 'expected smtp://user:password@host:587 or smtps://'),
    })
    .optional(),
};

const fromTo = <T extends z.ZodType<number>>(bound: T) =>
  z
    .tuple([bound, bound])
    .refine(([from = 0, to = 0]) => from <= to, 'expected the lower bound first')
    .or(z.literal(false));

/** Between what bounds tuning may set keys of clusters' configs, the operator's overrides; `false`: a key is left alone. */
const tuningSchema = z.strictObject({
  waitMultiplier: fromTo(z.number().gt(1).max(100)).default([1.1, 20]),
  reconfigure: fromTo(durationSchema).prefault(['5s', '10m']),
  shortShare: fromTo(z.number().gt(0).max(0.1)).default([0.0001, 0.02]),
  /** Values in order, the least first. */
  standby: z
    .array(z.union([z.literal('auto'), z.int().min(0).max(8)]))
    .min(2)
    .or(z.literal(false))
    .default(false),
  grouping: z
    .array(z.enum(['off', 'auto', 'on']))
    .min(2)
    .or(z.literal(false))
    .default(['off', 'auto']),
  nodeSize: z.array(z.string().min(1)).min(2).or(z.literal(false)).default(false),
  /** Chance that anything is ever changed although it is no better. */
  alpha: z.number().gt(0).max(0.5).default(0.05),
  /** What a ratio of cost is worth against one of the time to answer: at 0.5 as much, at 0 nothing. */
  costWeight: z.number().min(0).max(1).default(0.5),
});

export type TuningSettings = z.output<typeof tuningSchema>;

/** `federation.json` in the home folder. */
export const settingsSchema = z.strictObject({
  $schema: z.string().optional(),
  /** Tells this federation from others; made once. */
  id: z.string().regex(/^f[0-9a-f]{16}$/, 'expected "f" and 16 hex digits, as made by federate up'),
  edge: z
    .strictObject({
      address: z.string().default('127.0.0.1'),
      port: portSchema.default(DEFAULT_EDGE_PORT),
      tls: edgeTlsSchema.optional(),
      limits: edgeLimitsSchema.optional(),
      assets: edgeAssetsSchema.optional(),
      /** Balancers before the edge that speak the PROXY protocol: their connections must begin with its header. */
      proxyProtocol: z.array(rangeSchema).optional(),
      /**
       * Balancers and CDNs before the edge that speak HTTP: what they say of their clients (Forwarded, X-Forwarded-*) is
       * believed, and limits count for whom they name. They must end what clients claim themselves.
       */
      trusted: z.array(rangeSchema).optional(),
    })
    .prefault({}),
  /** The API listens on loopback only. */
  api: z.strictObject({ port: portSchema.default(DEFAULT_API_PORT) }).prefault({}),
  /** Where the federation keeps its own state. */
  stores: storeUrisSchema.prefault({}),
  /** The stores the app's nodes use. */
  app: storeUrisSchema.prefault({}),
  /** How long the old release stays warm after a promotion. */
  rollbackWindow: durationSchema.prefault(DEFAULT_ROLLBACK_WINDOW),
  /** Read again while the federation runs. */
  tuning: tuningSchema.prefault({}),
  ...moneySchema,
});

export type Settings = z.output<typeof settingsSchema>;

/** Reads the settings; the first time, writes those of a new federation. Errors: CONFIG_INVALID, CONFIG_NOT_JSON. */
export async function loadSettings(home: Home): Promise<Settings> {
  if (!existsSync(home.settingsFile)) {
    const fresh: z.input<typeof settingsSchema> = {
      id: `f${randomBytes(8).toString('hex')}`,
      edge: { address: '127.0.0.1', port: DEFAULT_EDGE_PORT },
      api: { port: DEFAULT_API_PORT },
      rollbackWindow: DEFAULT_ROLLBACK_WINDOW,
    };
    await writePrivateFile(home.settingsFile, `${JSON.stringify(fresh, null, 2)}\n`);
  }
  return readConfig(settingsSchema, home.settingsFile);
}
