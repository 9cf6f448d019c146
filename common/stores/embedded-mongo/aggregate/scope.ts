import type { QueryContext } from '../query/context.js';

/** What an expression is evaluated in. */
export interface Scope {
  readonly root: unknown;
  readonly variables: Readonly<Record<string, unknown>>;
}

export type Compiled = (scope: Scope) => unknown;

/** What is known while an expression is compiled. */
export interface CompileScope {
  readonly context: QueryContext;
  /** Names of the variables that will be there, without `$$`. */
  readonly known: ReadonlySet<string>;
  /** Compiles an expression within this scope, with further variables if there are any. */
  readonly compile: (expression: unknown, ...newVariables: readonly string[]) => Compiled;
}
