import { z } from 'zod';
import type { LimitsFrame } from '../../common/index.js';

/** What the edge's limits have come to since the supervisor started. */
const limitCountsSchema = z.object({
  /** Requests over their client's rate. */
  clientRate: z.int(),
  /** Connections over their client's number. */
  clientConnections: z.int(),
  /** Clients whose debt gave way to others in the proxy's table: more are about than it has places for. */
  forgotten: z.int(),
  /** Clusters that get no requests while others do. */
  nodesOut: z.array(z.object({ node: z.string(), ejected: z.boolean(), unhealthy: z.boolean() })).default([]),
  endpoints: z.array(
    z.object({
      endpoint: z.string(),
      clientRate: z.int(),
      /** Requests over the endpoint's own rate. */
      endpointRate: z.int(),
    }),
  ),
});
export type LimitCounts = z.output<typeof limitCountsSchema>;

/** The edge's limits as the state shows them. */
export const limitStateSchema = limitCountsSchema.extend({
  /** Only counted, nothing refused, because the limits say so. */
  measure: z.boolean(),
});

export const NO_LIMIT_COUNTS: LimitCounts = {
  clientRate: 0,
  clientConnections: 0,
  forgotten: 0,
  nodesOut: [],
  endpoints: [],
};

/** The counts with one more frame of a worker; endpoints by name. Pure. */
export function addLimits(counts: LimitCounts, frame: LimitsFrame): LimitCounts {
  const endpoints = new Map(counts.endpoints.map((entry) => [entry.endpoint, entry]));
  for (const { endpoint, clientRate, endpointRate } of frame.endpoints) {
    const before = endpoints.get(endpoint);
    endpoints.set(endpoint, {
      endpoint,
      clientRate: (before?.clientRate ?? 0) + clientRate,
      endpointRate: (before?.endpointRate ?? 0) + endpointRate,
    });
  }
  return {
    clientRate: counts.clientRate + frame.endpoints.reduce((sum, { clientRate }) => sum + clientRate, 0),
    clientConnections: counts.clientConnections + frame.clientConnections,
    nodesOut: [...frame.nodesOut],
    // All workers tell the same sum, since their proxy's start.
    forgotten: Math.max(counts.forgotten, frame.forgotten),
    endpoints: [...endpoints.values()].sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1)),
  };
}
