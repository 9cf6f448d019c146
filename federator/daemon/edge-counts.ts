import { z } from 'zod';
import type { TelemetryFrame } from '../../common/index.js';

const countsSchema = z.object({
  errors: z.int(),
  /** Successes by endpoint, and what they took in all, ms. */
  endpoints: z.record(z.string(), z.object({ count: z.int(), sumMs: z.number() })),
});

/** What clients saw of each cluster since the edge was started, by the edge's own measurement. */
export const edgeCountsSchema = z.object({
  /** Another one: the counts began anew. */
  since: z.number(),
  clusters: z.record(z.string(), countsSchema),
});
export type EdgeCounts = z.output<typeof edgeCountsSchema>;
export type ClusterCounts = z.output<typeof countsSchema>;

/** The counts with one more frame. Pure. */
export function addCounts(counts: EdgeCounts, { entries }: Pick<TelemetryFrame, 'entries'>): EdgeCounts {
  const touched: Record<string, Mutable> = {};
  for (const { node, endpoint, count, errors, clientAborts, sumNs } of entries) {
    if (count === 0) continue;
    const cluster = (touched[node] ??= copyOf(counts.clusters[node]));
    const { count: successes, sumMs } = cluster.endpoints[endpoint] ?? { count: 0, sumMs: 0 };
    cluster.errors += errors;
    cluster.endpoints[endpoint] = {
      count: successes + Math.max(0, count - errors - clientAborts),
      sumMs: sumMs + Number(sumNs) / 1e6,
    };
  }
  return { ...counts, clusters: { ...counts.clusters, ...touched } };
}

type Mutable = { errors: number; endpoints: ClusterCounts['endpoints'] };

/** Once a frame and cluster: a frame tells of every endpoint. */
function copyOf(counts: ClusterCounts | undefined): Mutable {
  return { errors: counts?.errors ?? 0, endpoints: { ...counts?.endpoints } };
}
