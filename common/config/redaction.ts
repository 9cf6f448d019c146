import { z } from 'zod';

/** `$.card.number`, `$..password`, `$.users[*].mail`, `$.*.pin`; a header field's name. */
const PATH = /^\$(?:\.{1,2}(?:\*|[\w-]+)|\[\*\])+$/;
const HEADER = /^[A-Za-z0-9!#%&'*+.^_`|~-]+$/;

export const redactionRuleSchema = z
  .string()
  .max(256)
  .refine(
    (rule) => (rule.startsWith('$') ? PATH : HEADER).test(rule),
    'expected the name of a header field, or a JSON path such as "$.card.number", "$..pin" or "$.users[*].mail"',
  );
