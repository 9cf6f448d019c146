import { z } from 'zod';
import type { ProxyConfig } from '../../common/index.js';
import { assetCountsSchema } from './edge-assets.js';
import { limitStateSchema } from './limit-counts.js';

/** What supervisor, federator and CLI say to each other on this machine. */

/** The part of the edge's config that the federator decides; the rest is the supervisor's. */
export type EdgeConfig = Pick<ProxyConfig, 'nodes' | 'routes' | 'capture'>;

export const childStateSchema = z.object({
  name: z.string(),
  pid: z.int().optional(),
  restarts: z.int(),
  /** Why it ended last, for those that were restarted. */
  lastExit: z.string().optional(),
});
export type ChildState = z.output<typeof childStateSchema>;

export const supervisorStateSchema = z.object({
  pid: z.int(),
  startedAt: z.number(),
  /** `starting`: not everything answers yet. */
  phase: z.enum(['starting', 'up', 'stopping']),
  edge: z.object({
    address: z.string(),
    port: z.int(),
    tlsPort: z.int().optional(),
    pid: z.int().optional(),
    restarts: z.int(),
    limits: limitStateSchema.optional(),
    /** Malformed requests since the supervisor started. */
    glitches: z.int().optional(),
    assets: assetCountsSchema.optional(),
  }),
  federator: childStateSchema,
  stores: z.array(childStateSchema),
  agents: z.array(childStateSchema),
  workers: z.array(childStateSchema),
});
export type SupervisorState = z.output<typeof supervisorStateSchema>;

/** Which process of a proxy runs. */
export const identitySchema = z.object({ pid: z.int(), version: z.string() });

/** From a child that was started with an IPC channel to whoever started it: what its start came to. */
export type StartMessage =
  | { readonly kind: 'progress'; readonly text: string }
  | { readonly kind: 'ready'; readonly port?: number }
  | {
      readonly kind: 'failed';
      readonly error: {
        readonly code: string;
        readonly message: string;
        readonly found?: string;
        readonly remedy: string;
      };
    };

/** Tells the parent, where there is one that listens. */
export function tellParent(message: StartMessage): void {
  if (process.connected) process.send?.(message);
}

export function isStartMessage(value: unknown): value is StartMessage {
  return typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string';
}
