import { z } from 'zod';

/** Longest reason that a rule may have. */
export const REASON_CHARACTERS = 2000;

/** What of a value a rule goes by: see `formOf` of the shadow. `absent`, `"text/html"`, `integer`, `text`… */
const form = z.string().min(1).max(400);

/** One way in which a place may change. A form that is left out: any. */
const acceptedChangeSchema = z.strictObject({
  kind: z.enum(['removed', 'retyped', 'changed', 'added']),
  old: form.optional(),
  new: form.optional(),
});

/**
 * An accepted difference, so that it applies again in the next upgrade: the place by names that stay the same from
 * release to release, and how it may change. What changes there in another way is not accepted.
 */
export const acceptedRuleSchema = z.strictObject({
  /** Of rules that a federation keeps: the id of the difference it was made from. */
  id: z.string().optional(),
  endpoint: z.string().min(1),
  where: z.string().min(1),
  /** What inside the place. */
  detail: z.string().min(1).optional(),
  changes: z.array(acceptedChangeSchema).min(1, 'expected one change at least'),
  reason: z.string().trim().min(1, 'expected a reason').max(REASON_CHARACTERS),
  /** The upgrade in which it was accepted, and when. */
  upgrade: z.string().optional(),
  at: z.string().optional(),
});

/** A file of rules. */
export const acceptedRulesSchema = z.array(acceptedRuleSchema);

export type AcceptedRule = z.output<typeof acceptedRuleSchema>;
