import { z } from 'zod';

/** How agents and the federator agree on money before a host is created; money in US dollars an hour, times in ms. */

const id = z.string().min(1).max(200);

export const spendRequestSchema = z.discriminatedUnion('kind', [
  /** From now on this agent runs the cluster, and no other. */
  z.strictObject({ kind: z.literal('claim') }),
  /** Only asks what there is to spend. */
  z.strictObject({ kind: z.literal('look') }),
  z.strictObject({ kind: z.literal('reserve'), id, hourly: z.number().min(0) }),
  /** The provider is asked now; it acts within `withinMs` or never. */
  z.strictObject({ kind: z.literal('create'), id, withinMs: z.number().min(0) }),
  z.strictObject({ kind: z.literal('confirm'), id }),
  z.strictObject({ kind: z.literal('release'), id }),
  /** The intents of all hosts there are, as the provider told when it was asked at `askedAt` by the federation's clock. */
  z.strictObject({ kind: z.literal('listing'), askedAt: z.number(), hosts: z.array(id).max(10_000) }),
]);
export type SpendRequest = z.output<typeof spendRequestSchema>;

export const spendMessageSchema = z.strictObject({
  cluster: z.string().min(1).max(200),
  /** Unique for each life of an agent. */
  session: z.string().min(1).max(200),
  request: spendRequestSchema,
});
export type SpendMessage = z.output<typeof spendMessageSchema>;

export const spendReplySchema = z.object({
  /** granted: go on. refused: the ceiling. lapsed: the reservation is gone. superseded: another agent has the cluster. */
  outcome: z.enum(['granted', 'refused', 'lapsed', 'superseded', 'noted']),
  /** The federation's clock. */
  now: z.number(),
  /** What this cluster may spend, with what it spends already; null: no ceiling. */
  ceiling: z.number().nullable(),
  /** Intents that are counted for this cluster. */
  counted: z.array(z.string()),
});
export type SpendReply = z.output<typeof spendReplySchema>;

/** The federation's purse, as an agent asks it. */
export interface SpendPort {
  /** Errors: SPEND_UNREACHABLE, the signal's reason. */
  tell(request: SpendRequest, signal: AbortSignal): Promise<SpendReply>;
}
