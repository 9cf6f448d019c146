import { z } from 'zod';

/** What the federation tells of a cluster's size: agents, API and CLI speak by these schemas. Times in ms, money in US dollars. */

const errorSchema = z.object({
  code: z.string(),
  message: z.string(),
  found: z.string().exactOptional(),
  remedy: z.string(),
});

/** Where a cluster's size stands. */
export const sizingStatusSchema = z.object({
  /** `sized`: sizing chooses between `least` and `most`. `fixed`: the config says how many. */
  mode: z.enum(['sized', 'fixed']),
  least: z.int(),
  most: z.int(),
  /** Nodes that are to serve, and to wait ready for one that is lost. */
  wanted: z.int(),
  spares: z.int(),
  /** From a node's spawn to its first passed route test; absent until one was measured. */
  readyMs: z.number().exactOptional(),
  /** When it was last decided. */
  decidedAt: z.number().exactOptional(),
  /** Why so many. */
  reasons: z.array(z.string()),
  /** What holds now and needs the operator. */
  problems: z.array(errorSchema),
});
export type SizingStatus = z.output<typeof sizingStatusSchema>;

/** A decision for people: a recorded one, or the one that would be made now. */
const decisionSchema = z.object({
  cluster: z.string(),
  at: z.number(),
  mode: z.enum(['sized', 'fixed']),
  /** What there was when it was decided. */
  serving: z.int(),
  starting: z.int(),
  /** What was decided; for a fixed cluster what sizing would choose. */
  nodes: z.int(),
  /** What is wanted: `nodes`, or what the config fixes. */
  wanted: z.int(),
  spares: z.int(),
  least: z.int(),
  most: z.int(),
  reasons: z.array(z.string()),
  problems: z.array(errorSchema),
  size: z.string(),
  /** A node an hour; null: the provider does not say. */
  price: z.number().nullable(),
  /** What this cluster may spend an hour; null: no ceiling. */
  ceiling: z.number().nullable(),
  readyMs: z.number(),
  /** Offered work of the last tick, in nodes: mean and highest second; and node-seconds of it that waited at its end. */
  work: z.object({ mean: z.number(), most: z.number(), waiting: z.number() }),
  /** Share of the last tick's seconds in which work was left waiting. */
  short: z.number(),
  /** Expected work, in nodes; `upper`: not passed in all but the share of seconds that may be short. */
  forecast: z.array(z.object({ aheadMs: z.number(), work: z.number(), upper: z.number() })),
  /** Endpoints that are slow for certain. */
  slow: z.array(z.string()),
  /** Endpoints that share nodes of their own, the shortest first; none: all share all. `wait`: mean, ms; null: without end. */
  groups: z.object({
    why: z.string(),
    each: z.array(
      z.object({
        endpoints: z.array(z.string()),
        nodes: z.int(),
        work: z.number(),
        wait: z.number().nullable(),
      }),
    ),
  }),
  /** What would change the number of nodes. */
  changes: z.array(z.object({ what: z.string(), nodes: z.int() })),
});
/** Of the nodes that serve, and of the workers where the app has some. */
export const sizingExplanationSchema = decisionSchema.extend({ workers: decisionSchema.exactOptional() });
export type SizingExplanation = z.output<typeof sizingExplanationSchema>;

/** Which decision is asked about: the last one that was taken, or the one that would be taken now. */
export type SizeQuestion = 'last' | 'next';
