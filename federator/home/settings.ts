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
  /** Refuses nothing by these limits and those of routes, and counts what would have been refused. */
  measure: z.boolean().default(false),
});

export type EdgeLimitSettings = z.output<typeof edgeLimitsSchema>;

export type EdgeTlsSettings = z.output<typeof edgeTlsSchema>;

const rangeSchema = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], {
  error: 'expected an address range like 10.0.0.0/8',
});

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
      /** Balancers before the edge that speak the PROXY protocol: their connections must begin with its header. */
      proxyProtocol: z.array(rangeSchema).optional(),
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
