import { z } from 'zod';
import type { LimitsFrame } from '../../common/index.js';

/** What the edge's limits have come to since the supervisor started. */
export const limitCountsSchema = z.object({
  /** Only counted, nothing refused, because the limits say so. */
  measure: z.boolean(),
  /** Requests over their client's rate. */
  clientRate: z.int(),
  /** Connections over their client's number. */
  clientConnections: z.int(),
  /** Clients whose debt gave way to others in the proxy's table: more are about than it has places for. */
  forgotten: z.int(),
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

export const NO_LIMIT_COUNTS: LimitCounts = {
  measure: false,
  clientRate: 0,
  clientConnections: 0,
  forgotten: 0,
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
    measure: frame.measure,
    clientRate: counts.clientRate + frame.endpoints.reduce((sum, { clientRate }) => sum + clientRate, 0),
    clientConnections: counts.clientConnections + frame.clientConnections,
    // All workers tell the same sum, since their proxy's start.
    forgotten: Math.max(counts.forgotten, frame.forgotten),
    endpoints: [...endpoints.values()].sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1)),
  };
}
