import type { Collation } from './collation.js';

/** What a filter, an expression or an update needs to know of the command it is part of. */
export interface QueryContext {
  readonly collation: Collation | undefined;
  /** `$$NOW`, the same for the whole command. */
  readonly now: Date;
  /** The command's `let`: values under their names, without `$$`. */
  readonly variables: Readonly<Record<string, unknown>>;
}

export function plainContext(now = new Date()): QueryContext {
  return { collation: undefined, now, variables: {} };
}
